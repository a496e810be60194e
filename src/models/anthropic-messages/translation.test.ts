// Callers of one dialect answered by providers of another: what is asked, what is answered, and both ways of answering.
import Anthropic from "@anthropic-ai/sdk";
import * as fc from "fast-check";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { gathered, piecesOf } from "../../../test/support/gateway/reply-pieces.ts";
import type { FrontDialect, StreamEvent, UpstreamDialect } from "../conversation.ts";
import type { Usage } from "../usage.ts";
import { anthropicMessagesFront, anthropicMessagesUpstream } from "./dialect.ts";
import { geminiUpstream } from "../gemini/dialect.ts";
import { openaiChatFront, openaiChatUpstream } from "../openai-chat/dialect.ts";
import { sseFrame } from "../wire/sse.ts";

type Body = Readonly<Record<string, unknown>>;

/** What the providers here look at in a call. */
interface Asked {
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content: string | readonly Block[] }[];
}

interface Block {
  readonly type: string;
  readonly content?: readonly { readonly text: string }[];
}

const shown = { createdMs: 0, id: "charter-1" };

/** The usage of the three providers' bodies here, as the gateway fills it in. */
function usageOf(raw: Body): Usage {
  const first = (...keys: readonly string[]) =>
    Number(keys.map((key) => raw[key]).find((value) => value !== undefined));
  const cached = Number(raw["cache_read_input_tokens"] ?? 0);
  return {
    inputTokens: first("prompt_tokens", "promptTokenCount", "input_tokens") + cached,
    outputTokens: first("completion_tokens", "candidatesTokenCount", "output_tokens"),
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    estimated: false,
  };
}

/**
 * What stands between the two dialects: a fetch that reads the caller's body, asks `provider` (which sees the body that goes
 * to it and gives the body of a whole reply, or the text of a stream) and writes its answer for the caller.
 */
function gatewayOf(
  front: FrontDialect,
  upstream: UpstreamDialect,
  provider: (body: Asked & Body, path: string) => Body | string,
) {
  return (_url: unknown, init?: RequestInit): Promise<Response> => {
    const call = front.readCall(JSON.parse(init?.body as string));
    const request = upstream.writeCall(call, { model: "provider-model", defaultMaxOutputTokens: 500 });
    const answer = provider(JSON.parse(JSON.stringify(request.body)), request.path);
    if (typeof answer !== "string") {
      const reply = upstream.readReply(answer);
      const usage = reply.rawUsage === null ? null : usageOf(reply.rawUsage);
      return Promise.resolve(Response.json(front.writeReply(call, { ...reply, usage }, shown)));
    }
    const writer = front.streamWriter(call, shown);
    const read = (piece: StreamEvent): StreamEvent =>
      piece.kind === "usage" ? { ...piece, usage: usageOf(piece.raw) } : piece;
    const frames = piecesOf(upstream, answer).map((piece) => writer.write(read(piece)));
    return Promise.resolve(new Response(frames.join(""), { headers: { "content-type": "text/event-stream" } }));
  };
}

const connection = { apiKey: "key", baseURL: "http://charter.test", maxRetries: 0 };

/** The frames of a Messages stream. */
function messagesStream(events: readonly Body[]): string {
  return events.map((event) => sseFrame(JSON.stringify(event), String(event["type"]))).join("");
}

const weatherSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

