// Two products at the same models: whatever one of them does to a provider, its keys and its places, the other is answered as if
// it were alone, and its views say nothing of it. The provider is a stub that misbehaves for the words of one product only.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  chatReply,
  handClock,
  providerKeys,
  questions,
  scriptedAnswer,
  sendJson,
  startRig,
  startStub,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub, StubRequest } from "../support/gateway/gateway.ts";
import type { Answer } from "../support/app/in-process.ts";

let rig: GatewayRig;
let stub: Stub;
const clock = handClock();
const question = questions();

beforeAll(async () => {
  stub = await startStub();
  stub.answer = good;
  rig = await startRig({
    clock,
    flags: { "max-attempts": "2", "upstream-headers-timeout-ms": "1500", "upstream-idle-timeout-ms": "1500" },
    providers: ({ keyFile }) => {
      const own = {
        kind: "openai-compatible",
        baseUrl: `${stub.url}/v1`,
        keys: [{ file: keyFile(providerKeys.first) }],
      };
      const two = [{ file: keyFile(providerKeys.first) }, { file: keyFile(providerKeys.second) }];
      return {
        single: { ...own, open: true },
        double: { ...own, keys: two, open: true },
        narrow: { ...own, open: true, connections: 10 },
        small: own,
      };
    },
    deployments: [
      { name: "shared", provider: "single" },
      { name: "places", provider: "small", concurrency: 10 },
    ],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(async () => {
  stub.answer = good;
  // Rests and open breakers of one test are over before the next.
  clock.advance(600_000);
  await rig.charter.ask("/api/v1/circuit-breakers/reset_all", { method: "POST" });
});

const good = (_request: StubRequest, response: ServerResponse): void =>
  sendJson(response, chatReply("m", scriptedAnswer));
const isPoisoned = ({ text }: StubRequest): boolean => text.includes("poison");

/** What the provider does to words of A's; everybody else is answered. */
function poisoned(answer: Stub["answer"]): void {
  stub.answer = (request, response) => (isPoisoned(request) ? answer : good)(request, response);
}

const a = (model: string, more: object = {}): Promise<Answer> =>
  rig.chat({ ...question("A word of poison"), model, ...more });
const b = (model: string, more: object = {}): Promise<Answer> =>
  rig.chat({ ...question(), model, ...more }, { key: rig.otherKey });

/** Everything that B may look at, without what is new in every answer. */
async function viewsOfB(): Promise<unknown> {
  const paths = ["/circuit-breakers", "/v1/models", "/models", "/v1/budgets", "/v1/halts", "/metrics"];
  const views = [];
  for (const path of paths) {
    const { status, json } = await rig.charter.ask(path, { key: rig.otherKey });
    views.push([path, status, status === 200 ? json : json.code]);
  }
  const explained = await rig.charter.ask("/v1/route/explain", {
    key: rig.otherKey,
    body: { model: "auto", messages: [{ role: "user", content: "Hi" }] },
  });
  return [...views, explained.json];
}

const misdeeds: Readonly<Record<string, Stub["answer"]>> = {
  "answers 500": (_request, response) => sendJson(response, { error: { message: "no" } }, 500),
  "answers 529": (_request, response) => sendJson(response, { error: { message: "overloaded" } }, 529),
  "answers what is no JSON": (_request, response) => void response.writeHead(200).end("<html>"),
  "cuts the connection": (_request, response) => void response.destroy(),
  "says nothing in time": () => {},
  "breaks off a stream": (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n', () => response.destroy());
  },
  "answers 400": (_request, response) => sendJson(response, { error: { message: "bad" } }, 400),
  "answers 403": (_request, response) => sendJson(response, { error: { message: "not this" } }, 403),
  "answers 429 for five minutes": (_request, response) => {
    response.setHeader("retry-after", "300");
    sendJson(response, { error: { message: "organization org-x used 29000 of 30000 tokens" } }, 429);
  },
  "answers 429 for want of money": (_request, response) =>
    sendJson(response, { error: { code: "insufficient_quota", message: "org-x has $1.23 left" } }, 429),
  "answers 402": (_request, response) => sendJson(response, { error: { message: "org-x can afford 100" } }, 402),
};

describe("a provider that, for the words of one product,", () => {
  it.each(Object.keys(misdeeds))(
    "%s serves another product as before, and its views say nothing of it",
    async (name) => {
      expect((await b("shared")).status).toBe(200);
      const before = await viewsOfB();
      poisoned(misdeeds[name]!);
      const told = [];
      for (let i = 0; i < 6; i++) {
        const { status, text } = await a("shared", { stream: name.includes("stream") });
        told.push(status);
        expect(text).not.toContain("org-x");
      }
      if (!name.includes("stream")) expect(Math.min(...told)).toBeGreaterThanOrEqual(400);
      expect(stub.seen.filter(isPoisoned).length).toBeGreaterThan(0);
      expect(await viewsOfB()).toEqual(before);
      for (let i = 0; i < 3; i++) {
        const answer = await b("shared");
        expect([answer.status, answer.json.choices?.[0]?.message.content]).toEqual([200, scriptedAnswer]);
      }
      // What its own calls have met is all that differs.
      const own = (await rig.charter.ask("/circuit-breakers", { key: rig.otherKey })).json["shared"];
      expect(own).toMatchObject({ state: "closed", failure_count: 0, total_failures: 0 });
      expect(own).not.toHaveProperty("by_product");
    },
  );

  it("fails often opens its breaker alone, and who sees all is told whose it is", async () => {
    poisoned(misdeeds["answers 500"]!);
    for (let i = 0; i < 5; i++) await a("shared");
    const { length } = stub.seen;
    const refused = await a("shared");
    expect([refused.status, refused.json.code, stub.seen.length]).toEqual([503, "model.unavailable", length]);
    expect((await b("shared")).status).toBe(200);
    const { json } = await rig.charter.ask("/circuit-breakers");
    expect(json["shared"]).toMatchObject({
      state: "open",
      by_product: { AI_ASSISTANT: { state: "open" }, GURUKUL: { state: "closed" } },
    });
    expect((await rig.charter.ask("/circuit-breakers", { key: rig.productKey })).json["shared"].state).toBe("open");
  });

  it("does not know a key rests that key for it, and for everybody once a second product has met that", async () => {
    const [first, second] = Object.values(providerKeys).map((key) => `Bearer ${key}`);
    stub.answer = (request, response) =>
      request.headers.authorization === first ? sendJson(response, {}, 401) : good(request, response);
    const avatar = await rig.charter.keyFor("product", "AI_AVATAR");
    const callers = [rig.productKey, rig.otherKey, avatar];
    const keysUsed: unknown[] = [];
    for (const key of callers) {
      const { length } = stub.seen;
      for (let i = 0; i < 3; i++) {
        expect((await rig.chat({ ...question(), model: `double/m${i}` }, { key })).status).toBe(200);
      }
      keysUsed.push(stub.seen.slice(length).filter(({ headers }) => headers.authorization === first).length);
    }
    expect(keysUsed).toEqual([1, 1, 0]);
    expect(stub.seen.at(-1)?.headers.authorization).toBe(second);
  });

  it("does not know the server's only key for a model that the product has named takes it from nobody else", async () => {
    poisoned((_request, response) => sendJson(response, { error: { message: "not with this key" } }, 401));
    expect((await a("single/of-its-own-invention")).json.code).toBe("upstream.key_refused");
    expect((await a("single/another")).json.code).toBe("upstream.key_refused");
    expect((await b("single/m")).status).toBe(200);
  });

  it("limits every key at one model leaves it its other models, and all models to another product", async () => {
    poisoned(misdeeds["answers 429 for five minutes"]!);
    expect((await a("double/one")).json.code).toBe("model.busy");
    const { length } = stub.seen;
    expect((await a("double/one")).json.code).toBe("model.busy");
    expect(stub.seen).toHaveLength(length);
    expect((await rig.chat({ ...question(), model: "double/two" })).status).toBe(200);
    for (const model of ["double/one", "double/two"]) expect((await b(model)).status).toBe(200);
  });

  it("has no money left for it rests its keys at that model, and none at another one or of another product", async () => {
    poisoned(misdeeds["answers 402"]!);
    expect((await a("double/poor")).json.code).toBe("upstream.quota_exceeded");
    const { length } = stub.seen;
    expect((await a("double/poor")).json.code).toBe("upstream.quota_exceeded");
    expect(stub.seen).toHaveLength(length);
    expect((await rig.chat({ ...question(), model: "double/two" })).status).toBe(200);
    expect((await b("double/poor")).status).toBe(200);
  });

  it("fails so often that its retries are used up leaves another product its own", async () => {
    poisoned(misdeeds["answers 500"]!);
    for (let i = 0; i < 30; i++) await a(`single/poison-${i}`);
    let failures = 1;
    stub.answer = (request, response) => (failures-- > 0 ? sendJson(response, {}, 500) : good(request, response));
    expect((await b("single/m")).status).toBe(200);
  });
});

describe("a product that takes all the places it can get", () => {
  it.each(["places", "narrow/m"])("at %s leaves another one a place at once", async (model) => {
    const held: ServerResponse[] = [];
    poisoned((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      held.push(response);
      // A stream that goes on and says little holds its place for as long as it likes.
      const timer = setInterval(() => {
        response.write('data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n');
      }, 100);
      response.once("close", () => clearInterval(timer));
    });
    const gone = new AbortController();
    const { length } = stub.seen;
    const greedy = Array.from({ length: 40 }, () =>
      fetch(`${rig.charter.url}/v1/chat/completions`, {
        method: "POST",
        signal: gone.signal,
        headers: { authorization: `Bearer ${rig.productKey}`, "content-type": "application/json" },
        body: JSON.stringify({ ...question("poison"), model, stream: true }),
      }).catch(() => undefined),
    );
    while (held.length < 8) await sleep(10);
    for (let i = 0; i < 5; i++) expect((await b(model)).status).toBe(200);
    // Two of ten stay for others, however many wait.
    expect(held).toHaveLength(8);
    expect(stub.seen.slice(length).filter(isPoisoned)).toHaveLength(8);
    gone.abort();
    await Promise.all(greedy);
    for (const response of held) if (!response.closed) await once(response, "close");
  });
});
