// Anthropic's own client against the whole app: a base URL and a Charter key are all that it is told. The same calls go to
// an upstream that speaks its dialect and, translated, to those that do not.
import {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
} from "@anthropic-ai/sdk";
import type Anthropic from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { providerKeys, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";
import { toolArguments } from "../support/gateway/upstream-bodies.ts";

let rig: GatewayRig;
let stub: Stub;
let client: Anthropic;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: ({ keyFile }) => ({
      own: { kind: "anthropic", baseUrl: `${stub.url}/v1`, keys: [{ file: keyFile(providerKeys.second) }], open: true },
    }),
  });
  client = rig.anthropic();
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

/** One deployment of each kind of upstream. */
const everywhere = ["claude-answers", "answers", "gem-answers"] as const;
const answer = "The answer is forty-two.";
let asked = 0;
/** A question that nobody has asked before. */
const ask = (text = "What is six times seven?"): Anthropic.MessageParam[] => [
  { role: "user", content: `${text} (${++asked})` },
];
const weather: Anthropic.Tool = {
  name: "weather",
  description: "The weather of the next days.",
  input_schema: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer" } },
    required: ["city", "days"],
  },
};
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async function errorOf(call: PromiseLike<unknown>): Promise<APIError> {
  return call.then(
    () => {
      throw new Error("the call did not fail");
    },
    (error: unknown) => error as APIError,
  );
}

/** The body that the newest request to the scripted upstream had. */
// oxlint-disable-next-line typescript/no-explicit-any -- bodies of three dialects
const lastBody = (): any => rig.upstream.seen.at(-1)!.json;

describe.each(everywhere)("a message over %s", (model) => {
  it("is created, with its usage and with what Charter has to say in headers", async () => {
    const { data, response } = await client.messages.create({ model, max_tokens: 100, messages: ask() }).withResponse();
    expect(data).toMatchObject({ type: "message", role: "assistant", stop_reason: "end_turn" });
    expect(data.content).toEqual([expect.objectContaining({ type: "text", text: answer })]);
    expect(data.usage).toMatchObject({ input_tokens: 12, output_tokens: 6 });
    expect(response.headers.get("x-charter-cost-microdollars")).toBe("24");
    expect(response.headers.get("x-charter-tier")).toBe("2");
  });

  it("is streamed and put together by the client's own helper", async () => {
    const stream = client.messages.stream({ model, max_tokens: 100, messages: ask() });
    const deltas: string[] = [];
    stream.on("text", (delta) => deltas.push(delta));
    const whole = await stream.finalMessage();
    expect(deltas.length).toBeGreaterThan(3);
    expect(deltas.join("")).toBe(answer);
    expect(whole).toMatchObject({ role: "assistant", stop_reason: "end_turn" });
    expect(whole.content).toEqual([expect.objectContaining({ type: "text", text: answer })]);
    expect(whole.usage).toMatchObject({ input_tokens: 12, output_tokens: 6 });
  });

  it("carries its system prompt to where the upstream expects it", async () => {
    await client.messages.create({ model, max_tokens: 10, system: "You answer briefly.", messages: ask() });
    const body = lastBody();
    const [said] =
      model === "claude-answers"
        ? [body.system]
        : model === "answers"
          ? [body.messages[0].content]
          : [body.systemInstruction.parts[0].text];
    expect(JSON.stringify(said)).toContain("You answer briefly.");
    if (model === "answers") expect(body.messages[0].role).toMatch(/^(system|developer)$/);
  });

  it("asks for a tool and goes on with its result", async () => {
    rig.upstream.script(["tool", "ok"]);
    const messages = ask("What is the weather in Paris?");
    const first = await client.messages.create({ model, max_tokens: 100, messages, tools: [weather] });
    expect(first.stop_reason).toBe("tool_use");
    const call = first.content.find(({ type }) => type === "tool_use") as Anthropic.ToolUseBlock;
    expect([call.name, call.input]).toEqual(["weather", JSON.parse(toolArguments)]);
    const second = await client.messages.create({
      model,
      max_tokens: 100,
      tools: [weather],
      messages: [
        ...messages,
        { role: "assistant", content: first.content },
        { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] },
      ],
    });
    expect(second.content).toEqual([expect.objectContaining({ type: "text", text: answer })]);
    expect(JSON.stringify(lastBody())).toContain("sunny");
  });

  it("asks for a tool piece by piece in a stream", async () => {
    rig.upstream.script(["tool"]);
    const stream = client.messages.stream({ model, max_tokens: 100, messages: ask(), tools: [weather] });
    const whole = await stream.finalMessage();
    expect(whole.stop_reason).toBe("tool_use");
    expect(whole.content).toEqual([
      expect.objectContaining({ type: "tool_use", name: "weather", input: JSON.parse(toolArguments) }),
    ]);
  });

  it("carries an image", async () => {
    const messages: Anthropic.MessageParam[] = [
      {
        role: "user",
        content: [
          { type: "image", source: { type: "base64", media_type: "image/png", data: pixel } },
          { type: "text", text: `What is this? (${++asked})` },
        ],
      },
    ];
    await client.messages.create({ model, max_tokens: 10, messages });
    const sent = JSON.stringify(lastBody());
    expect(sent).toContain(pixel);
    if (model === "claude-answers") expect(lastBody().messages).toEqual(messages);
    if (model === "answers") expect(sent).toContain(`data:image/png;base64,${pixel}`);
  });

  it("that breaks off in the middle ends in an error of the client, and nothing is glued on", async () => {
    rig.upstream.script(["cut-mid-stream", "ok", "ok", "ok"]);
    const stream = client.messages.stream({ model, max_tokens: 100, messages: ask() });
    const deltas: string[] = [];
    stream.on("text", (delta) => deltas.push(delta));
    const error = await errorOf(stream.finalMessage());
    expect(error).toBeInstanceOf(APIError);
    expect(error.type).toBe("api_error");
    expect(answer.startsWith(deltas.join(""))).toBe(true);
    expect(deltas.join("")).not.toBe(answer);
  });
});

