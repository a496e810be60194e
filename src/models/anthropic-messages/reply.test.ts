import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gathered, piecesOf } from "../../../test/support/gateway/reply-pieces.ts";
import type { Finish, StreamEvent } from "../conversation.ts";
import { anthropicMessagesFront, anthropicMessagesUpstream } from "./dialect.ts";
import { writeMessagesError } from "./error.ts";
import { writeMessagesUsage } from "./usage.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const upstream = anthropicMessagesUpstream;
const call = anthropicMessagesFront.readCall({ model: "m", max_tokens: 1, messages: [{ role: "user", content: "x" }] });
const shown = { createdMs: 0, id: "msg_charter" };

describe("reading a message", () => {
  const body = JSON.parse(fixture("anthropic-reply.json"));

  it("reads blocks, stop reason and usage", () => {
    expect(upstream.readReply(body)).toEqual({
      id: "msg_01",
      model: "claude-opus-4-6",
      choices: [
        {
          parts: [
            { kind: "reasoning", text: "The user wants the weather.", signature: "c2VhbA==" },
            { kind: "reasoning", text: "", redacted: "aGlkZGVu" },
            { kind: "text", text: "I will look it up." },
            { kind: "tool_call", id: "toolu_02", name: "get_weather", arguments: '{"city":"Paris","days":2}' },
            { kind: "tool_call", id: "toolu_03", name: "get_time", arguments: "{}" },
          ],
          finish: "tool_calls",
        },
      ],
      rawUsage: body.usage,
      usage: null,
    });
  });

  it("reads the same from a stream, with the usage of both reports", () => {
    const whole = upstream.readReply(body);
    const streamed = gathered(piecesOf(upstream, fixture("anthropic-stream.sse")));
    expect(streamed).toMatchObject({ id: whole.id, model: whole.model, finish: "tool_calls", ended: true });
    expect(streamed.parts).toEqual(whole.choices[0]?.parts);
    expect(streamed.usage).toEqual({
      input_tokens: 20,
      cache_creation_input_tokens: 100,
      cache_read_input_tokens: 1000,
      output_tokens: 60,
      output_tokens_details: { thinking_tokens: 25 },
      service_tier: "standard",
    });
  });

  it("lets the counts of message_delta win where they are present", () => {
    const reader = upstream.streamReader();
    reader.read({
      data: '{"type":"message_start","message":{"id":"a","model":"b","usage":{"input_tokens":3,"output_tokens":1}}}',
    });
    const pieces = reader.read({
      data: '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":30,"output_tokens":9}}',
    });
    expect(pieces.at(-1)).toEqual({ kind: "usage", raw: { input_tokens: 30, output_tokens: 9 } });
  });

  it("reports an error inside a stream and no end", () => {
    const pieces = piecesOf(upstream, fixture("anthropic-stream-error.sse"));
    expect(pieces.at(-1)).toEqual({ kind: "error", code: "overloaded_error", message: "Overloaded" });
    expect(pieces.some((piece) => piece.kind === "end")).toBe(false);
  });

  it("says the end of a stream that closed after its stop reason, and of no other", () => {
    const text = fixture("anthropic-stream.sse");
    expect(piecesOf(upstream, text.slice(0, text.indexOf("event: message_stop"))).at(-1)).toEqual({ kind: "end" });
    const cutOff = piecesOf(upstream, text.slice(0, text.indexOf("event: message_delta")));
    expect(cutOff.some((piece) => piece.kind === "end")).toBe(false);
  });

  it.each([null, "x", {}, { type: "message" }, { type: "error", error: {} }, { type: "message", content: [7] }])(
    "refuses %o as no message",
    (garbage) => {
      expect(() => upstream.readReply(garbage)).toThrow(expect.objectContaining({ code: "upstream.garbled" }));
    },
  );

  it.each([
    "no json",
    "[]",
    '{"type":"message_start"}',
    '{"type":"content_block_delta","index":4,"delta":{"type":"text_delta","text":"x"}}',
    '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":1}}',
  ])("refuses %s as no piece of a stream", (data) => {
    expect(() => upstream.streamReader().read({ data })).toThrow(expect.objectContaining({ code: "upstream.garbled" }));
  });

  it("passes over events and blocks that the API may add", () => {
    const reader = upstream.streamReader();
    expect(reader.read({ data: '{"type":"weather_report"}' })).toEqual([]);
    expect(
      reader.read({ data: '{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use"}}' }),
    ).toEqual([]);
    expect(
      reader.read({
        data: '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}',
      }),
    ).toEqual([]);
  });

  it.each<[string, Finish]>([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["refusal", "refusal"],
    ["pause_turn", "unknown"],
    ["something_new", "unknown"],
  ])("reads the stop reason %s as %s", (stop_reason, finish) => {
    expect(upstream.readReply({ type: "message", content: [], stop_reason }).choices[0]?.finish).toBe(finish);
  });

  it("reads the provider's words about an error", () => {
    expect(upstream.readError(JSON.parse(fixture("anthropic-error.json")))).toEqual({
      code: "not_found_error",
      message: "The requested resource could not be found.",
    });
    expect(upstream.readError("gateway timeout")).toBeUndefined();
  });
});

