// How many tokens a call would be, for the clients that ask before they call: by the provider where its API counts, estimated
// otherwise, charged to no one and on no record.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    constitution: [[["products", "WORKFLOW", "models"], { maxTier: 1 }]],
    providers: () => {
      const own = { keyless: true, open: true, baseUrl: `${stub.url}/v1` };
      return {
        ant: { ...own, kind: "anthropic" },
        gem: { ...own, kind: "gemini" },
        oai: { ...own, kind: "openai-compatible", priceProvider: "openai" },
        plain: { ...own, kind: "openai-compatible" },
        gone: { ...own, kind: "anthropic", baseUrl: "http://127.0.0.1:9/v1" },
      };
    },
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
beforeEach(() => {
  stub.seen.length = 0;
  stub.answer = ({ path }, response) =>
    sendJson(response, path.includes(":countTokens") ? { totalTokens: 123 } : { input_tokens: 123 });
});

const messages = [{ role: "user" as const, content: "How long is this?" }];
const count = (body: object, more: { key?: string; headers?: Record<string, string> } = {}) =>
  rig.charter.ask("/v1/messages/count_tokens?beta=true", { key: rig.productKey, body: { messages, ...body }, ...more });

describe("Anthropic's client that asks how many tokens a message would be", () => {
  it("is told the provider's count, and the provider sees its body and betas as they are", async () => {
    const tools = [{ name: "weather", input_schema: { type: "object" as const } }];
    const params = { model: "ant/claude-sonnet-4-5", messages, tools, system: "Be brief." };
    const headers = { "anthropic-beta": "interleaved-thinking-2025-05-14" };
    const { data, response } = await rig.anthropic().messages.countTokens(params, { headers }).withResponse();
    expect(data).toEqual({ input_tokens: 123 });
    expect(response.headers.get("x-charter-estimate")).toBeNull();
    const [asked] = stub.seen;
    expect(asked).toMatchObject({ path: "/v1/messages/count_tokens", json: { ...params, model: "claude-sonnet-4-5" } });
    expect(Object.keys(asked!.json).toSorted()).toEqual(["messages", "model", "system", "tools"]);
    expect(asked!.headers["anthropic-beta"]).toBe(headers["anthropic-beta"]);
  });

  it("is told Gemini's and OpenAI's count of what they would be sent", async () => {
    expect((await count({ model: "gem/gemini-2.5-pro" })).json).toEqual({ input_tokens: 123 });
    expect((await count({ model: "oai/gpt-5" })).json).toEqual({ input_tokens: 123 });
    const [gemini, openai] = stub.seen;
    expect(gemini).toMatchObject({
      path: "/v1/models/gemini-2.5-pro:countTokens",
      json: {
        generateContentRequest: {
          model: "models/gemini-2.5-pro",
          contents: [{ parts: [{ text: "How long is this?" }] }],
        },
      },
    });
    expect(openai).toMatchObject({ path: "/v1/responses/input_tokens", json: { model: "gpt-5" } });
    for (const name of ["store", "stream", "max_output_tokens"]) expect(openai!.json).not.toHaveProperty(name);
  });

  it("is told an estimate, which says so, where no provider counts", async () => {
    for (const model of ["plain/any", "gone/claude-sonnet-4-5"]) {
      const { status, json, headers } = await count({ model });
      expect([status, headers.get("x-charter-estimate")]).toEqual([200, "true"]);
      expect(json.input_tokens).toBeGreaterThan(0);
    }
    expect(stub.seen).toHaveLength(0);
    const long = await count({ model: "plain/any", system: "word ".repeat(4000) });
    expect(long.json.input_tokens).toBeGreaterThan(3000);
  });

  it.each([
    ["fails", 500, {}],
    ["is busy", 429, { error: { message: "slow down" } }],
    ["refuses the key", 401, {}],
    ["has no such path", 404, {}],
    ["answers something else", 200, { id: "chatcmpl-1", object: "chat.completion" }],
    ["counts below zero", 200, { input_tokens: -1 }],
  ])("is told an estimate where the provider %s, and the model is called as before", async (_why, status, body) => {
    stub.answer = (_request, response) => sendJson(response, body, status);
    for (let i = 0; i < 6; i++) {
      const { headers, status: own } = await count({ model: "ant/claude-sonnet-4-5" });
      expect([own, headers.get("x-charter-estimate")]).toEqual([200, "true"]);
    }
    const breakers = await rig.charter.ask("/circuit-breakers");
    expect(breakers.text).not.toContain('ant/claude-sonnet-4-5":{"state":"open');
    stub.answer = ({ json }, response) =>
      sendJson(response, {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: json.model,
        content: [{ type: "text", text: "yes" }],
        stop_reason: "end_turn",
        usage: { input_tokens: 4, output_tokens: 1 },
      });
    const called = await rig.charter.ask("/v1/messages", {
      key: rig.productKey,
      headers: { "cache-control": "no-store" },
      body: { model: "ant/claude-sonnet-4-5", max_tokens: 9, messages },
    });
    expect(called.status).toBe(200);
  });

  it("is told what the provider finds wrong with its own body", async () => {
    const error = { type: "invalid_request_error", message: "tools.0.name: wrong" };
    stub.answer = (_request, response) => sendJson(response, { type: "error", error }, 400);
    const refused = await count({ model: "ant/claude-sonnet-4-5" });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain("tools.0.name: wrong");
    // What Charter itself has written is not the caller's to mend.
    expect((await count({ model: "oai/gpt-5" })).headers.get("x-charter-estimate")).toBe("true");
  });
});