describe("thinking", () => {
  const thinking = { type: "thinking", thinking: "Six times seven.", signature: "c2VhbA==" } as const;
  const hidden = { type: "redacted_thinking", data: "aGlkZGVu" } as const;
  const message = {
    id: "msg_own",
    type: "message",
    role: "assistant",
    model: "thinker",
    content: [thinking, hidden, { type: "text", text: answer }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 20, output_tokens: 30, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
  };

  it("comes through as it is, seals included, and goes back as it is", async () => {
    stub.answer = (_request, response) => sendJson(response, message);
    const params = {
      model: "own/thinker",
      max_tokens: 4000,
      thinking: { type: "enabled" as const, budget_tokens: 2000 },
    };
    const messages = ask();
    const first = await client.messages.create({ ...params, messages });
    expect(first.content).toEqual(message.content);
    expect(stub.seen.at(-1)!.json.thinking).toEqual(params.thinking);
    expect(stub.seen.at(-1)!.headers).toMatchObject({
      "x-api-key": providerKeys.second,
      "anthropic-version": "2023-06-01",
    });
    await client.messages.create({
      ...params,
      messages: [...messages, { role: "assistant", content: first.content }, ...ask("And eight?")],
    });
    expect(stub.seen.at(-1)!.json.messages[1].content).toEqual(message.content);
  });

  it("comes through a stream as it is", async () => {
    stub.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const frame = (type: string, body: object): void =>
        void response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`);
      frame("message_start", { message: { ...message, content: [], stop_reason: null } });
      frame("content_block_start", { index: 0, content_block: { type: "thinking", thinking: "", signature: "" } });
      frame("content_block_delta", { index: 0, delta: { type: "thinking_delta", thinking: thinking.thinking } });
      frame("content_block_delta", { index: 0, delta: { type: "signature_delta", signature: thinking.signature } });
      frame("content_block_stop", { index: 0 });
      frame("content_block_start", { index: 1, content_block: { type: "text", text: "" } });
      frame("content_block_delta", { index: 1, delta: { type: "text_delta", text: answer } });
      frame("content_block_stop", { index: 1 });
      frame("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 30 } });
      frame("message_stop", {});
      response.end();
    };
    const stream = client.messages.stream({
      model: "own/thinker",
      max_tokens: 4000,
      thinking: { type: "enabled", budget_tokens: 2000 },
      messages: ask(),
    });
    const whole = await stream.finalMessage();
    expect(whole.content).toMatchObject([thinking, { type: "text", text: answer }]);
  });
});

describe("what only Anthropic knows", () => {
  it("reaches an upstream of its own dialect byte for byte, the beta header too", async () => {
    stub.answer = (_request, response) =>
      sendJson(response, {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "any",
        content: [{ type: "text", text: "ok" }],
        stop_reason: "end_turn",
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      });
    const body = {
      max_tokens: 10,
      messages: [
        {
          role: "user" as const,
          content: [
            { type: "text" as const, text: `long (${++asked})`, cache_control: { type: "ephemeral" as const } },
          ],
        },
      ],
      metadata: { user_id: "u-1" },
      container: "c-1",
      vendor_option: { é: [1, null, { deep: "\u2028" }] },
    };
    const beta = rig.anthropic(rig.productKey, { "anthropic-beta": "files-api-2025-04-14" });
    await beta.messages.create({ model: "own/any", ...body } as never);
    const seen = stub.seen.at(-1)!;
    expect(seen.text).toBe(JSON.stringify({ model: "any", ...body }));
    expect(seen.headers["anthropic-beta"]).toBe("files-api-2025-04-14");
    expect(JSON.stringify(seen.headers)).not.toContain(rig.productKey);
  });

  it("is left out and named by the others, or refused where the caller wants that", async () => {
    for (const model of ["answers", "gem-answers"]) {
      const body = { model, max_tokens: 10, messages: ask(), container: "c-1" } as never;
      const { response } = await client.messages.create(body).withResponse();
      expect(response.headers.get("x-charter-dropped"), model).toBe("container");
      expect(rig.upstream.seen.at(-1)?.json, model).not.toHaveProperty("container");
      const { length } = rig.upstream.seen;
      const error = await errorOf(client.messages.create(body, { headers: { "x-charter-unsupported": "refuse" } }));
      expect(error, model).toBeInstanceOf(BadRequestError);
      expect(error.message, model).toContain("dialect.unsupported");
      expect(rig.upstream.seen, model).toHaveLength(length);
    }
  });
});

describe("an error", () => {
  it("of an unknown key is an AuthenticationError", async () => {
    const stranger = rig.anthropic("charter_pr_0000000000000000000000000000000000000000000");
    const error = await errorOf(stranger.messages.create({ model: "claude-answers", max_tokens: 10, messages: ask() }));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.type).toBe("authentication_error");
  });

  it("of an unknown model is a NotFoundError", async () => {
    const error = await errorOf(client.messages.create({ model: "nobody", max_tokens: 10, messages: ask() }));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error.type).toBe("not_found_error");
    expect(error.message).toContain("model.not_found");
  });

  it("of a body that is no message is a BadRequestError", async () => {
    for (const body of [
      { model: "claude-answers", messages: ask() },
      { model: "claude-answers", max_tokens: 10 },
      { model: "claude-answers", max_tokens: 10, messages: [] },
      { model: "claude-answers", max_tokens: 10, messages: [{ role: 1, content: "Hi" }] },
      { model: "claude-answers", max_tokens: "many", messages: ask() },
    ]) {
      const error = await errorOf(client.messages.create(body as never));
      expect(error, JSON.stringify(body)).toBeInstanceOf(BadRequestError);
      expect(error.type, JSON.stringify(body)).toBe("invalid_request_error");
    }
  });

  it("of an upstream that fails is an InternalServerError, of one that is overloaded too", async () => {
    for (const [script, status, type] of [
      ["500", 502, "api_error"],
      ["529", 503, "overloaded_error"],
      ["html-error", 502, "api_error"],
    ] as const) {
      rig.upstream.script(Array.from({ length: 8 }, () => script));
      const error = await errorOf(client.messages.create({ model: "claude-answers", max_tokens: 10, messages: ask() }));
      expect(error, script).toBeInstanceOf(InternalServerError);
      expect(error.status, script).toBe(status);
      expect(error.type, script).toBe(type);
      await rig.charter.ask("/api/v1/circuit-breakers/reset_all", { method: "POST" });
    }
  });

  it("of an auditor, who may not call models, is a PermissionDeniedError", async () => {
    const auditor = rig.anthropic(await rig.charter.keyFor("auditor"));
    const error = await errorOf(auditor.messages.create({ model: "claude-answers", max_tokens: 10, messages: ask() }));
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(error.type).toBe("permission_error");
  });

  it("of a refused provider key says nothing of the key", async () => {
    rig.upstream.script(["leak-key"]);
    const error = await errorOf(client.messages.create({ model: "claude-answers", max_tokens: 10, messages: ask() }));
    expect(error.status).toBe(502);
    expect(JSON.stringify(error.error) + error.message).not.toContain(providerKeys.first);
  });
});
