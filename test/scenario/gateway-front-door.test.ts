// What clients of model APIs make of a base URL and a key, each in its own way: where they call, where they put the key, how they
// list models and what they read of an answer.
import Anthropic, { NotFoundError } from "@anthropic-ai/sdk";
import OpenAI, { AzureOpenAI } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { questions, recordOf, scriptedAnswer, startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";
import { wayTo } from "../support/http/prism.ts";

let rig: GatewayRig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const question = questions();
const chat = () => ({ model: "answers", ...question() });
const message = () => ({ model: "answers", max_tokens: 50, ...question() });

describe("a base URL", () => {
  it.each([
    "/v1/chat/completions",
    "/chat/completions",
    "/v1/v1/chat/completions",
    "/v1/chat/completions/",
    "//v1//chat/completions",
    "/api/v1/chat/completions",
    "/v1/chat/completions?api-version=2024-10-21",
  ])("may lack the version, have it twice or end in slashes: %s is the chat route", async (path) => {
    const size = await rig.charter.ledgerSize();
    const { status, json } = await rig.charter.ask(path, { key: rig.productKey, body: chat() });
    expect([status, json.choices?.[0]?.message.content]).toEqual([200, scriptedAnswer]);
    const outcome = await rig.outcomeSince(size);
    expect([outcome.operation, recordOf(outcome).deployment]).toEqual(["chat.create", "answers"]);
  });

  it.each(["/messages", "/v1/v1/messages", "/v1/messages/?beta=true"])("%s is the route of messages", async (path) => {
    const { status, json } = await rig.charter.ask(path, { key: rig.productKey, body: message() });
    expect([status, json.content?.[0]?.text]).toEqual([200, scriptedAnswer]);
  });

  it.each(["/responses", "/embeddings/", "/v1//responses"])(
    "%s needs a credential like the route it is",
    async (path) => {
      const { status, json } = await rig.charter.ask(path, { key: null, body: {} });
      expect([status, json.code]).toEqual([401, "credential.missing"]);
    },
  );

  it("is counted under the operation that was meant", async () => {
    const count = async (): Promise<number> => {
      const { text } = await rig.charter.ask("/metrics");
      const lines = text.split("\n").filter((line) => /^charter_http_requests_total\{.*"chat\.create"/.test(line));
      return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    };
    const before = await count();
    await rig.charter.ask("/chat/completions/", { key: rig.productKey, body: chat() });
    expect(await count()).toBe(before + 1);
  });

  it("serves the official clients however it is written", async () => {
    const { url, headers } = wayTo(rig.charter.url);
    const more = { apiKey: rig.productKey, maxRetries: 0, defaultHeaders: headers };
    for (const end of ["", "/", "/v1", "/v1/", "/v1/v1"]) {
      const openai = new OpenAI({ baseURL: `${url}${end}`, ...more });
      expect((await openai.chat.completions.create(chat())).choices[0]?.message.content).toBe(scriptedAnswer);
      expect((await Array.fromAsync(await openai.models.list())).map(({ id }) => id)).toContain("answers");
      const anthropic = new Anthropic({ baseURL: `${url}${end}`, ...more });
      expect((await anthropic.messages.create(message())).content[0]).toMatchObject({ text: scriptedAnswer });
    }
  });

  it("leaves every other path as it is", async () => {
    for (const path of ["/keys", "/v1/v1/keys", "/v1/products/", "/artifacts", "/api/v1/keys"]) {
      expect((await rig.charter.ask(path)).status, path).toBe(404);
    }
  });
});

describe("a path that is not there", () => {
  it.each([
    ["POST", "/v1/messages/count_tokenz", /nearest path is \/v1\/messages/],
    ["POST", "/v1/chat/completion", /nearest path is \/v1\/chat\/completions \(POST\)/],
    ["GET", "/v1/artifact/0193f0a0-0000-7000-8000-000000000000", /nearest path is \/v1\/artifacts\/\{id\}/],
    ["POST", "/v1/keys/", /nearest path is \/v1\/keys/],
    ["GET", "/utterly/elsewhere", /openapi\.json/],
  ])("names the nearest one: %s %s", async (method, path, remedy) => {
    const { status, json, headers } = await rig.charter.ask(path, { method });
    expect([status, json.code]).toEqual([404, "route.not_found"]);
    expect(json.remedy).toMatch(remedy);
    expect(json.error).toMatchObject({ type: "not_found_error", code: "route.not_found" });
    expect(headers.get("allow")).toBeNull();
  });

  it("is told from a method that a path does not take", async () => {
    const { status, json, headers } = await rig.charter.ask("/v1/chat/completions", { method: "GET" });
    expect([status, json.code, headers.get("allow")]).toEqual([405, "method.not_allowed", "POST"]);
    expect(json.error).toMatchObject({ code: "method.not_allowed" });
    const other = await rig.charter.ask("/v1/models", { method: "DELETE" });
    expect([other.status, other.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});

describe("a key", () => {
  it.each(["x-api-key", "api-key", "x-goog-api-key"])("may come in %s on the routes of models", async (name) => {
    const headers = { [name]: rig.productKey };
    expect((await rig.charter.ask("/v1/chat/completions", { key: null, headers, body: chat() })).status).toBe(200);
    expect((await rig.charter.ask("/v1/models", { key: null, headers })).status).toBe(200);
    expect((await rig.charter.ask("/v1/artifacts", { key: null, headers })).status).toBe(401);
    const wrong = { [name]: "charter_pr_00000000_wrong" };
    const refused = await rig.charter.ask("/v1/chat/completions", { key: null, headers: wrong, body: chat() });
    expect([refused.status, refused.json.code]).toEqual([401, "credential.invalid"]);
  });

  it("in Authorization counts where another header holds one too", async () => {
    const headers = { "x-api-key": "sk-of-another-house", "api-key": "sk-of-another-house" };
    const { status } = await rig.charter.ask("/v1/chat/completions", { key: rig.productKey, headers, body: chat() });
    expect(status).toBe(200);
    const bad = { "x-api-key": rig.productKey };
    expect((await rig.charter.ask("/v1/models", { key: "wrong", headers: bad })).status).toBe(401);
  });

  it("of Azure's client is read where it puts it", async () => {
    const { url, headers } = wayTo(rig.charter.url);
    const azure = new AzureOpenAI({
      baseURL: `${url}/v1`,
      apiKey: rig.productKey,
      apiVersion: "2024-10-21",
      maxRetries: 0,
      defaultHeaders: headers,
    });
    const { data } = await azure.models.list();
    expect(data.map(({ id }) => id)).toContain("answers");
  });
});

describe("the list of models", () => {
  it("is Anthropic's for Anthropic's client, page by page", async () => {
    const client = rig.anthropic();
    const first = await client.models.list({ limit: 2 });
    expect(first.data).toHaveLength(2);
    expect(first.has_more).toBe(true);
    expect([first.first_id, first.last_id]).toEqual([first.data[0]?.id, first.data[1]?.id]);
    const all = await Array.fromAsync(first);
    const catalogue = ["answers", "claude-answers", "gem-answers", "vectors"];
    expect(all.map(({ id }) => id)).toEqual([...catalogue, "claude/ok", "gem/ok"]);
    for (const model of all) {
      expect(model).toMatchObject({ type: "model", display_name: expect.any(String) });
      expect(Date.parse(model.created_at)).toBe(0);
    }
    const back = await client.models.list({ limit: 2, before_id: "gem-answers" });
    expect([back.data.map(({ id }) => id), back.has_more]).toEqual([["answers", "claude-answers"], false]);
    const none = await client.models.list({ after_id: "gem/ok" });
    expect(none).toMatchObject({ data: [], has_more: false, first_id: null, last_id: null });
  });

  it("is OpenAI's for everybody else", async () => {
    const { json } = await rig.charter.ask("/v1/models", { key: rig.productKey });
    expect(json).toMatchObject({
      object: "list",
      data: [{ id: "answers", object: "model", owned_by: "up" }, {}, {}, {}, {}, {}],
    });
    expect(json).not.toHaveProperty("has_more");
    expect(json.data[0]).not.toHaveProperty("type");
  });

  it("gives one model in either form, also one that an open provider would have", async () => {
    expect(await rig.anthropic().models.retrieve("answers")).toMatchObject({ type: "model", id: "answers" });
    expect(await rig.openai().models.retrieve("answers")).toMatchObject({ object: "model", id: "answers" });
    const { status, json } = await rig.charter.ask("/v1/models/up/some/new-model", { key: rig.productKey });
    expect([status, json.id, json.owned_by]).toEqual([200, "up/some/new-model", "up"]);
    const failure = await rig
      .anthropic()
      .models.retrieve("nobody")
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(failure).toMatchObject({ error: { error: { type: "not_found_error" } } });
  });
});

describe("the id of a request", () => {
  it("is where either client reads it, also on a refusal", async () => {
    const answer = await rig.anthropic().messages.create(message());
    expect(answer._request_id).toMatch(/^[0-9a-f-]{36}$/);
    const completion = await rig.openai().chat.completions.create(chat());
    expect(completion._request_id).toMatch(/^[0-9a-f-]{36}$/);
    const refused = await rig
      .anthropic("wrong")
      .messages.create(message())
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 401, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });
});
