import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ModelCall, Part, Reply, StreamEvent } from "../conversation.ts";
import { openaiChatFront, openaiChatUpstream } from "./dialect.ts";

function fixture(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), "utf8")) as Record<
    string,
    unknown
  >;
}

const call = openaiChatFront.readCall({ model: "m", messages: [{ role: "user", content: "hi" }] });
const shown = { createdMs: 1_760_000_000_999, id: "made" };

function replyOf(parts: Part[], fields: Partial<Reply> = {}): Reply {
  return { id: "r", model: "m", choices: [{ parts, finish: "stop" }], rawUsage: null, usage: null, ...fields };
}

function read(message: object, fields: object = {}): Reply["choices"][0] | undefined {
  return openaiChatUpstream.readReply({ choices: [{ message, ...fields }] }).choices[0];
}

describe("a whole chat completion", () => {
  it("is read with tool calls, the mean of the logarithms and the usage as it came", () => {
    const body = fixture("openai-chat-reply");
    expect(openaiChatUpstream.readReply(body)).toEqual({
      id: "chatcmpl-B9MBs8Cj",
      model: "gpt-4.1-2025-04-14",
      choices: [
        {
          parts: [
            { kind: "text", text: "Both, please." },
            { kind: "tool_call", id: "call_abc123", name: "get_weather", arguments: '{"city":"Paris"}' },
            { kind: "tool_call", id: "call_def456", name: "get_time", arguments: "{}" },
          ],
          finish: "tool_calls",
          meanLogprob: -1,
        },
      ],
      rawUsage: body["usage"],
      usage: null,
    });
  });

  it("is read where a server leaves things out", () => {
    expect(openaiChatUpstream.readReply(fixture("openai-chat-reply-loose"))).toEqual({
      id: "",
      model: "gemini-2.5-flash",
      choices: [
        { parts: [{ kind: "tool_call", id: "call__0_0", name: "noop", arguments: '{"a":1}' }], finish: "tool_calls" },
        { parts: [{ kind: "text", text: "two" }], finish: "stop" },
      ],
      rawUsage: null,
      usage: null,
    });
  });

  it.each<[object, Part[]]>([
    [
      { content: "a", reasoning_content: "b" },
      [
        { kind: "reasoning", text: "b" },
        { kind: "text", text: "a" },
      ],
    ],
    [
      { content: "a", reasoning: "b" },
      [
        { kind: "reasoning", text: "b" },
        { kind: "text", text: "a" },
      ],
    ],
    [{ content: [{ type: "thinking", thinking: [{ type: "text", text: "b" }] }] }, [{ kind: "reasoning", text: "b" }]],
    [{ content: null, audio: { transcript: "heard" } }, [{ kind: "text", text: "heard" }]],
    [
      { images: [{ type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } }] },
      [{ kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aGk=" } }],
    ],
    [
      { function_call: { name: "f", arguments: "{}" } },
      [{ kind: "tool_call", id: "call__0_0", name: "f", arguments: "{}" }],
    ],
    [
      { tool_calls: [{ id: "1", type: "custom", custom: { name: "c", input: "free" } }] },
      [{ kind: "tool_call", id: "1", name: "c", arguments: "free", isFree: true }],
    ],
  ])("is read with the message %j", (message, parts) => {
    expect(read(message)?.parts).toEqual(parts);
  });

  it.each([
    ["stop", {}, "stop"],
    ["eos", {}, "stop"],
    ["STOP", {}, "stop"],
    ["length", {}, "length"],
    ["content_filter", {}, "content_filter"],
    ["insufficient_system_resource", {}, "error"],
    ["stop", { refusal: "no" }, "refusal"],
    [null, {}, "unknown"],
    ["something", {}, "unknown"],
  ])("with the finish %j of %j means %s", (finish_reason, message, finish) => {
    expect(read(message, { finish_reason })?.finish).toBe(finish);
  });

  it.each([[null], ["text"], [{}], [{ choices: [] }], [{ choices: [1] }]])("is garbled where it is %j", (body) => {
    expect(() => openaiChatUpstream.readReply(body)).toThrow(expect.objectContaining({ code: "upstream.garbled" }));
  });

  it("is garbled where a tool call has no name", () => {
    const garbled = expect.objectContaining({ code: "upstream.garbled" });
    expect(() => read({ tool_calls: [{ function: { arguments: "{}" } }] })).toThrow(garbled);
  });

  it("is a failure where an error came with a good status", () => {
    const body = { error: { code: 502, message: "secret words" } };
    const failed = { code: "upstream.failed", message: "the provider reported an error" };
    expect(() => openaiChatUpstream.readReply(body)).toThrow(expect.objectContaining(failed));
  });

  it("is written with the usage of this dialect, or one made of what was read", () => {
    const raw = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, cost: 4 };
    const usage = {
      inputTokens: 10,
      outputTokens: 5,
      cacheReadTokens: 4,
      cacheWriteTokens: 0,
      reasoningTokens: 2,
      estimated: false,
    };
    const made = {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 2 },
    };
    const write = (fields: Partial<Reply>): unknown => {
      return openaiChatFront.writeReply(call, replyOf([], fields), shown)["usage"];
    };
    expect(write({ rawUsage: raw, usage })).toBe(raw);
    expect(write({ rawUsage: { input_tokens: 10 }, usage })).toEqual(made);
    expect(write({ rawUsage: raw, usage: { ...usage, estimated: true } })).toEqual(made);
    expect(write({})).toBeUndefined();
  });

  it("is written with an id and a time where the provider gave none", () => {
    const body = openaiChatFront.writeReply(call, replyOf([{ kind: "text", text: "a" }], { id: "" }), shown);
    expect(body).toEqual({
      id: "made",
      object: "chat.completion",
      created: 1_760_000_000,
      model: "m",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "a", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
    });
  });

  const older: ModelCall = { ...call, raw: { functions: [] } };
  const toolCall: Part = { kind: "tool_call", id: "1", name: "f", arguments: "{}" };

  it("is written in the older form for who offered functions", () => {
    const reply = replyOf([toolCall], { choices: [{ parts: [toolCall], finish: "tool_calls" }] });
    const message = { role: "assistant", content: null, refusal: null, function_call: { name: "f", arguments: "{}" } };
    expect(openaiChatFront.writeReply(older, reply, shown)["choices"]).toEqual([
      { index: 0, message, logprobs: null, finish_reason: "function_call" },
    ]);
    const writer = openaiChatFront.streamWriter(older, shown);
    const pieces: StreamEvent[] = [
      { kind: "tool_start", choice: 0, slot: 0, id: "1", name: "f" },
      { kind: "tool_arguments", choice: 0, slot: 0, text: "{}" },
      { kind: "finish", choice: 0, finish: "tool_calls" },
    ];
    const frames = pieces.map((piece) => writer.write(piece)).join("");
    expect(frames).toContain('"delta":{"role":"assistant","function_call":{"name":"f","arguments":""}}');
    expect(frames).toContain('"delta":{"function_call":{"arguments":"{}"}}');
    expect(frames).toContain('"finish_reason":"function_call"');
  });

  it.each([
    ["refusal", [{ kind: "refusal", text: "no" }], "stop"],
    ["refusal", [{ kind: "text", text: "no" }], "content_filter"],
    ["error", [], "error"],
    ["unknown", [], "stop"],
  ] as const)("is written with the finish %s after %j as %s", (finish, parts, word) => {
    const reply = replyOf([], { choices: [{ parts, finish }] });
    expect(openaiChatFront.writeReply(call, reply, shown)).toMatchObject({ choices: [{ finish_reason: word }] });
  });
});

describe("an error body", () => {
  it.each([
    [{ error: { message: "m", type: "t", code: "c" } }, { code: "c", type: "t", message: "m" }],
    [{ error: { message: "m", type: "t", code: null } }, { code: "t", type: "t", message: "m" }],
    [[{ error: { code: 400, message: "m", status: "INVALID_ARGUMENT" } }], { code: "INVALID_ARGUMENT", message: "m" }],
    [{ error: "m" }, { message: "m" }],
    [
      { object: "error", message: "m", code: 40_003 },
      { code: "40003", message: "m" },
    ],
    [{ error: { message: "m", param: "top_k", code: 7 } }, { code: "7", param: "top_k", message: "m" }],
    [
      { message: "m", type: "t" },
      { code: "t", type: "t", message: "m" },
    ],
    [{ detail: "m" }, { message: "m" }],
    [{ detail: [{ loc: ["body", "top_k"], msg: "a" }, { msg: "b" }, "c", 5] }, { message: "body.top_k: a; b; c" }],
    [{ detail: [] }, undefined],
    [{ fine: true }, undefined],
    ["<html>", undefined],
  ])("%j is read", (body, words) => {
    expect(openaiChatUpstream.readError(body)).toEqual(words);
  });
});
