// Every call of a model under the constitution: what is on record of it, and who may make it on what terms.
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ShownLeaf } from "../support/ledger/record.ts";
import {
  chatReply,
  filesHolding,
  openaiOf,
  questions,
  readStream,
  sendJson,
  startRig,
  startStub,
  writeRigFiles,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import { spawnCharter } from "../support/app/process.ts";
import { everyEntry, expectEachIntentClosed, expectSound } from "../support/ledger/record.ts";
import { startUpstream } from "../support/gateway/upstream.ts";

let rig: GatewayRig;
let stub: Stub;
const keys = { avatar: "", limited: "", observer: "", auditor: "", executor: "" };

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: () => ({
      vault: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, maxDataClass: "restricted" },
    }),
    deployments: [
      { name: "strong", model: "ok-strong", tier: 5 },
      { name: "safe", provider: "vault", model: "safe" },
      { name: "echoes", model: "echo" },
    ],
    constitution: [
      [
        ["products", "AI_AVATAR", "models"],
        { maxTier: 2, models: ["answers", "up/else", "strong"], maxDataClass: "internal" },
      ],
      [["products", "ENFORCEMENT", "models"], { keyRequestsPerMinute: 2 }],
    ],
  });
  keys.avatar = await rig.charter.keyFor("product", "AI_AVATAR");
  keys.limited = await rig.charter.keyFor("product", "ENFORCEMENT");
  keys.auditor = await rig.charter.keyFor("auditor");
  keys.executor = await rig.charter.keyFor("executor");
  const observer = { kind: "product", product: "AI_ASSISTANT", role: "observer" };
  keys.observer = (await rig.charter.ask("/v1/keys", { body: observer })).json.key;
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

