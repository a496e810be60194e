// Responses as OpenAI means it, against the whole app: an upstream that speaks the API itself, and one that does not.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openaiOf, sendEvents, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import { spawnCharter } from "../support/app/process.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";
import { tokenFor } from "../support/identity/mail.ts";
import { signIn } from "../support/identity/oauth.ts";

let rig: GatewayRig;
let stub: Stub;
let client: OpenAI;

const parameters = { type: "object", properties: {} };
const tool = { type: "function", name: "f", parameters, strict: false } as const;
const usage = { input_tokens: 3, output_tokens: 2, total_tokens: 5 };
const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "ok", annotations: [] }],
};
const response = {
  id: "resp_1",
  object: "response",
  created_at: 1,
  status: "completed",
  model: "m",
  output: [message],
  usage,
};
const completion = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};
const secret = `ghp_${"aB3dE5gH7jK9".repeat(3)}`;
const useResponses =
  "Function tools with reasoning_effort are not supported in /v1/chat/completions. Please use /v1/responses instead.";

/** Paths that were asked since the last look. */
let looked = 0;
function asked(): readonly string[] {
  const paths = stub.seen.slice(looked).map(({ path }) => path);
  looked = stub.seen.length;
  return paths;
}

async function post(body: object, path = "/v1/responses"): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${rig.productKey}`,
    "content-type": "application/json",
    "cache-control": "no-store",
  };
  return (await fetch(rig.charter.url + path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

beforeAll(async () => {
  stub = await startStub();
  const row = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true };
  rig = await startRig({
    providers: () => ({
      openai: row,
      plain: row,
      native: { ...row, api: "responses" },
      chats: { ...row, api: "chat" },
    }),
  });
  client = openaiOf(rig.charter.url, rig.productKey, { "cache-control": "no-store" });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
beforeEach(() => {
  stub.answer = ({ path, json }, out) => {
    if (path.endsWith("/responses")) return sendJson(out, response);
    const { tools, reasoning_effort: effort } = json as { tools?: unknown; reasoning_effort?: string };
    if (tools !== undefined && effort !== undefined) {
      return sendJson(out, { error: { message: useResponses, type: "invalid_request_error", param: null } }, 400);
    }
    return sendJson(out, completion);
  };
  asked();
});

describe("an upstream that speaks the Responses API", () => {
  it("is asked in it by callers of it, and everything goes through: tools, items and fields that Charter does not know", async () => {
    const unknown = { id: "x_1", type: "future_item", words: [1, 2.5] };
    const sealed = { id: "rs_1", type: "reasoning", summary: [], encrypted_content: "gAAAA" };
    const answer = { ...response, output: [sealed, unknown, message], service_tier: "default", novelty: { a: 1 } };
    stub.answer = (_seen, out) => sendJson(out, answer);
    const body = {
      model: "openai/gpt-5.6",
      input: [{ role: "user", content: "hi" }, sealed],
      tools: [tool, { type: "custom", name: "apply_patch" }],
      include: ["reasoning.encrypted_content"],
      truncation: "auto",
      text: { verbosity: "low" },
    };
    const got = await post(body);
    expect(got).toEqual(answer);
    expect(asked()).toEqual(["/v1/responses"]);
    expect(stub.seen.at(-1)?.json).toMatchObject({ ...body, model: "gpt-5.6", store: false });
  });

  it("streams through byte for byte, with events that Charter does not know", async () => {
    const frames = [
      { type: "response.created", sequence_number: 0, response: { ...response, status: "in_progress", output: [] } },
      { type: "response.future.delta", sequence_number: 1, delta: "?" },
      { type: "response.output_item.added", sequence_number: 2, output_index: 0, item: { ...message, content: [] } },
      { type: "response.output_text.delta", sequence_number: 3, output_index: 0, content_index: 0, delta: "ok" },
      { type: "response.output_item.done", sequence_number: 4, output_index: 0, item: message },
      { type: "response.completed", sequence_number: 5, response },
    ];
    stub.answer = (_seen, out) =>
      sendEvents(
        out,
        frames.map((frame) => JSON.stringify(frame)),
      );
    const types: string[] = [];
    for await (const event of await client.responses.create({ model: "openai/gpt-5.6", input: "hi", stream: true })) {
      types.push(event.type);
    }
    expect(types).toEqual(frames.map(({ type }) => type));
  });

  it("is asked in it for callers of Anthropic's API, and in theirs for callers of chat completions", async () => {
    const said = await rig
      .anthropic()
      .messages.create({ model: "openai/gpt-5.6", max_tokens: 50, messages: [{ role: "user", content: "hi there" }] });
    expect(said.content).toEqual([expect.objectContaining({ type: "text", text: "ok" })]);
    expect(asked()).toEqual(["/v1/responses"]);
    await client.chat.completions.create({ model: "openai/gpt-5.6", messages: [{ role: "user", content: "hi" }] });
    expect(asked()).toEqual(["/v1/chat/completions"]);
  });

  it("is asked in it once it says that a call must be made there, which is remembered for calls of this kind", async () => {
    const call = async (more: object): Promise<unknown> =>
      client.chat.completions.create({ model: "plain/new", messages: [{ role: "user", content: "hi" }], ...more });
    const withTools = {
      reasoning_effort: "low",
      tools: [{ type: "function", function: { name: "f", parameters } }],
    };
    expect(await call(withTools)).toMatchObject({ choices: [{ message: { content: "ok" } }] });
    expect(asked()).toEqual(["/v1/chat/completions", "/v1/responses"]);
    await call(withTools);
    expect(asked()).toEqual(["/v1/responses"]);
    await call({});
    expect(asked()).toEqual(["/v1/chat/completions"]);
  });

  it("is asked for chat completions again where it has no such path, and not where it has no such model", async () => {
    stub.answer = ({ path }, out) =>
      path.endsWith("/responses") ? sendJson(out, { detail: "Not Found" }, 404) : sendJson(out, completion);
    const ask = async (model: string): Promise<OpenAI.Responses.Response> =>
      client.responses.create({ model, input: "hi" });
    expect((await ask("openai/gpt-5.7")).output_text).toBe("ok");
    expect(asked()).toEqual(["/v1/responses", "/v1/chat/completions"]);
    await ask("openai/gpt-5.7");
    expect(asked()).toEqual(["/v1/chat/completions"]);
    const error = {
      message: "The model `gpt-5.9` does not exist.",
      type: "invalid_request_error",
      code: "model_not_found",
    };
    stub.answer = (_seen, out) => sendJson(out, { error }, 404);
    await expect(ask("openai/gpt-5.9")).rejects.toThrow(/does not exist/);
    expect(asked()).toEqual(["/v1/responses"]);
  });

  it("is asked as the catalogue says, whatever it answers", async () => {
    await client.responses.create({ model: "native/any", input: "hi" });
    await client.chat.completions.create({ model: "native/any", messages: [{ role: "user", content: "hi" }] });
    await client.responses.create({ model: "chats/gpt-5.6", input: "hi" });
    await client.responses.create({ model: "plain/gpt-5.6", input: "hi" });
    expect(asked()).toEqual(["/v1/responses", "/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]);
    stub.answer = (_seen, out) => sendJson(out, { error: { message: useResponses } }, 400);
    await expect(client.responses.create({ model: "chats/gpt-5.6", input: "hi" })).rejects.toThrow(/v1\/responses/);
    expect(asked()).toEqual(["/v1/chat/completions"]);
  });
});

describe("a response that is kept", () => {
  const ask = async (more: object): Promise<OpenAI.Responses.Response & { store?: boolean }> =>
    client.responses.create({
      model: "plain/old",
      input: "weather?",
      ...more,
    } as OpenAI.Responses.ResponseCreateParamsNonStreaming);
  const messagesSent = (): unknown => stub.seen.at(-1)?.json["messages"];

  beforeEach(() => {
    let turns = 0;
    stub.answer = (_seen, out) =>
      sendJson(out, {
        ...completion,
        choices: [{ ...completion.choices[0], message: { role: "assistant", content: `answer ${++turns}` } }],
      });
  });

  it("can be gone on from, and the provider gets the whole conversation", async () => {
    const one = await ask({ instructions: "Be brief." });
    expect(one).toMatchObject({ store: true, previous_response_id: null });
    const two = await ask({ input: "and tomorrow?", previous_response_id: one.id });
    expect(two).toMatchObject({ store: true, previous_response_id: one.id });
    expect(two.id).not.toBe(one.id);
    const three = await ask({
      input: [{ role: "user", content: "thanks" }],
      previous_response_id: two.id,
      store: false,
    });
    expect(three.store).toBe(false);
    expect(messagesSent()).toEqual([
      { role: "user", content: "weather?" },
      { role: "assistant", content: "answer 1" },
      { role: "user", content: "and tomorrow?" },
      { role: "assistant", content: "answer 2" },
      { role: "user", content: "thanks" },
    ]);
    await expect(ask({ input: "?", previous_response_id: three.id })).rejects.toMatchObject({ status: 404 });
  });

  it("is kept before the end of its stream leaves", async () => {
    stub.answer = (_seen, out) =>
      sendEvents(out, [
        ...["ans", "wer"].map((content) =>
          JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta: { content } }] }),
        ),
        JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
        "[DONE]",
      ]);
    let id = "";
    const stream = await client.responses.create({ model: "plain/old", input: "hi", stream: true });
    for await (const event of stream) {
      if (event.type === "response.created") expect(event.response).toMatchObject({ store: true });
      if (event.type === "response.completed") ({ id } = event.response);
    }
    stub.answer = (_seen, out) => sendJson(out, completion);
    await ask({ input: "go on", previous_response_id: id });
    expect(messagesSent()).toEqual([
      { role: "user", content: "hi" },
      { role: "assistant", content: "answer" },
      { role: "user", content: "go on" },
    ]);
  });

  it("gives its items to calls that name them by their ids, once each", async () => {
    const call = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
    const said = { role: "assistant", content: "Let me look.", reasoning_content: "hm", tool_calls: [call] };
    stub.answer = (_seen, out) =>
      sendJson(out, { ...completion, choices: [{ index: 0, message: said, finish_reason: "tool_calls" }] });
    const one = await ask({ tools: [tool] });
    const references = one.output.map(({ id }) => ({ type: "item_reference", id }));
    const output = { type: "function_call_output", call_id: "call_1", output: "20" };
    await ask({ input: [{ role: "user", content: "weather?" }, ...references, output], tools: [tool] });
    const whole = [
      { role: "user", content: "weather?" },
      { role: "assistant", content: "Let me look.", tool_calls: [call], reasoning_content: "hm" },
      { role: "tool", tool_call_id: "call_1", content: "20" },
    ];
    expect(messagesSent()).toEqual(whole);
    await ask({ input: [...references, output], previous_response_id: one.id, tools: [tool] });
    expect(messagesSent()).toEqual(whole);
  });

  it("does not hold up a call that names an item which nobody has kept", async () => {
    await ask({
      input: [
        { type: "item_reference", id: "msg_elsewhere" },
        { role: "user", content: "hi" },
      ],
    });
    expect(stub.seen.at(-1)?.text).not.toContain("msg_elsewhere");
    stub.answer = (_seen, out) => sendJson(out, response);
    await ask({
      model: "native/m",
      input: [
        { type: "item_reference", id: "msg_elsewhere" },
        { type: "reasoning", id: "rs_1", summary: [] },
        { role: "user", content: "hi" },
      ],
    });
    expect(stub.seen.at(-1)?.json["input"]).toEqual([{ role: "user", content: "hi" }]);
  });

  it("is the product's own, also where the provider speaks the API itself", async () => {
    stub.answer = (_seen, out) => sendJson(out, { ...response, id: "resp_native_1" });
    const one = await ask({ model: "native/m" });
    const other = openaiOf(rig.charter.url, rig.otherKey, { "cache-control": "no-store" });
    const more = { model: "native/m", input: "go on", previous_response_id: one.id };
    await expect(other.responses.create(more)).rejects.toMatchObject({
      status: 404,
      error: { message: expect.stringContaining("o response of this id"), param: "/previous_response_id" },
    });
    await client.responses.create(more);
    const { json } = stub.seen.at(-1)!;
    expect(json["previous_response_id"]).toBeUndefined();
    expect(json["input"]).toEqual([
      expect.objectContaining({ role: "user" }),
      message,
      expect.objectContaining({ role: "user" }),
    ]);
  });

  it("is there for no one who only names the product: a response that is kept is refused like one that is not", async () => {
    const { id } = await client.responses.create({ model: "plain/m", input: "remember: 42" });
    // Who has registered belongs to no product yet.
    const person = { id: "", username: "stranger", password: "seven tangled umbrellas" };
    const email = "stranger@example.org";
    const post = (path: string, body: object) => rig.charter.ask(`/api/v1/auth/${path}`, { key: null, body });
    await post("register", { ...person, id: undefined, email });
    await post("verify", { token: await tokenFor(rig.charter.dataDir, email) });
    const key = (await signIn(rig.charter, person)).json.access_token;
    const headers = { "x-charter-product": "AI_ASSISTANT" };
    const ask = async (path: string, body?: object) => {
      const { status, json } = await rig.charter.ask(path, { key, headers, ...(body && { body }) });
      return [status, json.code];
    };
    for (const named of [id, "resp_none"]) {
      const body = { model: "plain/m", input: "go on", previous_response_id: named };
      expect([named, await ask("/v1/responses", body)]).toEqual([named, [404, "response.not_found"]]);
      expect([named, await ask("/v1/responses/compact", body)]).toEqual([named, [404, "response.not_found"]]);
    }
  });

  it("has an id of its own where its answer was given before, and is forgotten without the earlier one", async () => {
    const chatted = stub.answer;
    stub.answer = (seen, out) => {
      if (!seen.path.endsWith("/responses")) return chatted(seen, out);
      sendJson(out, { ...response, id: "resp_given", store: false, metadata: seen.json["metadata"] });
    };
    for (const model of ["native/m", "plain/old"]) {
      const again = { model, input: `the same of ${model}`, temperature: 0 };
      const cached = openaiOf(rig.charter.url, rig.productKey);
      const one = await cached.responses.create({ ...again, metadata: { of: "one" } });
      const { data: two, response: raw } = await cached.responses
        .create({ ...again, metadata: { of: "two" } })
        .withResponse();
      expect(raw.headers.get("x-charter-cache")).toBe("hit");
      expect(two).toMatchObject({ output: one.output, store: true, metadata: { of: "two" } });
      expect(two.id).not.toBe(one.id);
      const unkept = await cached.responses.create({ ...again, store: false });
      expect([one.id, two.id]).not.toContain(unkept.id);
      await cached.responses.delete(two.id);
      expect((await cached.responses.retrieve(one.id)).id).toBe(one.id);
      const named = one.output[0]!.id!;
      await cached.responses.create({ model: "plain/old", input: [{ type: "item_reference", id: named }] });
      expect(JSON.stringify(stub.seen.at(-1)?.json)).not.toContain(named);
      expect(messagesSent()).toHaveLength(1);
      await expect(cached.responses.retrieve(unkept.id)).rejects.toMatchObject({ status: 404 });
    }
  });

  it("is looked through by the guards like what is sent now", async () => {
    const one = await ask({ input: `My key is ${secret}` });
    await ask({ input: "what was it?", previous_response_id: one.id });
    expect(stub.seen.at(-1)?.text).not.toContain(secret);
  });

  it("is found by its id, with what it was asked, and forgotten on request", async () => {
    const one = await ask({ input: [{ role: "user", content: "weather?" }] });
    const two = await ask({ input: "and tomorrow?", previous_response_id: one.id });
    const found = await client.responses.retrieve(two.id);
    expect(found).toMatchObject({ id: two.id, output: two.output, previous_response_id: one.id, status: "completed" });
    const newest = await client.responses.inputItems.list(two.id);
    expect(newest.data.map(({ type }) => type)).toEqual(["message", "message", undefined]);
    expect(newest.data[0]).toMatchObject({ role: "user", content: [{ type: "input_text", text: "and tomorrow?" }] });
    const page = await client.responses.inputItems.list(two.id, { order: "asc", limit: 1 });
    expect(page.data).toMatchObject([{ role: "user", content: "weather?" }]);
    expect(page.has_more).toBe(true);
    expect(
      (await client.responses.inputItems.list(two.id, { order: "asc", after: page.data[0]?.id ?? "" })).data,
    ).toHaveLength(2);
    const other = openaiOf(rig.charter.url, rig.otherKey);
    await expect(other.responses.retrieve(two.id)).rejects.toMatchObject({ status: 404 });
    await expect(other.responses.delete(two.id)).rejects.toMatchObject({ status: 404 });
    await client.responses.delete(two.id);
    for (const gone of [client.responses.retrieve(two.id), ask({ input: "?", previous_response_id: two.id })]) {
      await expect(gone).rejects.toMatchObject({ status: 404, error: { type: "not_found_error" } });
    }
    expect((await client.responses.retrieve(one.id)).id).toBe(one.id);
  });
});

describe("responses of a server that keeps none", () => {
  it("are given, and cannot be gone on from", async () => {
    await using bare = await startRig({ flags: { "keep-responses-days": "0" } });
    const own = openaiOf(bare.charter.url, bare.productKey);
    const one = await own.responses.create({ model: "answers", input: "hi" });
    expect(one).toMatchObject({ store: false });
    await expect(own.responses.retrieve(one.id)).rejects.toMatchObject({ status: 404 });
    const more = { model: "answers", input: "?", previous_response_id: one.id };
    await expect(own.responses.create(more)).rejects.toMatchObject({ status: 400 });
  });
});

describe("a response whose end has left", () => {
  it("is there after kill -9", async () => {
    const dir = await mkdtemp(join(tmpdir(), "charter-responses-"));
    const first = await spawnCharter({ dataDir: dir });
    const { adminKey } = first;
    const { json } = await first.ask("/v1/responses", { body: { model: "auto", input: "hi" } });
    await first.kill();
    await using second = await spawnCharter({ dataDir: dir, ...(adminKey !== undefined && { adminKey }) });
    expect((await second.ask(`/v1/responses/${json.id}`)).json.output).toEqual(json.output);
    await second.stop();
    await rm(dir, { recursive: true, force: true });
  });
});