describe("a count", () => {
  it("is given 32 times at once, charges nothing and leaves no leaf", async () => {
    const budget = () => rig.charter.ask("/api/v1/budget/state?product=AI_ASSISTANT", {});
    const [size, before] = [await rig.charter.ledgerSize(), (await budget()).text];
    const answers = await Promise.all(Array.from({ length: 32 }, () => count({ model: "ant/claude-sonnet-4-5" })));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 32 }, () => 200));
    expect(await rig.charter.ledgerSize()).toBe(size);
    expect((await budget()).text).toBe(before);
  });

  it("is refused to whom the call would be refused: unknown models, tiers and words that may not leave", async () => {
    const key = await rig.charter.keyFor("product", "WORKFLOW");
    expect((await count({ model: "no-such-model" })).json.code).toBe("model.not_found");
    expect((await count({ model: "ant/claude-sonnet-4-5" }, { key })).json.code).toBe("model.not_allowed");
    const token = ["ghp", "4kT9wQz7Lm2XvB8nRc5YhJ3sPd6FgA1uEo0W"].join("_");
    const secret = { messages: [{ role: "user", content: `My token is ${token}.` }] };
    stub.seen.length = 0;
    await count({ model: "ant/claude-sonnet-4-5", ...secret });
    expect(JSON.stringify(stub.seen.map(({ json }) => json))).not.toContain(token);
    const other = await count({ model: "ant/claude-sonnet-4-5" }, { headers: { "x-charter-product": "WORKFLOW" } });
    expect(other.json.code).toBe("product.not_found");
  });
});

describe("OpenAI's client that asks how many tokens a response would be", () => {
  it("is told the count in its own shape", async () => {
    const client = rig.openai();
    expect(await client.responses.inputTokens.count({ model: "oai/gpt-5", input: "How long?" })).toMatchObject({
      object: "response.input_tokens",
      input_tokens: 123,
    });
    expect(stub.seen[0]).toMatchObject({ path: "/v1/responses/input_tokens", json: { input: "How long?" } });
    const { data, response } = await client.responses.inputTokens
      .count({ model: "plain/any", instructions: "Be brief." })
      .withResponse();
    expect(data.input_tokens).toBeGreaterThan(0);
    expect(response.headers.get("x-charter-estimate")).toBe("true");
    expect(
      (await client.responses.inputTokens.count({ model: "ant/claude-sonnet-4-5", input: "a" })).input_tokens,
    ).toBe(123);
  });
});
