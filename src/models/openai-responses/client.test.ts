// The official client reads what Charter writes in the Responses dialect.
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { cut } from "../../../test/support/gateway/reply-pieces.ts";
import type { Finish, Part, Reply, StreamEvent } from "../conversation.ts";
import { openaiResponsesFront } from "./dialect.ts";

const shown = { createdMs: 1_760_000_000_000, id: "made" };

function replyOf(parts: readonly Part[], finish: Finish): Reply {
  return {
    id: "msg_1",
    model: "claude-x",
    choices: [{ parts, finish }],
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
}

const whole = replyOf(
  [
    { kind: "reasoning", text: "Both are needed.", signature: "c2VhbA==" },
    { kind: "reasoning", text: "", redacted: "aGlkZGVu" },
    { kind: "text", text: "I will look both up. ✓" },
    { kind: "tool_call", id: "call_1", name: "get_weather", arguments: '{"city":"Paris"}' },
    { kind: "tool_call", id: "call_2", name: "get_time", arguments: "{}" },
  ],
  "tool_calls",
);

const output = [
  {
    type: "reasoning",
    id: "rs_msg_1_0",
    summary: [{ type: "summary_text", text: "Both are needed." }],
    encrypted_content: "charter:signature:c2VhbA==",
  },
  { type: "reasoning", id: "rs_msg_1_1", summary: [], encrypted_content: "charter:redacted:aGlkZGVu" },
  {
    type: "message",
    id: "msg_msg_1_2",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: "I will look both up. ✓", annotations: [] }],
  },
  { type: "function_call", id: "fc_msg_1_3", call_id: "call_1", name: "get_weather", arguments: '{"city":"Paris"}' },
  { type: "function_call", id: "fc_msg_1_4", call_id: "call_2", name: "get_time", arguments: "{}" },
];
const usage = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 60 },
  output_tokens: 40,
  output_tokens_details: { reasoning_tokens: 15 },
  total_tokens: 140,
};

const params = {
  model: "auto",
  input: "Weather and time in Paris?",
  include: ["reasoning.encrypted_content" as const],
};

/** A client whose server answers with a reply, or with pieces and, where there is one, a failure after them. */
function clientOf(
  reply: Reply,
  pieces: readonly StreamEvent[] = cut(reply, 7),
  failure?: { code: string; message: string },
): OpenAI {
  const answer = (_url: unknown, init?: RequestInit): Promise<Response> => {
    const call = openaiResponsesFront.readCall(JSON.parse(init?.body as string));
    if (!call.stream) return Promise.resolve(Response.json(openaiResponsesFront.writeReply(call, reply, shown)));
    const writer = openaiResponsesFront.streamWriter(call, shown);
    const frames = pieces.map((piece) => writer.write(piece)).join("");
    const end = failure === undefined ? "" : writer.fail(failure);
    return Promise.resolve(new Response(frames + end, { headers: { "content-type": "text/event-stream" } }));
  };
  return new OpenAI({ apiKey: "key", baseURL: "http://charter.test/v1", fetch: answer, maxRetries: 0 });
}

/** What a stream that breaks off writes, whatever the client makes of it. */
function framesOf(pieces: readonly StreamEvent[], failure: { code: string; message: string }): { type: string }[] {
  const call = openaiResponsesFront.readCall({ ...params, stream: true });
  const writer = openaiResponsesFront.streamWriter(call, shown);
  const frames = pieces.map((piece) => writer.write(piece)).join("") + writer.fail(failure);
  return [...frames.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? "") as { type: string });
}

async function eventsOf(client: OpenAI): Promise<OpenAI.Responses.ResponseStreamEvent[]> {
  return Array.fromAsync(await client.responses.create({ ...params, stream: true }));
}