describe("a caller of chat completions answered by the Messages API", () => {
  const usage = { input_tokens: 40, cache_read_input_tokens: 60, output_tokens: 12 };

  function provider(body: Asked): Body | string {
    const [block] = body.messages.at(-1)?.content ?? [];
    const result = typeof block === "object" && block.type === "tool_result" ? block.content?.[0]?.text : undefined;
    const content =
      result !== undefined
        ? [{ type: "text", text: `It is ${result}.` }]
        : [
            { type: "text", text: "Let me look." },
            { type: "tool_use", id: "toolu_1", name: "get_weather", input: { city: "Paris" } },
          ];
    const stop_reason = content.length === 1 ? "end_turn" : "tool_use";
    const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-x" };
    if (body.stream !== true) return { ...message, content, stop_reason, usage };
    const blocks = content.flatMap((block, index) => [
      {
        type: "content_block_start",
        index,
        content_block: block.type === "text" ? { type: "text", text: "" } : { ...block, input: {} },
      },
      {
        type: "content_block_delta",
        index,
        delta:
          block.type === "text"
            ? { type: "text_delta", text: block.text }
            : { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
      },
      { type: "content_block_stop", index },
    ]);
    return messagesStream([
      { type: "message_start", message: { ...message, content: [], usage: { ...usage, output_tokens: 1 } } },
      ...blocks,
      { type: "message_delta", delta: { stop_reason }, usage: { output_tokens: 12 } },
      { type: "message_stop" },
    ]);
  }

  const seen: (Asked & Body)[] = [];
  const client = new OpenAI({
    ...connection,
    fetch: gatewayOf(openaiChatFront, anthropicMessagesUpstream, (body) => {
      seen.push(body);
      return provider(body);
    }),
  });
  const tools = [
    {
      type: "function" as const,
      function: { name: "get_weather", description: "The weather.", parameters: weatherSchema },
    },
  ];

  it("loops through a tool", async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather in Paris?" },
    ];
    const first = await client.chat.completions.create({ model: "auto", messages, tools, max_completion_tokens: 100 });
    expect(seen.at(-1)).toEqual({
      model: "provider-model",
      max_tokens: 100,
      system: [{ type: "text", text: "Be brief." }],
      messages: [{ role: "user", content: [{ type: "text", text: "Weather in Paris?" }] }],
      tools: [{ name: "get_weather", description: "The weather.", input_schema: weatherSchema }],
    });
    const [choice] = first.choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.tool_calls).toEqual([
      { id: "toolu_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } },
    ]);
    expect(first.usage).toMatchObject({
      prompt_tokens: 100,
      completion_tokens: 12,
      total_tokens: 112,
      prompt_tokens_details: { cached_tokens: 60 },
    });
    messages.push(choice!.message, { role: "tool", tool_call_id: "toolu_1", content: "sunny" });
    const second = await client.chat.completions.create({ model: "auto", messages, tools });
    expect(seen.at(-1)?.messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: [
          { type: "text", text: "Let me look." },
          { type: "tool_use", id: "toolu_1", name: "get_weather", input: { city: "Paris" } },
        ],
      },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text: "sunny" }] }],
      },
    ]);
    expect(second.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "It is sunny." } });
  });

  it("reads the same from a stream", async () => {
    const params = { model: "auto", messages: [{ role: "user" as const, content: "Weather in Paris?" }], tools };
    const whole = await client.chat.completions.create(params);
    const stream = client.chat.completions.stream({ ...params, stream_options: { include_usage: true } });
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]?.message).toMatchObject({ content: whole.choices[0]?.message.content });
    const [called] = whole.choices[0]?.message.tool_calls ?? [];
    expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({ ...called });
    expect(called).toBeDefined();
    expect(streamed.choices[0]?.finish_reason).toBe("tool_calls");
    expect(streamed.usage).toEqual(whole.usage);
  });
});

