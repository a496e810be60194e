// Calls at the limits of JSON that real clients send: texts cut in the middle of a character, deep schemas, tokens as numbers.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chatReply, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    constitution: [[["products", "AI_ASSISTANT", "models"], { keepBodiesAs: "ConversationArtifact" }]],
    providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true } }),
    deployments: [{ name: "vectors-here", provider: "own", model: "vectors", serves: "embeddings" }],
  });
  stub.answer = ({ path, json }, response) =>
    sendJson(
      response,
      path.endsWith("/embeddings")
        ? {
            object: "list",
            model: "vectors",
            data: [{ object: "embedding", index: 0, embedding: [1] }],
            usage: { prompt_tokens: 1000, total_tokens: 1000 },
          }
        : chatReply(json.model, "yes"),
    );
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

const ask = (path: string, body: string | object) =>
  rig.charter.ask(path, {
    key: rig.productKey,
    body: typeof body === "string" ? body : JSON.stringify(body),
    method: "POST",
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
const sha256 = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

describe("half a character in a text", () => {
  it.each([
    [
      "/v1/chat/completions",
      '{"messages":[{"content":"cut \\ud83d here","role":"user"}],"model":"own/m"}',
      "/messages/0/content",
    ],
    [
      "/v1/messages",
      '{"max_tokens":9,"messages":[{"content":"cut \\ude00 here","role":"user"}],"model":"own/m"}',
      "/messages/0/content",
    ],
    ["/v1/responses", '{"input":"cut \\ud83d here","model":"own/m"}', "/messages/0/content"],
  ])("goes upstream of %s as U+FFFD, and the digest on record is of what came", async (path, body) => {
    const size = await rig.charter.ledgerSize();
    const { status, text } = await ask(path, body);
    expect([status, status === 200 ? "" : text]).toEqual([200, ""]);
    expect(JSON.stringify(stub.seen.at(-1)?.json)).toContain("cut \ufffd here");
    const { facts } = await rig.outcomeSince(size);
    expect(facts).toMatchObject({ prompt: sha256(body) });
  });

  it("is counted and explained alike", async () => {
    const body = '{"messages":[{"content":"cut \\ud83d here","role":"user"}],"model":"own/m"}';
    for (const path of ["/v1/messages/count_tokens", "/v1/route/explain"]) {
      expect((await ask(path, body)).status).toBe(200);
    }
  });

  it("in a key is refused, as two keys could become one", async () => {
    const { status, json } = await ask(
      "/v1/chat/completions",
      '{"messages":[{"content":"Hi","role":"user"}],"model":"own/m","metadata":{"\\ud83d":"a","\\ude00":"b"}}',
    );
    expect([status, json.code]).toEqual([400, "dialect.invalid"]);
  });
});

describe("a tool whose schema is deep", () => {
  it("is passed on, and secrets are found however deep they lie", async () => {
    const token = ["ghp", "4kT9wQz7Lm2XvB8nRc5YhJ3sPd6FgA1uEo0W"].join("_");
    let parameters: object = { type: "string", description: `Use ${token}.` };
    for (let i = 0; i < 50; i++) parameters = { type: "object", properties: { a: parameters } };
    const { status } = await ask("/v1/chat/completions", {
      model: "own/m",
      messages: [{ role: "user", content: "Hi" }],
      tools: [{ type: "function", function: { name: "f", parameters } }],
    });
    expect(status).toBe(200);
    const sent = JSON.stringify(stub.seen.at(-1)?.json);
    expect(sent).toContain("Use ");
    expect(sent).not.toContain(token);
  });
});

describe("texts to embed as numbers of tokens", () => {
  it("may be as many as OpenAI takes, and reserve a token for each number", async () => {
    const list = Array.from({ length: 280 }, (_, i) => 100_000 + i);
    const { status, text } = await ask("/v1/embeddings", {
      model: "vectors-here",
      input: Array.from({ length: 1000 }, () => list),
    });
    expect([status, status === 200 ? "" : text]).toEqual([200, ""]);
    await rig.charter.ask("/v1/budgets", {
      body: { scope: { product: "AI_ASSISTANT", project: "few" }, unit: "tokens", window: "total", limit: 1200 },
    });
    const few = (count: number) =>
      rig.charter.ask("/v1/embeddings", {
        key: rig.productKey,
        headers: { "x-charter-project": "few", "cache-control": "no-store" },
        body: { model: "vectors-here", input: list.slice(0, count) },
      });
    expect((await few(280)).status).toBe(200);
    expect((await few(280)).json.code).toBe("budget.exhausted");
  });
});