describe("the official client", () => {
  it("reads a whole response", async () => {
    const read = await clientOf(whole).responses.create({ ...params, store: true, instructions: "be brief" });
    expect(read).toMatchObject({
      id: "resp_msg_1",
      object: "response",
      created_at: 1_760_000_000,
      model: "claude-x",
      status: "completed",
      store: false,
      instructions: "be brief",
      output,
      usage,
      output_text: "I will look both up. ✓",
    });
  });

  it("puts a streamed one together", async () => {
    const stream = clientOf(whole).responses.stream(params);
    const seen: string[] = [];
    stream.on("response.output_text.delta", (event) => seen.push(event.delta));
    const read = await stream.finalResponse();
    expect(read).toMatchObject({ id: "resp_msg_1", status: "completed", model: "claude-x", output, usage });
    expect(read.output_text).toBe("I will look both up. ✓");
    expect(seen.join("")).toBe("I will look both up. ✓");
  });

  it("sees every event in its order and numbered", async () => {
    const events = await eventsOf(clientOf(whole, cut(whole, 100)));
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.map(({ type }) => type.slice("response.".length))).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "reasoning_summary_part.added",
      "reasoning_summary_text.delta",
      "reasoning_summary_text.done",
      "reasoning_summary_part.done",
      "output_item.done",
      "output_item.added",
      "output_item.done",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.delta",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]);
  });

  it("gets the same response whole and streamed, however it is cut", async () => {
    const once = await clientOf(whole).responses.create(params);
    for (const size of [1, 3, 100]) {
      const stream = clientOf(whole, cut(whole, size)).responses.stream(params);
      expect((await stream.finalResponse()).output).toMatchObject(once.output);
    }
  });

  it("does not see seals that it did not ask for", async () => {
    const read = await clientOf(whole).responses.create({ model: "auto", input: "hi" });
    expect(JSON.stringify(read)).not.toContain("charter:");
  });

  const text: Part = { kind: "text", text: "a" };
  it.each<[Finish, Part[], string, object | null]>([
    ["stop", [text], "completed", null],
    ["unknown", [text], "completed", null],
    ["length", [text], "incomplete", { reason: "max_output_tokens" }],
    ["content_filter", [text], "incomplete", { reason: "content_filter" }],
    ["refusal", [text], "incomplete", { reason: "content_filter" }],
    ["refusal", [text, { kind: "refusal", text: "no" }], "completed", null],
    ["error", [text], "failed", null],
  ])("reads the finish %s after %j as %s", async (finish, parts, status, incomplete_details) => {
    const reply = replyOf(parts, finish);
    expect(await clientOf(reply).responses.create(params)).toMatchObject({ status, incomplete_details });
    const events = await eventsOf(clientOf(reply));
    expect(events.at(-1)).toMatchObject({ type: `response.${status}`, response: { status, incomplete_details } });
  });

  it("reads a refusal beside a text as parts of one message", async () => {
    const reply = replyOf([text, { kind: "refusal", text: "no" }, text], "refusal");
    const content = [{ text: "a" }, { type: "refusal", refusal: "no" }, { text: "a" }];
    expect(await clientOf(reply).responses.create(params)).toMatchObject({ output: [{ content }] });
    const streamed = await clientOf(reply).responses.stream(params).finalResponse();
    expect(streamed).toMatchObject({ output: [{ content }] });
  });

  it("puts tool calls together whose arguments arrive in turns", async () => {
    const args = (slot: number, words: string): StreamEvent => ({
      kind: "tool_arguments",
      choice: 0,
      slot,
      text: words,
    });
    const client = clientOf(whole, [
      { kind: "start", id: "1", model: "m" },
      { kind: "tool_start", choice: 0, slot: 0, id: "a", name: "f" },
      { kind: "tool_start", choice: 0, slot: 1, id: "b", name: "g" },
      args(1, "2"),
      args(0, "1"),
      args(1, "2"),
      { kind: "finish", choice: 0, finish: "tool_calls" },
      { kind: "end" },
    ]);
    const { output } = await client.responses.stream(params).finalResponse();
    expect(output).toMatchObject([
      { call_id: "a", arguments: "1" },
      { call_id: "b", arguments: "22" },
    ]);
  });

  it("raises what breaks a stream off; who reads on finds what was said by then", async () => {
    const error = { code: "upstream.failed", message: "It failed." };
    const begun = cut(replyOf([text], "stop"), 9).slice(0, 2);
    for (const pieces of [begun, [...begun, { kind: "error" as const, ...error }]]) {
      await expect(eventsOf(clientOf(whole, pieces, error))).rejects.toMatchObject({
        code: error.code,
        message: error.message,
      });
      const frames = framesOf(pieces, error);
      expect(frames.find(({ type }) => type === "error")).toMatchObject({ ...error, error });
      expect(frames.at(-1)).toMatchObject({
        type: "response.failed",
        response: { status: "failed", error, output: [{ status: "incomplete", content: [{ text: "a" }] }] },
      });
    }
    // What comes after the last event is not written.
    expect(await eventsOf(clientOf(whole, cut(whole, 9), error))).toHaveLength(
      (await eventsOf(clientOf(whole, cut(whole, 9)))).length,
    );
    expect(framesOf([], error).map(({ type }) => type)).toEqual([
      "response.created",
      "response.in_progress",
      "error",
      "response.failed",
    ]);
  });
});