describe("a caller of the Messages API answered by chat completions", () => {
  const usage = { prompt_tokens: 100, completion_tokens: 12, total_tokens: 112 };

  function provider(body: Asked): Body | string {
    const last = body.messages.at(-1);
    const done = last?.role === "tool";
    const call = { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } };
    const message = done
      ? { content: `It is ${last.content as string}.` }
      : { content: "Let me look.", tool_calls: [call] };
    const finish_reason = done ? "stop" : "tool_calls";
    const head = { id: "chatcmpl-1", model: "gpt-x" };
    if (body.stream !== true) {
      return { ...head, choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason }], usage };
    }
    const deltas: Body[] = [{ role: "assistant", content: "" }, { content: message.content }];
    if (!done) {
      deltas.push({ tool_calls: [{ index: 0, ...call, function: { name: "get_weather", arguments: "" } }] });
      deltas.push({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] });
      deltas.push({ tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] });
    }
    const chunks: Body[] = deltas.map((delta) => ({ ...head, choices: [{ index: 0, delta, finish_reason: null }] }));
    chunks.push({ ...head, choices: [{ index: 0, delta: {}, finish_reason }] }, { ...head, choices: [], usage });
    return chunks.map((chunk) => sseFrame(JSON.stringify(chunk))).join("") + sseFrame("[DONE]");
  }

  const seen: (Asked & Body)[] = [];
  const client = new Anthropic({
    ...connection,
    fetch: gatewayOf(anthropicMessagesFront, openaiChatUpstream, (body) => {
      seen.push(body);
      return provider(body);
    }),
  });
  const tools = [
    { name: "get_weather", description: "The weather.", input_schema: { ...weatherSchema, type: "object" as const } },
  ];

  it("loops through a tool", async () => {
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "Weather in Paris?" }];
    const params = { model: "auto", max_tokens: 100, system: "Be brief.", tools };
    const first = await client.messages.create({ ...params, messages });
    expect(seen.at(-1)?.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather in Paris?" },
    ]);
    expect(first).toMatchObject({ stop_reason: "tool_use", usage: { input_tokens: 100, output_tokens: 12 } });
    expect(first.content[1]).toEqual({ type: "tool_use", id: "call_1", name: "get_weather", input: { city: "Paris" } });
    messages.push({ role: "assistant", content: first.content });
    messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: "call_1", content: "sunny" }] });
    const second = await client.messages.create({ ...params, messages });
    expect(seen.at(-1)?.messages.slice(2)).toEqual([
      {
        role: "assistant",
        content: "Let me look.",
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } },
        ],
      },
      { role: "tool", tool_call_id: "call_1", content: "sunny" },
    ]);
    expect(second).toMatchObject({ stop_reason: "end_turn", content: [{ type: "text", text: "It is sunny." }] });
  });

  it("reads the same from a stream", async () => {
    const params = {
      model: "auto",
      max_tokens: 100,
      messages: [{ role: "user" as const, content: "Weather?" }],
      tools,
    };
    const whole = await client.messages.create(params);
    const streamed = await client.messages.stream(params).finalMessage();
    const plain = (message: Anthropic.Message) =>
      message.content.map((block) => (block.type === "text" ? { type: "text", text: block.text } : block));
    expect(plain(streamed)).toEqual(plain(whole));
    expect(streamed.stop_reason).toBe(whole.stop_reason);
    expect(streamed.usage).toEqual(whole.usage);
  });
});

describe("a caller of the Messages API answered by Gemini", () => {
  it("brings Gemini's seal back with the call that it sealed", async () => {
    const seen: Body[] = [];
    const reply = {
      responseId: "r1",
      modelVersion: "gemini-3-flash",
      candidates: [
        {
          content: {
            parts: [
              { text: "I need a tool.", thought: true },
              { functionCall: { name: "get_weather", args: { city: "Paris" } }, thoughtSignature: "c2VhbA==" },
            ],
          },
          finishReason: "STOP",
        },
      ],
      usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 4 },
    };
    const client = new Anthropic({
      ...connection,
      fetch: gatewayOf(anthropicMessagesFront, geminiUpstream, (body, path) => {
        seen.push(body);
        return path.includes("stream") ? sseFrame(JSON.stringify(reply)) : reply;
      }),
    });
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "Weather in Paris?" }];
    const params = { model: "auto", max_tokens: 100, messages };
    const whole = await client.messages.create(params);
    const streamed = await client.messages.stream(params).finalMessage();
    expect(streamed.content).toEqual(whole.content);
    expect(streamed.usage).toEqual(whole.usage);
    messages.push({ role: "assistant", content: streamed.content });
    messages.push({
      role: "user",
      content: [{ type: "tool_result", tool_use_id: "call_r1_0_0", content: "sunny" }],
    });
    await client.messages.create(params);
    expect((seen[2]?.["contents"] as unknown[] | undefined)?.slice(1)).toEqual([
      {
        role: "model",
        parts: [
          {
            functionCall: { id: "call_r1_0_0", name: "get_weather", args: { city: "Paris" } },
            thoughtSignature: "c2VhbA==",
          },
        ],
      },
      {
        role: "user",
        parts: [{ functionResponse: { id: "call_r1_0_0", name: "get_weather", response: { output: "sunny" } } }],
      },
    ]);
  });
});

