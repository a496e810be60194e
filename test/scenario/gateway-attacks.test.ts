// What callers of bad faith try at the gateway: to spend without paying, to read what is another product's, to have a model
// asked that is not theirs, to stop the server. At the end of all of it every intent has its one outcome, and no budget
// holds anything.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completion, hello, startAttacked, stream, whole } from "../support/attack/attacked.ts";
import type { Attacked } from "../support/attack/attacked.ts";
import { sendEvents, sendJson } from "../support/gateway/gateway.ts";
import type { Answer } from "../support/app/in-process.ts";

let on: Attacked;
beforeAll(async () => {
  on = await startAttacked();
});
afterAll(() => on[Symbol.asyncDispose]());

describe("a budget", () => {
  it("is not passed by another name for the limit of the output, nor by asking for several answers", async () => {
    on.stub.answer = (_request, response) => sendJson(response, completion());
    const headers = await on.project("spelling", 1000);
    const { length } = on.stub.seen;
    for (const more of [
      { max_tokens: 100_000 },
      { max_tokens: 1, max_completion_tokens: 100_000 },
      { max_completion_tokens: 1, max_tokens: 100_000 },
      { max_tokens: 1, max_output_tokens: 100_000 },
      { max_tokens: 1, max_new_tokens: 100_000 },
      { max_tokens: 10, n: 1000 },
      { max_tokens: 10, best_of: 1000 },
      { max_tokens: Number.MAX_SAFE_INTEGER },
      { max_tokens: Number.MAX_SAFE_INTEGER, n: Number.MAX_SAFE_INTEGER },
      // What Charter does not read still costs its provider's tokens.
      { max_tokens: 1, tools: [{ type: "custom", custom: { name: "x", description: "word ".repeat(10_000) } }] },
      { max_tokens: 1, documents: ["word ".repeat(10_000)] },
    ]) {
      const { status, json } = await on.chat(more, headers);
      expect([status, json.code], Object.keys(more).join()).toEqual([402, "budget.exhausted"]);
    }
    for (const max_tokens of [-2, 1.5, "5", 1e308, [1]]) {
      const { status, json } = await on.chat({ max_tokens }, headers);
      expect([status, json.code], JSON.stringify(max_tokens)).toEqual([400, "dialect.invalid"]);
    }
    expect(on.stub.seen).toHaveLength(length);
    expect(await on.used("spelling")).toBe(0);
    // "No limit" for some servers: none of them sees it, and Charter's own limit is within the budget.
    const wide = await on.project("unlimited", 3000);
    for (const max_tokens of [0, -1]) {
      expect((await on.chat({ max_tokens }, wide)).status).toBe(200);
      const { json } = on.stub.seen.at(-1)!;
      expect(json.max_tokens).toBeGreaterThan(0);
      expect(json.max_tokens).toBeLessThan(3000);
    }
  });

  it("pays for an answer that took too long, or was too long to take", async () => {
    const slow = await on.project("slow");
    on.stub.answer = () => {};
    expect((await on.chat({ model: "own/slow", max_tokens: 700 }, slow)).json.code).toBe("upstream.timeout");
    expect(await on.used("slow")).toBeGreaterThanOrEqual(700);

    const long = await on.project("long");
    on.stub.answer = (_request, response) => {
      const choices = [
        { index: 0, finish_reason: "stop", message: { role: "assistant", content: "x".repeat(300_000) } },
      ];
      sendJson(response, completion({ choices }));
    };
    expect((await on.chat({ model: "own/long", max_tokens: 700 }, long)).json.code).toBe("upstream.garbled");
    expect(await on.used("long")).toBeGreaterThanOrEqual(700);
  });

  it("is charged once for it, and no other caller loses the model by it", async () => {
    const headers = await on.project("again");
    on.stub.answer = (_request, response) => {
      const message = { role: "assistant", content: "x".repeat(300_000) };
      sendJson(response, completion({ choices: [{ index: 0, finish_reason: "stop", message }] }));
    };
    const { length } = on.stub.seen;
    for (let i = 0; i < 8; i++) expect((await on.chat({ max_tokens: 5 }, headers)).json.code).toBe("upstream.garbled");
    expect(on.stub.seen).toHaveLength(length + 8);
    on.stub.answer = (_request, response) => sendJson(response, completion());
    expect((await on.chat({}, headers)).status).toBe(200);
  });

  it("pays nothing for what a provider refused, or for a provider that is down", async () => {
    const headers = await on.project("refused");
    on.stub.answer = (_request, response) => sendJson(response, { error: { message: "no" } }, 400);
    expect((await on.chat({ model: "own/refuses" }, headers)).json.code).toBe("upstream.refused");
    on.stub.answer = (_request, response) => sendJson(response, { error: { message: "no" } }, 503);
    expect((await on.chat({ model: "own/fails" }, headers)).json.code).toBe("upstream.overloaded");
    expect(await on.used("refused")).toBe(0);
  });

  it("pays for what came out of a stream that was left, though the provider had counted one token so far", async () => {
    on.stub.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const send = (type: string, more: object): boolean =>
        response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`);
      const usage = { input_tokens: 10, output_tokens: 1 };
      const message = {
        id: "msg_1",
        type: "message",
        role: "assistant",
        content: [],
        model: "m",
        stop_reason: null,
        usage,
      };
      send("message_start", { message });
      send("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
      const delta = { type: "text_delta", text: "word and word and word " };
      for (let i = 0; i < 1000; i++) send("content_block_delta", { index: 0, delta });
    };
    const call = { model: "claude-plain", messages: hello, max_tokens: 10_000, stream: true };
    for (const [name, path] of [
      ["left-messages", "/v1/messages"],
      ["left-chat", "/v1/chat/completions"],
    ] as const) {
      await on.leaveAfter(60_000, path, call, await on.project(name));
      expect(await on.used(name), path).toBeGreaterThan(1000);
    }
  });

  it("holds nothing after callers that leave at every stage", async () => {
    const headers = await on.project("leaving");
    on.stub.answer = async (_request, response) => {
      await sleep(15);
      sendEvents(response, whole.slice(0, 2));
      await sleep(15);
      stream(response, whole.slice(2));
    };
    const calls = Array.from({ length: 120 }, async (_, i) => {
      const gone = new AbortController();
      const timer = setTimeout(() => gone.abort(), i / 2);
      await fetch(`${on.rig.charter.url}/v1/chat/completions`, {
        method: "POST",
        signal: gone.signal,
        headers: { authorization: `Bearer ${on.rig.productKey}`, "content-type": "application/json", ...headers },
        body: JSON.stringify({ model: "own/leaving", messages: hello, max_tokens: 10, stream: i % 2 === 0 }),
      })
        .then((response) => response.text())
        .catch(() => "left");
      clearTimeout(timer);
    });
    await Promise.all(calls);
    await on.used("leaving");
  });

  it("in money admits no call of an unknown price by any API, alias or strategy", async () => {
    const headers = await on.project("money", 1000, "microdollars");
    on.stub.answer = (_request, response) => sendJson(response, completion());
    const { length } = on.stub.seen;
    const input = "Hi";
    for (const [path, body] of [
      ["/v1/chat/completions", { messages: hello }],
      ["/v1/messages", { messages: hello, max_tokens: 5 }],
      ["/v1/responses", { input }],
      ["/v1/embeddings", { input }],
    ] as const) {
      for (const model of ["unpriced", "own/unpriced", "own/nobody-knows"]) {
        if (path === "/v1/embeddings" && model === "unpriced") continue;
        const { status, json } = await on.post(path, { ...body, model }, headers);
        expect([status, json.code], `${path} ${model}`).toEqual([402, "budget.price_unknown"]);
      }
    }
    // Callers of the test before may have left so early that their calls are still on the way.
    const models = on.stub.seen.slice(length).map(({ json }) => json.model);
    expect(models.filter((model) => model !== "leaving")).toEqual([]);
  });
});

describe("a product", () => {
  const models = async (key: string): Promise<string[]> => {
    const { json } = await on.rig.charter.ask("/v1/models", { key, headers: { "x-charter-product": "AI_ASSISTANT" } });
    return json.data.map(({ id }: { id: string }) => id);
  };

  it("learns nothing of another one: not its terms, its budgets, its answers, nor of anybody's load", async () => {
    const avatar = await on.rig.charter.keyFor("product", "AI_AVATAR");
    expect(await models(avatar)).toEqual(["plain"]);
    for (const path of ["/v1/route/explain", "/v1/chat/completions"]) {
      for (const model of ["plain", "claude-plain", "auto", "nothing-of-this-name"]) {
        const told = await Promise.all(
          ["AI_ASSISTANT", "NOBODY", "__proto__"].map(async (product) => {
            const body = { model, messages: hello };
            const { status, json } = await on.post(path, body, { "x-charter-product": product }, avatar);
            return [status, json.code, json.detail, Object.keys(json)];
          }),
        );
        expect(told[0]?.slice(0, 2), `${path} ${model}`).toEqual([404, "product.not_found"]);
        expect(told[1], `${path} ${model}`).toEqual(told[0]);
        expect(told[2], `${path} ${model}`).toEqual(told[0]);
      }
    }
    on.stub.answer = (_request, response) => sendJson(response, completion());
    for (const model of ["plain", "own/named-by-a-caller"]) await on.chat({ model }, { "cache-control": "no-store" });
    const breakers = await on.rig.charter.ask("/circuit-breakers", { key: avatar });
    // The breakers are those that its own calls have met, and it has made none.
    expect(breakers.json).toEqual({});
    for (const path of ["/api/v1/budget/state?product=AI_ASSISTANT", "/metrics"]) {
      const { status, text } = await on.rig.charter.ask(path, { key: avatar });
      expect([403, 404], path).toContain(status);
      expect(text).not.toMatch(/spelling|own\//);
    }
    const listed = await on.rig.charter.ask("/v1/budgets", { key: avatar });
    expect(JSON.stringify(listed.json ?? "")).not.toContain("spelling");
    const asked = { request_id: "of-another", task: "t", purpose: "p", model: "m", estimated_tokens: 5 };
    await on.rig.charter.ask("/api/v1/budget/request", { key: on.rig.productKey, body: asked });
    for (const path of ["/api/v1/budget/commit", "/api/v1/budget/release"]) {
      const body = { request_id: "of-another", product: "AI_ASSISTANT", actual_tokens: 1 };
      const { status } = await on.rig.charter.ask(path, { key: avatar, body });
      expect(status, path).toBeGreaterThanOrEqual(400);
    }
  });

  it("whose writes are halted has no model called either", async () => {
    const executor = await on.rig.charter.keyFor("executor", "GURUKUL", "admin");
    const body = { product_id: "GURUKUL", artifact_type: "ContentArtifact", payload: { said: "hello" } };
    const stored = await on.rig.charter.ask("/v1/artifacts", { key: executor, body });
    const path = `/v1/artifacts/${stored.json.artifact.artifact_id}`;
    await on.rig.charter.ask(path, { key: executor, method: "DELETE" });
    const { length } = on.stub.seen;
    const routes = {
      "/v1/chat/completions": { model: "plain", messages: hello },
      "/v1/messages": { model: "plain", messages: hello, max_tokens: 5 },
      "/v1/responses": { model: "plain", input: "Hi" },
      "/v1/embeddings": { model: "own/vectors", input: "Hi" },
      "/execute": { query: "Hi" },
      "/api/v1/consciousness/process": { prompt: "Hi" },
    };
    for (const [route, asked] of Object.entries(routes)) {
      const { status, json } = await on.post(route, asked, {}, on.rig.otherKey);
      expect([route, status, json.code]).toEqual([route, 403, "governance.halted"]);
    }
    expect(on.stub.seen).toHaveLength(length);
    await on.rig.charter.ask("/v1/halts/GURUKUL/clear", { body: { reason: "the test is over" } });
    on.stub.answer = (_request, response) => sendJson(response, completion());
    expect((await on.chat({}, {}, on.rig.otherKey)).status).toBe(200);
  });

  it("that compares questions by their meaning has each of those calls on record too", async () => {
    const workflow = await on.rig.charter.keyFor("product", "WORKFLOW");
    on.stub.answer = (_request, response) => sendJson(response, completion());
    const size = await on.rig.charter.ledgerSize();
    const before = on.rig.upstream.seen.length + on.stub.seen.length;
    expect((await on.chat({}, {}, workflow)).status).toBe(200);
    const asked = on.rig.upstream.seen.length + on.stub.seen.length - before;
    const { intents, outcomes } = await on.rig.callsSince(size);
    expect(asked).toBe(2);
    expect([intents.length, outcomes.length]).toEqual([2, 2]);
    expect(new Set(intents.map(({ product }) => product))).toEqual(new Set(["WORKFLOW"]));
  });
});

describe("a cascade", () => {
  it("reserves for every call that it may make", async () => {
    const headers = { ...(await on.project("cascade", 2000)), "x-charter-strategy": "cascade" };
    const { status, json } = await on.chat({ model: "auto", max_tokens: 600 }, headers);
    expect([status, json.code]).toEqual([402, "budget.exhausted"]);
  });
});

describe("a hostile request", () => {
  const raw = (body: string, type = "application/json", path = "/v1/chat/completions"): Promise<Answer> =>
    on.rig.charter.ask(path, { key: on.rig.productKey, body, method: "POST", headers: { "content-type": type } });
  const around = (more: string): string => `{"model":"plain","messages":[{"role":"user","content":"Hi"}],${more}}`;

  it("is refused as the caller's fault, and nobody is asked", async () => {
    const { length } = on.stub.seen;
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const bodies: Record<string, string> = {
      "deeply nested": around(`"x":${deep}`),
      wide: around(`"x":[${"0,".repeat(2_000_000)}0]`),
      "a lone surrogate in a name": around('"\\udfff":1'),
      "not an object": "[]",
      "not JSON": "{",
      "other models": around('"models":["up/else"]'),
      fallbacks: around('"fallbacks":[{"plain":["up/else"]}]'),
      "a model that is no text": '{"model":["plain"],"messages":[]}',
      "a long model": `{"model":"own/${"m".repeat(100_000)}","messages":[{"role":"user","content":"Hi"}]}`,
      "a model with a null": '{"model":"own/a\\u0000b","messages":[{"role":"user","content":"Hi"}]}',
      "turns that are no turns": '{"model":"plain","messages":{"length":1e9}}',
      "a stream of text": around('"stream":"yes"'),
    };
    for (const [name, body] of Object.entries(bodies)) {
      const { status, text } = await raw(body);
      expect([400, 404, 413, 422], `${name}: ${status} ${text.slice(0, 200)}`).toContain(status);
    }
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data",
      "application/json; charset=utf-16",
    ]) {
      const { status } = await raw(around('"max_tokens":1'), type);
      if (type.startsWith("application/json")) expect([200, 400, 415], type).toContain(status);
      else expect(status, type).toBe(415);
    }
    for (const [header, value] of Object.entries({
      "x-charter-strategy": "cheapest",
      "x-charter-data-class": "secret",
      "x-charter-project": "x".repeat(201),
      "x-charter-product": "__proto__",
    })) {
      const { status } = await on.chat({}, { [header]: value });
      expect([400, 403, 404], header).toContain(status);
    }
    expect(on.stub.seen.slice(length).filter(({ json }) => json.max_tokens !== 1)).toEqual([]);
  });

  it("with names that mean something to JavaScript goes through as data", async () => {
    on.stub.answer = (_request, response) => sendJson(response, completion());
    const body = around(
      '"__proto__":{"model":"up/else","n":9},"constructor":{"prototype":{"stream":true}},"toString":1,"max_tokens":5',
    );
    const { status } = await raw(body);
    expect(status).toBe(200);
    expect(({} as Record<string, unknown>)["n"]).toBeUndefined();
    expect(on.stub.seen.at(-1)?.json).toMatchObject({ model: "plain", max_tokens: 5 });
    expect(Object.hasOwn(on.stub.seen.at(-1)?.json, "__proto__")).toBe(true);
  });

  it("that says one thing twice reaches nobody, in whatever spelling and depth", async () => {
    const { length } = on.stub.seen;
    for (const [twice, at] of [
      ['"max_tokens":7,"max_tokens":5', "body/max_tokens"],
      ['"model":"up/else"', "body/model"],
      ['"m\\u006fdel":"up/else"', "body/model"],
      ['"tools":[{"type":"function","function":{"name":"a","name":"b"}}]', "body/tools/0/function/name"],
      [`"user":"${"x".repeat(20_000)}","user":"y"`, "body/user"],
    ] as const) {
      const { status, json } = await raw(around(twice));
      expect([status, json], twice.slice(0, 80)).toMatchObject([
        400,
        { error: { code: "request.malformed", param: at } },
      ]);
    }
    expect(on.stub.seen).toHaveLength(length);
  });

  it("of another method or path is no call", async () => {
    const { length } = on.stub.seen;
    for (const [method, path] of [
      ["GET", "/v1/chat/completions"],
      ["HEAD", "/v1/chat/completions"],
      ["PUT", "/v1/chat/completions"],
      ["OPTIONS", "/v1/chat/completions"],
      ["POST", "/v1//chat/completions"],
      ["POST", "/v1/chat/completions/"],
      ["POST", "/v1/chat/completions?model=plain"],
      ["POST", "/V1/CHAT/COMPLETIONS"],
    ] as const) {
      const { status } = await on.rig.charter.ask(path, {
        key: on.rig.productKey,
        method,
        ...(method === "POST" ? { body: { messages: hello } } : {}),
      });
      expect(status, `${method} ${path}`).not.toBe(200);
      expect(status, `${method} ${path}`).toBeLessThan(500);
    }
    expect(on.stub.seen).toHaveLength(length);
  });

  it("may say anything in Cache-Control", async () => {
    on.stub.answer = (_request, response) => sendJson(response, completion());
    for (const control of [
      "max-age=99999999999999999999",
      "max-age=-1",
      "max-age=NaN",
      'no-cache="x',
      ",,,=;",
      "é",
      "no-store, only-if-cached",
      "MAX-AGE=1,max-age=2",
    ]) {
      const { status } = await on.chat({}, { "cache-control": encodeURI(control) });
      expect([200, 504], control).toContain(status);
    }
  });

  it("cannot reach another path of a provider by the name of a model", async () => {
    const { length } = on.rig.upstream.seen;
    for (const model of ["gem/../../admin", "gem/x:generateContent?key=1#", "gem/%2e%2e/admin", "gem/models/../x"]) {
      await on.chat({ model });
    }
    for (const { path } of on.rig.upstream.seen.slice(length))
      expect(path).toMatch(/^\/v1beta\/models\/[^/?#]+:generateContent$/);
  });
});

describe("after all of it", () => {
  it("every intent has its one outcome, and no budget holds anything", () => on.expectAllSettled());
});
