import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gathered, piecesOf } from "../../../test/support/gateway/reply-pieces.ts";
import type { StreamEvent } from "../conversation.ts";
import { openaiResponsesUpstream as upstream } from "./dialect.ts";

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/openai-responses-${name}`, import.meta.url), "utf8");
}

const body = JSON.parse(fixture("reply.json")) as Record<string, unknown>;
const parts = [
  { kind: "reasoning", text: "First.\n\nSecond." },
  { kind: "text", text: "Hi there" },
  { kind: "tool_call", id: "call_unLAR8Mv", name: "get_weather", arguments: '{"city":"Paris"}' },
];

interface TypedEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

function stream(...events: readonly TypedEvent[]): StreamEvent[] {
  return piecesOf(upstream, events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
}

function end(response: object): TypedEvent {
  return { type: "response.completed", response };
}

describe("a reply of the Responses API", () => {
  it("is read whole", () => {
    expect(upstream.readReply(body)).toEqual({
      id: "resp_67ccd2be",
      model: "gpt-5-2025-08-07",
      choices: [{ parts, finish: "tool_calls" }],
      rawUsage: body["usage"],
      usage: null,
    });
  });

  it("is read piece by piece", () => {
    expect(gathered(piecesOf(upstream, fixture("stream.sse")))).toEqual({
      id: "resp_67ccd2be",
      model: "gpt-5-2025-08-07",
      parts,
      finish: "tool_calls",
      usage: body["usage"],
      ended: true,
    });
  });

  it("is read where the words come only at the end of their part", () => {
    const item = { id: "fc_1", type: "function_call", call_id: "1", name: "f", arguments: "" };
    const pieces = stream(
      { type: "response.output_text.done", output_index: 0, text: "a" },
      { type: "response.output_item.added", output_index: 1, item },
      { type: "response.function_call_arguments.done", output_index: 1, arguments: "{}" },
      { type: "response.refusal.done", output_index: 2, refusal: "no" },
    );
    expect(gathered(pieces).parts).toEqual([
      { kind: "text", text: "a" },
      { kind: "tool_call", id: "1", name: "f", arguments: "{}" },
      { kind: "refusal", text: "no" },
    ]);
  });

  it("is read where a part comes in pieces and the next of its item only at its end", () => {
    const pieces = stream(
      { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "a" },
      { type: "response.output_text.done", output_index: 0, content_index: 0, text: "a" },
      { type: "response.output_text.done", output_index: 0, content_index: 1, text: "b" },
    );
    expect(gathered(pieces).parts).toEqual([{ kind: "text", text: "ab" }]);
  });

  it.each([
    [{ status: "completed" }, "stop"],
    [{ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }, "length"],
    [{ status: "incomplete", incomplete_details: { reason: "content_filter" } }, "content_filter"],
    [{ status: "incomplete" }, "unknown"],
    [{ status: "cancelled" }, "error"],
  ])("with the end %j finishes with %s", (fields, finish) => {
    expect(upstream.readReply({ ...fields, output: [] }).choices[0]?.finish).toBe(finish);
    expect(stream(end(fields))).toEqual([{ kind: "finish", choice: 0, finish }, { kind: "end" }]);
  });

  it("is read where only its items are there, or only its end, and clients are given the start of each", () => {
    const { output } = body as { output: object[] };
    const done = output.map((item, output_index) => ({ type: "response.output_item.done", output_index, item }));
    const begun = { type: "response.created", response: { id: body["id"], model: body["model"] } };
    expect(gathered(stream(begun, ...done, end(body)))).toMatchObject({ parts, finish: "tool_calls" });
    expect(gathered(stream(end(body)))).toMatchObject({ id: "resp_67ccd2be", parts, finish: "tool_calls" });
    const reader = upstream.streamReader();
    reader.read({ data: JSON.stringify(done[0]) });
    expect(reader.mended?.map(({ data }) => JSON.parse(data) as unknown)).toEqual([
      { ...done[0], type: "response.output_item.added" },
      done[0],
    ]);
  });

  it("that is a refusal finishes so", () => {
    const content = [{ type: "refusal", refusal: "no" }];
    const refused = upstream.readReply({ status: "completed", output: [{ type: "message", content }] });
    expect(refused.choices).toEqual([{ parts: [{ kind: "refusal", text: "no" }], finish: "refusal" }]);
    const pieces = stream({ type: "response.refusal.delta", output_index: 0, delta: "no" }, end({}));
    expect(gathered(pieces).finish).toBe("refusal");
  });

  it.each([
    [{ type: "response.failed", response: { error: { code: "server_error", message: "m" } } }, "server_error"],
    [{ type: "error", code: "rate_limit_exceeded", message: "m", param: null }, "rate_limit_exceeded"],
    [{ type: "error", error: { type: "invalid_request_error", code: null, message: "m" } }, "invalid_request_error"],
  ])("says the provider's error %j and then nothing", (event, code) => {
    expect(stream(event, end({}))).toEqual([{ kind: "error", code, message: "m" }]);
  });

  it("that closes without its last event has no end", () => {
    expect(stream({ type: "response.output_text.delta", output_index: 0, delta: "a" })).toEqual([
      { kind: "text", choice: 0, text: "a" },
    ]);
  });

  const garbled = expect.objectContaining({ code: "upstream.garbled" });
  it.each([[null], [[]], [{}], [{ output: [{ type: "function_call" }] }]])("is garbled in %j", (reply) => {
    expect(() => upstream.readReply(reply)).toThrow(garbled);
  });

  it.each(["{", "[]", '{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{"}'])(
    "is garbled where a piece is %s",
    (data) => {
      expect(() => upstream.streamReader().read({ data })).toThrow(garbled);
    },
  );

  it("that failed is a failure", () => {
    const failed = { status: "failed", error: { code: "server_error", message: "m" }, output: [] };
    expect(() => upstream.readReply(failed)).toThrow(expect.objectContaining({ code: "upstream.failed" }));
  });
});
