// The official client reads what Charter writes as chat completions and embeddings.
import OpenAI, { APIError } from "openai";
import { describe, expect, it } from "vitest";
import { cut } from "../../../test/support/gateway/reply-pieces.ts";
import type { Reply, StreamEvent } from "../conversation.ts";
import { embeddingsFront } from "../wire/embeddings.ts";
import { openaiChatFront } from "./dialect.ts";

const shown = { createdMs: 1_760_000_000_000, id: "made" };

const reply: Reply = {
  id: "msg_1",
  model: "claude-x",
  choices: [
    {
      parts: [
        { kind: "reasoning", text: "Both are needed.", signature: "c2VhbA==" },
        { kind: "text", text: "I will look both up. ✓" },
        { kind: "tool_call", id: "call_1", name: "get_weather", arguments: '{"city":"Paris"}' },
        { kind: "tool_call", id: "call_2", name: "get_time", arguments: "{}" },
      ],
      finish: "tool_calls",
    },
  ],
  rawUsage: { input_tokens: 100, output_tokens: 40 },
  usage: {
    inputTokens: 100,
    outputTokens: 40,
    cacheReadTokens: 60,
    cacheWriteTokens: 0,
    reasoningTokens: 15,
    estimated: false,
  },
};

/** A client whose server reads the call and answers with the reply, or with the frames given. */
function clientOf(frames?: string): OpenAI {
  const answer = (_url: unknown, init?: RequestInit): Promise<Response> => {
    const call = openaiChatFront.readCall(JSON.parse(init?.body as string));
    if (!call.stream) return Promise.resolve(Response.json(openaiChatFront.writeReply(call, reply, shown)));
    const writer = openaiChatFront.streamWriter(call, shown);
    const body =
      frames ??
      cut(reply, 7)
        .map((piece) => writer.write(piece))
        .join("");
    return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
  };
  return new OpenAI({ apiKey: "key", baseURL: "http://charter.test/v1", fetch: answer, maxRetries: 0 });
}

const params = { model: "auto", messages: [{ role: "user" as const, content: "Weather and time in Paris?" }] };
const message = {
  role: "assistant",
  content: "I will look both up. ✓",
  tool_calls: [
    { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } },
    { id: "call_2", type: "function", function: { name: "get_time", arguments: "{}" } },
  ],
};
const usage = { prompt_tokens: 100, completion_tokens: 40, total_tokens: 140 };

describe("the official client", () => {
  it("reads a whole chat completion", async () => {
    const read = await clientOf().chat.completions.create(params);
    expect(read).toMatchObject({ id: "msg_1", object: "chat.completion", created: 1_760_000_000, model: "claude-x" });
    expect(read.choices).toMatchObject([{ index: 0, message, finish_reason: "tool_calls" }]);
    expect(read.usage).toMatchObject({ ...usage, prompt_tokens_details: { cached_tokens: 60 } });
  });

  it("puts a streamed one together", async () => {
    const stream = clientOf().chat.completions.stream({ ...params, stream_options: { include_usage: true } });
    const read = await stream.finalChatCompletion();
    expect(read).toMatchObject({ id: "msg_1", object: "chat.completion", model: "claude-x" });
    expect(read.choices).toMatchObject([{ index: 0, message, finish_reason: "tool_calls" }]);
    expect(read.usage).toMatchObject(usage);
  });

  it("sees the role first, the usage in a frame without choices, and only when it asked", async () => {
    const chunksOf = async (stream_options?: { include_usage: boolean }): Promise<OpenAI.ChatCompletionChunk[]> => {
      const asked = stream_options === undefined ? {} : { stream_options };
      return Array.fromAsync(await clientOf().chat.completions.create({ ...params, ...asked, stream: true }));
    };
    const asked = await chunksOf({ include_usage: true });
    const roles = asked.flatMap(({ choices }) => choices.map(({ delta }) => delta.role));
    expect(roles[0]).toBe("assistant");
    expect(roles.slice(1).every((role) => role === undefined)).toBe(true);
    expect(asked.at(-1)).toMatchObject({ choices: [], usage });
    expect(asked.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    const unasked = await chunksOf();
    expect(unasked).toHaveLength(asked.length - 1);
    expect(unasked.every((chunk) => !("usage" in chunk))).toBe(true);
  });

  it("throws where a stream breaks off", async () => {
    const writer = openaiChatFront.streamWriter(openaiChatFront.readCall({ ...params, stream: true }), shown);
    const pieces: StreamEvent[] = [
      { kind: "start", id: "1", model: "m" },
      { kind: "text", choice: 0, text: "a" },
    ];
    const error = { code: "upstream.failed", message: "It failed." };
    for (const fail of [writer.fail(error), writer.write({ kind: "error", ...error })]) {
      const client = clientOf(pieces.map((piece) => writer.write(piece)).join("") + fail);
      const seen: string[] = [];
      const iterate = async (): Promise<void> => {
        for await (const chunk of await client.chat.completions.create({ ...params, stream: true })) {
          seen.push(chunk.choices[0]?.delta.content ?? "");
        }
      };
      const thrown: unknown = await iterate().catch((cause: unknown) => cause);
      expect(thrown).toBeInstanceOf(APIError);
      expect(thrown).toMatchObject({ code: "upstream.failed", type: "server_error", message: "It failed." });
      expect(seen).toEqual(["a"]);
    }
  });

  it.each([[undefined], ["float" as const]])("reads vectors with the encoding %s", async (encoding_format) => {
    const vectors = [
      [0.5, -1],
      [0, 2],
    ];
    const answer = (_url: unknown, init?: RequestInit): Promise<Response> => {
      const call = embeddingsFront.readCall(JSON.parse(init?.body as string));
      const vectorsReply = { ...reply, choices: [], vectors, rawUsage: { prompt_tokens: 4, total_tokens: 4 } };
      return Promise.resolve(Response.json(embeddingsFront.writeReply(call, vectorsReply, shown)));
    };
    const client = new OpenAI({ apiKey: "key", baseURL: "http://charter.test/v1", fetch: answer, maxRetries: 0 });
    const format = encoding_format === undefined ? {} : { encoding_format };
    const read = await client.embeddings.create({ model: "e", input: ["a", "b"], ...format });
    expect(read.data.map(({ embedding }) => Array.from(embedding))).toEqual(vectors);
    expect(read.usage).toEqual({ prompt_tokens: 4, total_tokens: 4 });
  });
});
