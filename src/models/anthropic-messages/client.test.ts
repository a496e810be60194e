// The official client reads what Charter writes in the Messages dialect.
import Anthropic, { NotFoundError } from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { cut } from "../../../test/support/gateway/reply-pieces.ts";
import type { Reply, StreamEvent } from "../conversation.ts";
import { anthropicMessagesFront } from "./dialect.ts";
import { writeMessagesError } from "./error.ts";

const shown = { createdMs: 0, id: "msg_charter" };

const reply: Reply = {
  id: "chatcmpl-1",
  model: "gpt-x",
  choices: [
    {
      parts: [
        { kind: "reasoning", text: "Both are needed.", signature: "gemini:c2VhbA==" },
        { kind: "reasoning", text: "", redacted: "aGlkZGVu" },
        { kind: "text", text: "I will look both up. ✓" },
        { kind: "tool_call", id: "call_1", name: "get_weather", arguments: '{"city":"Paris","days":[1,2]}' },
        { kind: "tool_call", id: "call_2", name: "get_time", arguments: "" },
      ],
      finish: "tool_calls",
    },
  ],
  rawUsage: { prompt_tokens: 100, completion_tokens: 40, total_tokens: 140 },
  usage: {
    inputTokens: 100,
    outputTokens: 40,
    cacheReadTokens: 60,
    cacheWriteTokens: 0,
    reasoningTokens: 15,
    estimated: false,
  },
};

const params = {
  model: "auto",
  max_tokens: 1024,
  messages: [{ role: "user" as const, content: "Weather and time in Paris?" }],
  tools: [{ name: "get_weather", input_schema: { type: "object" as const } }],
};

/** A client whose server reads the call and answers with the reply, or with the pieces given. */
function clientOf(pieces: readonly StreamEvent[] = cut(reply, 7)): Anthropic {
  const answer = (_url: unknown, init?: RequestInit): Promise<Response> => {
    const call = anthropicMessagesFront.readCall(JSON.parse(init?.body as string));
    if (!call.stream) return Promise.resolve(Response.json(anthropicMessagesFront.writeReply(call, reply, shown)));
    const writer = anthropicMessagesFront.streamWriter(call, shown);
    const frames = pieces.map((piece) => writer.write(piece)).join("");
    return Promise.resolve(new Response(frames, { headers: { "content-type": "text/event-stream" } }));
  };
  return new Anthropic({ apiKey: "key", baseURL: "http://charter.test", fetch: answer, maxRetries: 0 });
}

const content = [
  { type: "thinking", thinking: "Both are needed.", signature: "gemini:c2VhbA==" },
  { type: "redacted_thinking", data: "aGlkZGVu" },
  expect.objectContaining({ type: "text", text: "I will look both up. ✓" }),
  { type: "tool_use", id: "call_1", name: "get_weather", input: { city: "Paris", days: [1, 2] } },
  { type: "tool_use", id: "call_2", name: "get_time", input: {} },
];
const usage = {
  input_tokens: 40,
  output_tokens: 40,
  cache_read_input_tokens: 60,
  cache_creation_input_tokens: 0,
  output_tokens_details: { thinking_tokens: 15 },
};

describe("the official client of the Messages API", () => {
  it("reads a whole message", async () => {
    const message = await clientOf().messages.create(params);
    expect(message).toMatchObject({
      id: "chatcmpl-1",
      model: "gpt-x",
      role: "assistant",
      stop_reason: "tool_use",
      usage,
    });
    expect(message.content).toEqual(content);
  });

  it("reads a stream into the same message, whose usage was only known at the end", async () => {
    const stream = clientOf().messages.stream(params);
    const blocks: string[] = [];
    let first: number | undefined;
    stream.on("contentBlock", (block) => blocks.push(block.type));
    stream.on("streamEvent", (event) => {
      if (event.type === "message_start") first = event.message.usage.input_tokens;
    });
    const message = await stream.finalMessage();
    expect(first).toBe(0);
    expect(message).toMatchObject({ id: "chatcmpl-1", model: "gpt-x", stop_reason: "tool_use", usage });
    expect(message.content).toEqual(content);
    expect(blocks).toEqual(["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]);
  });

  it("reads the bare events of a stream in the documented order", async () => {
    const types: string[] = [];
    const pieces: StreamEvent[] = [
      { kind: "start", id: "msg_1", model: "m" },
      { kind: "text", choice: 0, text: "hi" },
      { kind: "finish", choice: 0, finish: "length" },
      { kind: "end" },
    ];
    for await (const event of await clientOf(pieces).messages.create({ ...params, stream: true }))
      types.push(event.type);
    expect(types).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  it("reads an answer without words", async () => {
    const message = await clientOf([
      { kind: "start", id: "msg_1", model: "m" },
      { kind: "finish", choice: 0, finish: "content_filter" },
      { kind: "end" },
    ])
      .messages.stream(params)
      .finalMessage();
    expect(message).toMatchObject({ content: [], stop_reason: "refusal" });
  });

  it("throws the typed error of a stream that broke off", async () => {
    const stream = clientOf([
      { kind: "start", id: "msg_1", model: "m" },
      { kind: "text", choice: 0, text: "Once upon" },
      { kind: "error", code: "upstream.timeout", message: "The provider did not answer in the time allowed." },
    ]).messages.stream(params);
    await expect(stream.finalMessage()).rejects.toMatchObject({
      type: "timeout_error",
      error: {
        type: "error",
        error: {
          type: "timeout_error",
          code: "upstream.timeout",
          message: "The provider did not answer in the time allowed.",
        },
      },
    });
  });

  it("throws the typed error of a refused call", async () => {
    const refuse = (): Promise<Response> =>
      Promise.resolve(
        Response.json(writeMessagesError({ code: "model.not_found", message: "no such model" }), { status: 404 }),
      );
    const client = new Anthropic({ apiKey: "key", baseURL: "http://charter.test", fetch: refuse, maxRetries: 0 });
    await expect(client.messages.create(params)).rejects.toBeInstanceOf(NotFoundError);
    await expect(client.messages.create(params)).rejects.toMatchObject({ type: "not_found_error", status: 404 });
  });

  it("reads a reply in the form that it asked for", async () => {
    const answered: Reply = {
      ...reply,
      choices: [{ parts: [{ kind: "text", text: '{"n":7}' }], finish: "stop" }],
    };
    const fetch = (_url: unknown, init?: RequestInit): Promise<Response> => {
      const call = anthropicMessagesFront.readCall(JSON.parse(init?.body as string));
      expect(call.form).toMatchObject({ kind: "schema", schema: { type: "object" } });
      return Promise.resolve(Response.json(anthropicMessagesFront.writeReply(call, answered, shown)));
    };
    const client = new Anthropic({ apiKey: "key", baseURL: "http://charter.test", fetch, maxRetries: 0 });
    const format = { type: "json_schema" as const, schema: { type: "object", properties: { n: { type: "integer" } } } };
    const message = await client.messages.create({ ...params, output_config: { format } });
    expect(message.content).toEqual([{ type: "text", text: '{"n":7}', citations: null }]);
  });
});