describe("writing a message", () => {
  it("shows another provider's usage with cached tokens beside the input", () => {
    const usage = {
      inputTokens: 100,
      outputTokens: 40,
      cacheReadTokens: 60,
      cacheWriteTokens: 10,
      reasoningTokens: 15,
      estimated: false,
    };
    expect(writeMessagesUsage({ prompt_tokens: 100 }, usage)).toEqual({
      input_tokens: 30,
      output_tokens: 40,
      cache_read_input_tokens: 60,
      cache_creation_input_tokens: 10,
      output_tokens_details: { thinking_tokens: 15 },
    });
    const responses = { input_tokens: 100, output_tokens: 40, total_tokens: 140 };
    expect(writeMessagesUsage(responses, usage)["input_tokens"]).toBe(30);
    const own = { input_tokens: 1, output_tokens: 2, service_tier: "standard" };
    expect(writeMessagesUsage(own, { ...usage, estimated: false })).toBe(own);
    expect(writeMessagesUsage(own, { ...usage, estimated: true })["input_tokens"]).toBe(30);
  });

  it.each<[Finish, string]>([
    ["stop", "end_turn"],
    ["length", "max_tokens"],
    ["tool_calls", "tool_use"],
    ["content_filter", "refusal"],
    ["refusal", "refusal"],
    ["error", "refusal"],
    ["unknown", "end_turn"],
  ])("says %s as %s", (finish, stop_reason) => {
    const reply = { id: "", model: "m", choices: [{ parts: [], finish }], rawUsage: null, usage: null };
    expect(anthropicMessagesFront.writeReply(call, reply, shown)).toMatchObject({ id: "msg_charter", stop_reason });
  });

  it("opens one block at a time, also when tool calls begin before their arguments come", () => {
    const writer = anthropicMessagesFront.streamWriter(call, shown);
    const pieces: StreamEvent[] = [
      { kind: "start", id: "", model: "m" },
      { kind: "tool_start", choice: 0, slot: 0, id: "a", name: "a" },
      { kind: "tool_start", choice: 0, slot: 1, id: "b", name: "b" },
      { kind: "tool_start", choice: 0, slot: 2, id: "c", name: "c" },
      { kind: "tool_arguments", choice: 0, slot: 0, text: "{}" },
      { kind: "tool_arguments", choice: 0, slot: 2, text: "{}" },
      { kind: "text", choice: 1, text: "of another choice" },
      { kind: "end" },
    ];
    const frames = pieces.map((piece) => writer.write(piece)).join("");
    const order = frames.split("\n\n").filter((frame) => frame !== "");
    const events = order.map((frame) => JSON.parse(frame.slice(frame.indexOf("data: ") + 6)));
    expect(events.map((event) => [event.type, event.index, event.content_block?.id].join(" ").trim())).toEqual([
      "message_start",
      "content_block_start 0 a",
      "content_block_delta 0",
      "content_block_stop 0",
      "content_block_start 1 b",
      "content_block_stop 1",
      "content_block_start 2 c",
      "content_block_delta 2",
      "content_block_stop 2",
      "message_delta",
      "message_stop",
    ]);
    expect(() => writer.write({ kind: "tool_arguments", choice: 0, slot: 0, text: "{}" })).toThrow(
      expect.objectContaining({ code: "upstream.garbled" }),
    );
  });

  it("writes a waiting tool call before words that follow it", () => {
    const writer = anthropicMessagesFront.streamWriter(call, shown);
    const pieces: StreamEvent[] = [
      { kind: "start", id: "a", model: "m" },
      { kind: "tool_start", choice: 0, slot: 0, id: "a", name: "a" },
      { kind: "tool_start", choice: 0, slot: 1, id: "b", name: "b" },
      { kind: "text", choice: 0, text: "done" },
      { kind: "end" },
    ];
    const back = gathered(piecesOf(upstream, pieces.map((piece) => writer.write(piece)).join("")));
    expect(back.parts).toEqual([
      { kind: "tool_call", id: "a", name: "a", arguments: "{}" },
      { kind: "tool_call", id: "b", name: "b", arguments: "{}" },
      { kind: "text", text: "done" },
    ]);
  });

  it("names a stream whose provider gave no start", () => {
    const writer = anthropicMessagesFront.streamWriter(call, shown);
    const frames = writer.write({ kind: "text", choice: 0, text: "hi" }) + writer.write({ kind: "end" });
    expect(gathered(piecesOf(upstream, frames))).toMatchObject({ id: "msg_charter", model: "m", finish: "stop" });
  });

  it.each([
    ["rate_limit_error", undefined, "rate_limit_error"],
    ["upstream.timeout", undefined, "timeout_error"],
    ["model.unavailable", 503, "overloaded_error"],
    ["upstream.garbled", undefined, "api_error"],
    ["dialect.invalid", 400, "invalid_request_error"],
    ["rate.exceeded", 429, "rate_limit_error"],
  ])("names the error %s with status %s as %s", (code, status, type) => {
    const error = { code, message: "x" };
    expect(writeMessagesError(error, status)).toEqual({ type: "error", error: { type, ...error } });
  });
});