const question = questions();
const sha256 = (data: string | Buffer): string => `sha256:${createHash("sha256").update(data).digest("hex")}`;
/** RFC 8785 for what these tests send: names in ASCII, no number with an exponent. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(",")}}`;
}

describe("the record of a call", () => {
  const stream = true;
  const model = "answers";
  it.each<[string, Record<string, unknown>, Record<string, string>, string, string | undefined]>([
    ["answered", { model }, {}, "committed", undefined],
    ["streamed", { model, stream }, {}, "committed", undefined],
    ["refused by the provider", { model: "up/refuse-context" }, {}, "refused", "upstream.context_exceeded"],
    ["failed", { model: "up/500" }, {}, "failed", "upstream.failed"],
    ["broken in the middle", { model: "up/cut-mid-stream", stream }, {}, "failed", "upstream.failed"],
    ["not to be had from the cache", { model }, { "cache-control": "only-if-cached" }, "refused", "cache.not_stored"],
    ["beyond a budget", { model, max_tokens: 900_000_000 }, {}, "refused", "budget.exhausted"],
    [
      "of data that may not go there",
      { model },
      { "x-charter-data-class": "restricted" },
      "refused",
      "model.not_allowed",
    ],
  ])("is one intent and one outcome: %s", async (_name, body, headers, outcome, code) => {
    const size = await rig.charter.ledgerSize();
    const { headers: told } = await rig.chat({ ...question(), ...body }, { headers });
    const { intents, outcomes } = await rig.callsSince(size);
    expect([intents.length, outcomes.length]).toEqual([1, 1]);
    expect(intents[0]).toMatchObject({
      operation: "chat.create",
      resource: `model/${String(body["model"])}`,
      product: "AI_ASSISTANT",
      decision: { allow: true },
    });
    expect([outcomes[0]?.outcome, outcomes[0]?.code]).toEqual([outcome, code]);
    expect(outcomes[0]?.request_id).toBe(intents[0]?.request_id);
    expect(told.get("x-constitution-hash")).toBe(outcomes[0]?.constitution_hash);
    expectEachIntentClosed(await rig.leaves());
  });

  it("tells what was used, what it cost, why it went there, and the digests of both sides", async () => {
    const body = { model, ...question(), temperature: 0, metadata: { "b b": "2", a: ["1", null, true, 0.5] } };
    const size = await rig.charter.ledgerSize();
    const { text, headers } = await rig.chat(body);
    const { facts: call, digest } = await rig.outcomeSince(size);
    expect(call).toMatchObject({
      deployment: "answers",
      model: "ok",
      tier: 2,
      attempts: 1,
      streamed: false,
      cache: "miss",
      finish: "stop",
      input_tokens: 12,
      output_tokens: 6,
      cache_read_tokens: 0,
      cache_write_tokens: 0,
      reasoning_tokens: 0,
      estimated: false,
      microdollars: 24,
      prompt: sha256(canonical(body)),
      reply: sha256(text),
    });
    expect(digest).toBe(sha256(text));
    expect(call?.reasons).toMatch(/named the model/);
    expect(call?.reasons).toMatch(/(^|; )score 0\.\d{4}: compliance 90 %/);
    expect(headers.get("x-charter-intent")).toBe(String(size));
    expect(headers.get("x-charter-outcome")).toBe(String(size + 1));
  });

  it("of a stream holds the digest of every byte before the last comment, which says where the outcome stands", async () => {
    const body = { model, ...question(), stream, stream_options: { include_usage: true } };
    const size = await rig.charter.ledgerSize();
    const { text, headers } = await rig.chat(body);
    const { facts: call } = await rig.outcomeSince(size);
    expect(call).toMatchObject({
      streamed: true,
      input_tokens: 12,
      output_tokens: 6,
      microdollars: 24,
      prompt: sha256(canonical(body)),
      reply: sha256(text.slice(0, text.indexOf(": charter "))),
    });
    const { facts } = readStream(text);
    expect(facts).toMatchObject({
      intent_index: size,
      outcome_index: size + 1,
      microdollars: 24,
      tier: 2,
      cache: "miss",
    });
    expect(headers.get("x-charter-intent")).toBe(String(size));
  });

  it("of an embedding and of the predecessor's own call are records too", async () => {
    for (const [path, operation, body] of [
      ["/v1/embeddings", "embedding.create", { model: "vectors", input: question().messages[0]?.content }],
      ["/execute", "model.execute", { query: question().messages[0]?.content }],
      ["/v1/messages", "message.create", { model, max_tokens: 10, ...question() }],
      ["/v1/responses", "response.create", { model, input: question().messages[0]?.content }],
    ] as const) {
      const size = await rig.charter.ledgerSize();
      const { status, text } = await rig.charter.ask(path, { key: rig.productKey, body });
      expect(status, text).toBe(200);
      const { intents, outcomes } = await rig.callsSince(size);
      expect([intents.length, outcomes.length, intents[0]?.operation]).toEqual([1, 1, operation]);
      expect(outcomes[0]).toMatchObject({ outcome: "committed", facts: { estimated: false } });
    }
  });

  it("holds nothing of either side's words, and neither does any other file", async () => {
    const marker = `zebra quilt ${Math.random().toString(36).slice(2)}`;
    for (const streamed of [false, true, false]) {
      const { text } = await rig.chat({ model: "echoes", ...question(`Say "${marker}".`), stream: streamed });
      expect(text).toContain(marker);
    }
    await rig.chat({ model: "up/500", ...question(marker) });
    await rig.chat({ model: marker, ...question(marker) });
    const [, tail = ""] = marker.split("quilt ");
    for (const text of [marker, tail, Buffer.from(marker).toString("base64").slice(0, -4)]) {
      expect(await filesHolding(rig.charter.dataDir, text)).toEqual([]);
    }
  });
});

describe("a server that is killed in the middle of a stream", () => {
  it("has the call's intent on record, closes it as interrupted at its next start, and the ledger verifies", async () => {
    await using upstream = await startUpstream();
    const files = await writeRigFiles(upstream.url);
    const dataDir = await mkdtemp(join(tmpdir(), "charter-killed-"));
    const args = Object.entries(files.flags).flatMap(([name, value]) => [`--${name}`, value]);
    try {
      await using first = await spawnCharter({ dataDir, args });
      const client = openaiOf(first.url, await first.keyFor("product", "AI_ASSISTANT"));
      const size = await first.ledgerSize();
      const messages = [{ role: "user" as const, content: "Go on and on." }];
      const { data, response } = await client.chat.completions
        .create({ model: "up/endless", messages, stream: true })
        .withResponse();
      let chunks = 0;
      const read = (async () => {
        for await (const _ of data) if (++chunks === 1) await first.kill();
      })();
      await expect(read).rejects.toThrow();
      expect(chunks).toBeGreaterThan(0);
      await upstream.until(() => upstream.aborted === 1);
      await expectSound(dataDir, "after the kill");

      await using second = await spawnCharter({ dataDir, args, adminKey: first.adminKey });
      const leaves = await everyEntry(second);
      const index = Number(response.headers.get("x-charter-intent"));
      expect(index).toBeGreaterThanOrEqual(size);
      expect(leaves[index]).toMatchObject({ kind: "intent", operation: "chat.create", resource: "model/up/endless" });
      const outcome = leaves.find(({ kind, intent }) => kind === "outcome" && intent === index);
      expect(outcome).toMatchObject({ outcome: "interrupted" });
      expectEachIntentClosed(leaves);
      await second.stop();
      await expectSound(dataDir, "after the next start");
    } finally {
      await rm(dataDir, { recursive: true, force: true });
      await rm(files.dir, { recursive: true, force: true });
    }
  });
});

describe("the terms of a product", () => {
  const refused = async (body: object, headers: Record<string, string> = {}): Promise<[number, string]> => {
    const { length } = rig.upstream.seen;
    const { status, json } = await rig.chat({ ...question(), ...body }, { key: keys.avatar, headers });
    expect(rig.upstream.seen).toHaveLength(length);
    return [status, json.code];
  };

  it("end at a tier", async () => {
    expect(await refused({ model: "strong" })).toEqual([403, "model.not_allowed"]);
    // Nothing is known of the strength of a model that is not listed.
    expect(await refused({ model: "up/else" })).toEqual([403, "model.not_allowed"]);
    expect((await rig.chat({ ...question(), model: "answers" }, { key: keys.avatar })).status).toBe(200);
  });

  it("cap what the router may choose, and say so on record", async () => {
    const size = await rig.charter.ledgerSize();
    const { status } = await rig.chat({ ...question(), model: "tier:5" }, { key: keys.avatar });
    expect(status).toBe(200);
    expect((await rig.outcomeSince(size)).facts).toMatchObject({ deployment: "answers", tier: 2 });
  });

  it("list the models, for calling and for looking", async () => {
    expect(await refused({ model: "gem-answers" })).toEqual([403, "model.not_allowed"]);
    const listed = async (key: string): Promise<string[]> => {
      const { json } = await rig.charter.ask("/v1/models", { key });
      return json.data.map(({ id }: { id: string }) => id);
    };
    expect(await listed(keys.avatar)).toEqual(["answers"]);
    expect(await listed(rig.productKey)).toEqual(expect.arrayContaining(["answers", "strong", "gem-answers"]));
    expect((await rig.charter.ask("/v1/models/gem-answers", { key: keys.avatar })).status).toBe(404);
  });

  it("say how far data may travel", async () => {
    const as = (name: string): Record<string, string> => ({ "x-charter-data-class": name });
    expect(await refused({ model: "answers" }, as("confidential"))).toEqual([403, "model.not_allowed"]);
    expect((await rig.chat({ ...question(), model: "answers" }, { headers: as("confidential") })).status).toBe(200);
    const restricted = await rig.chat({ ...question(), model: "answers" }, { headers: as("restricted") });
    expect([restricted.status, restricted.json.code]).toEqual([403, "model.not_allowed"]);
    stub.answer = ({ json }, response) => sendJson(response, chatReply(json.model, "kept here"));
    expect((await rig.chat({ ...question(), model: "safe" }, { headers: as("restricted") })).status).toBe(200);
    expect((await rig.chat({ ...question(), model: "answers" }, { headers: as("secret") })).status).toBe(400);
  });

  it("say how often a key may call", async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { status, json, headers } = await rig.chat({ ...question(), model: "answers" }, { key: keys.limited });
      statuses.push(status);
      if (status === 429) {
        expect(json.code).toBe("model.rate_exceeded");
        expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      }
    }
    expect(statuses).toEqual([200, 200, 429]);
  });

  it("are explained: what was refused says which rule and what would make it pass", async () => {
    const { json } = await rig.chat({ ...question(), model: "strong" }, { key: keys.avatar });
    expect(json).toMatchObject({ code: "model.not_allowed", policies: ["gateway.terms"] });
    expect(json.detail).toMatch(/strong: the terms end at tier 2/i);
    expect(json.remedy).toBeTruthy();
    expect(json.outcome_index).toBe(json.intent_index + 1);
  });
});

describe("who calls", () => {
  const call = async (key: string, headers: Record<string, string> = {}): Promise<[number, string | undefined]> => {
    const { status, json } = await rig.chat({ ...question(), model: "answers" }, { key, headers });
    return [status, json.code];
  };

  it("may be a product, its agents, an executor and an admin", async () => {
    expect(await call(rig.productKey)).toEqual([200, undefined]);
    expect(await call(rig.agentKey)).toEqual([200, undefined]);
    expect(await call(keys.executor, { "x-charter-product": "AI_ASSISTANT" })).toEqual([200, undefined]);
    expect(await call(rig.charter.adminKey, { "x-charter-product": "AI_ASSISTANT" })).toEqual([200, undefined]);
  });

  it("may not be an auditor, nor anybody whose role only looks, and the refusal is on record", async () => {
    for (const [key, code] of [
      [keys.auditor, "governance.denied"],
      [keys.observer, "permission.denied"],
    ] as const) {
      const size = await rig.charter.ledgerSize();
      const { length } = rig.upstream.seen;
      expect(await call(key)).toEqual([403, code]);
      const { intents, outcomes } = await rig.callsSince(size);
      expect([intents.length, outcomes.length, outcomes[0]?.outcome, outcomes[0]?.code]).toEqual([
        1,
        1,
        "refused",
        code,
      ]);
      expect(rig.upstream.seen).toHaveLength(length);
    }
  });

  it("without a credential, or with a wrong one, is not told what models there are", async () => {
    for (const key of [null, "charter_pr_0000000000000000000000000000000000000000000"]) {
      for (const [path, body] of [
        ["/v1/models", undefined],
        ["/v1/chat/completions", { model: "nobody", messages: [] }],
        ["/v1/messages", { model: "answers" }],
        ["/v1/embeddings", { model: "'; DROP TABLE budgets; --", input: "x" }],
        ["/v1/responses", {}],
        ["/execute", { query: "x" }],
        ["/route", { query: "x" }],
        ["/models", undefined],
        ["/circuit-breakers", undefined],
        ["/metrics", undefined],
      ] as const) {
        const { status } = await rig.charter.ask(path, { key, ...(body === undefined ? {} : { body }) });
        expect(status, path).toBe(401);
      }
    }
  });

  it("pays for its own product only: another one does not exist for it", async () => {
    const { length } = rig.upstream.seen;
    const before = await rig.budget("default", "GURUKUL");
    const answers = [];
    for (const product of ["GURUKUL", "NOWHERE"]) {
      for (const key of [rig.productKey, rig.agentKey]) {
        const { status, json } = await rig.chat(
          { ...question(), model: "answers" },
          { key, headers: { "x-charter-product": product } },
        );
        answers.push({ status, code: json.code });
      }
    }
    expect(answers).toEqual(Array.from({ length: 4 }, () => ({ status: 404, code: "product.not_found" })));
    expect(rig.upstream.seen).toHaveLength(length);
    expect(await rig.budget("default", "GURUKUL")).toEqual(before);
    for (const path of ["/v1/route/explain", "/route"]) {
      const body = path === "/route" ? { query: "Hi" } : { model: "answers", ...question() };
      const { status } = await rig.charter.ask(path, {
        key: rig.productKey,
        headers: { "x-charter-product": "GURUKUL" },
        body,
      });
      expect(status, path).toBe(404);
    }
  });
});

describe("without any provider", () => {
  it("the built-in models answer and say what they are", async () => {
    await using bare = await startTestCharter();
    const key = await bare.keyFor("product", "AI_ASSISTANT");
    const { data } = (await bare.ask("/v1/models", { key })).json;
    const grok = data.find(({ charter }: { charter: { state: string } }) => charter.state === "unconfigured");
    for (const model of ["auto", "tier:5", "simulated-nano", grok.id]) {
      const { status, json, headers } = await bare.ask("/v1/chat/completions", {
        key,
        body: { model, messages: [{ role: "user", content: "Who are you?" }] },
      });
      expect(status, model).toBe(200);
      expect(json.model, model).toMatch(/simulated/);
      expect(json.choices[0].message.content, model).toMatch(/simulat/i);
      expect(headers.get("x-charter-model"), model).toMatch(/simulated/);
      expect(headers.get("x-charter-cost-microdollars"), model).toBe("0");
    }
    const client = openaiOf(bare.url, key);
    const stream = client.chat.completions.stream({ model: "auto", messages: [{ role: "user", content: "Who?" }] });
    expect(await stream.finalContent()).toMatch(/simulat/i);
    const leaves: ShownLeaf[] = (await bare.ask("/ledger/entries?limit=1000")).json.entries.map(
      ({ leaf }: { leaf: ShownLeaf }) => leaf,
    );
    expectEachIntentClosed(leaves);
  });

  it("and with the simulation switched off nobody answers, and it is said why", async () => {
    await using bare = await startTestCharter({ flags: { simulated: "never" } });
    const key = await bare.keyFor("product", "AI_ASSISTANT");
    const { status, json } = await bare.ask("/v1/chat/completions", {
      key,
      body: { model: "auto", messages: [{ role: "user", content: "Who are you?" }] },
    });
    expect([status, json.code]).toEqual([503, "model.unavailable"]);
    expect(json.detail).toMatch(/no key|is not set/);
  });
});