describe("a caller of chat completions that asks for a form", () => {
  const schema = { type: "object", properties: { n: { type: "integer", minimum: 1 } }, required: ["n"] };
  const params = {
    model: "auto",
    messages: [{ role: "user" as const, content: "How many?" }],
    response_format: { type: "json_schema" as const, json_schema: { name: "count", schema } },
  };

  it("reads text where the Messages API was made to call a tool, whole and streamed", async () => {
    const input = { n: 7 };
    const block = { type: "tool_use", id: "toolu_1", name: "charter_reply" };
    const usage = { input_tokens: 5, output_tokens: 6 };
    const message = { id: "msg_1", type: "message", model: "claude-x", stop_reason: "tool_use", usage };
    const events = [
      { type: "message_start", message: { ...message, content: [] } },
      { type: "content_block_start", index: 0, content_block: { ...block, input: {} } },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: '{"n":' } },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "7}" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "tool_use" }, usage },
      { type: "message_stop" },
    ];
    const client = new OpenAI({
      ...connection,
      fetch: gatewayOf(openaiChatFront, anthropicMessagesUpstream, (body) => {
        expect(body["tool_choice"]).toMatchObject({ type: "tool", name: "charter_reply" });
        return body.stream === true ? messagesStream(events) : { ...message, content: [{ ...block, input }] };
      }),
    });
    const answer = { finish_reason: "stop", message: { content: '{"n":7}' } };
    expect((await client.chat.completions.create(params)).choices[0]).toMatchObject(answer);
    expect((await client.chat.completions.stream(params).finalChatCompletion()).choices[0]).toMatchObject(answer);
  });

  it("is answered by Gemini in JSON, whole and streamed", async () => {
    const reply = {
      responseId: "r1",
      modelVersion: "gemini-2.5-flash",
      candidates: [{ content: { parts: [{ text: '{"n":7}' }] }, finishReason: "STOP" }],
      usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 4 },
    };
    const client = new OpenAI({
      ...connection,
      fetch: gatewayOf(openaiChatFront, geminiUpstream, (body, path) => {
        expect(body["generationConfig"]).toEqual({ responseMimeType: "application/json", responseJsonSchema: schema });
        return path.includes("stream") ? sseFrame(JSON.stringify(reply)) : reply;
      }),
    });
    const answer = { finish_reason: "stop", message: { content: '{"n":7}' } };
    const whole = await client.chat.completions.create(params);
    expect(whole.choices[0]).toMatchObject(answer);
    const asked = { ...params, stream_options: { include_usage: true } };
    const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
    expect(streamed.choices[0]).toMatchObject(answer);
    expect(streamed.usage).toEqual(whole.usage);
    expect(whole.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 4 });
  });
});

describe("streams that cross dialects", () => {
  it("hold the content and usage of the whole reply", () => {
    const words = fc.string({ minLength: 1 });
    const body = fc.record({
      content: words,
      calls: fc.array(fc.tuple(words, words), { maxLength: 3 }),
      tokens: fc.nat(),
    });
    const call = openaiChatFront.readCall({
      model: "m",
      messages: [{ role: "user", content: "x" }],
      stream: true,
      stream_options: { include_usage: true },
    });
    fc.assert(
      fc.property(body, ({ content, calls, tokens }) => {
        const message = {
          id: "msg_1",
          type: "message",
          model: "claude-x",
          content: [
            { type: "text", text: content },
            ...calls.map(([name, city], i) => ({ type: "tool_use", id: `t${i}`, name, input: { city } })),
          ],
          stop_reason: "end_turn",
          usage: { input_tokens: tokens, output_tokens: 1 },
        };
        const whole = anthropicMessagesUpstream.readReply(message);
        const messages = anthropicMessagesFront.readCall({
          model: "m",
          max_tokens: 1,
          messages: [{ role: "user", content: "x" }],
        });
        const first = anthropicMessagesFront.streamWriter(messages, shown);
        const second = openaiChatFront.streamWriter(call, shown);
        const pieces: StreamEvent[] = [
          { kind: "start", id: whole.id, model: whole.model },
          { kind: "text", choice: 0, text: content },
          ...calls.flatMap(([name, city], slot): StreamEvent[] => [
            { kind: "tool_start", choice: 0, slot, id: `t${slot}`, name },
            { kind: "tool_arguments", choice: 0, slot, text: JSON.stringify({ city }) },
          ]),
          { kind: "finish", choice: 0, finish: "stop" },
          { kind: "usage", raw: message.usage, usage: usageOf(message.usage) },
          { kind: "end" },
        ];
        const wire = pieces.map((piece) => first.write(piece)).join("");
        const read = piecesOf(anthropicMessagesUpstream, wire).map((piece) =>
          piece.kind === "usage" ? { ...piece, usage: usageOf(piece.raw) } : piece,
        );
        const back = gathered(piecesOf(openaiChatUpstream, read.map((piece) => second.write(piece)).join("")));
        expect(back.parts).toEqual(whole.choices[0]?.parts);
        expect(back.usage).toMatchObject({ prompt_tokens: tokens, completion_tokens: 1 });
      }),
    );
  });
});
