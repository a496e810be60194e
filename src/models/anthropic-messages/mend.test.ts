// Callers that are given a server's own bytes get its mistakes put right, in whole messages and in streams alike.
import { describe, expect, it } from "vitest";
import { anthropicMessagesFront, anthropicMessagesUpstream } from "./dialect.ts";

type Body = Record<string, unknown>;

const call = anthropicMessagesFront.readCall({ model: "m", max_tokens: 1, messages: [{ role: "user", content: "x" }] });
const by = { stamp: { id: "made", createdMs: 0 }, usage: null };
const mended = (body: Body): unknown => anthropicMessagesFront.mended?.(call, body, by);
const zeros = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};

/** The events as a caller gets them, and which were changed. */
function events(...all: Body[]): { readonly events: Body[]; readonly changed: boolean[] } {
  const reader = anthropicMessagesUpstream.streamReader();
  const changed: boolean[] = [];
  const read = all.map((event) => {
    const data = JSON.stringify(event);
    reader.read({ event: String(event["type"]), data });
    changed.push(reader.mended !== undefined);
    return JSON.parse(reader.mended?.[0]?.data ?? data) as Body;
  });
  return { events: read, changed };
}

describe("a whole message", () => {
  it("without a mistake is not touched", () => {
    const usage = { input_tokens: 1, output_tokens: 1 };
    const content = [{ type: "text", text: "a" }, { type: "odd" }, "odd"];
    expect(mended({ type: "message", content, stop_reason: "pause_turn", usage })).toBeUndefined();
    expect(mended({ type: "error" })).toBeUndefined();
  });

  it("gets a usage, why it stopped, and what its blocks lack", () => {
    const content = [{ type: "thinking", thinking: "Hm." }, { type: "text" }, { type: "tool_use", id: "t", name: "f" }];
    expect(mended({ type: "message", content, stop_reason: null, more: 1 })).toEqual({
      type: "message",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "" },
        { type: "text", text: "" },
        { type: "tool_use", id: "t", name: "f", input: {} },
      ],
      stop_reason: "tool_use",
      usage: zeros,
      more: 1,
    });
    expect(mended({ content: [{ type: "text", text: "a" }], usage: zeros })).toMatchObject({ stop_reason: "end_turn" });
  });
});

describe("a streamed message", () => {
  const usage = { input_tokens: 3, output_tokens: 1 };
  const start = { type: "message_start", message: { id: "m", content: [], usage } };
  const end = (reason: string | null, more: Body = {}): Body => ({
    type: "message_delta",
    delta: { stop_reason: reason },
    ...more,
  });

  it("without a mistake is not touched", () => {
    const block = { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } };
    const all = [start, block, { type: "ping" }, end("end_turn", { usage: { output_tokens: 2 } })];
    expect(events(...all).changed).toEqual([false, false, false, false]);
  });

  it("gets what clients cannot do without", () => {
    const tool = { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "t", name: "f" } };
    const { events: read } = events({ type: "message_start", message: { id: "m" } }, tool, end(null));
    expect(read).toEqual([
      { type: "message_start", message: { id: "m", content: [], usage: zeros } },
      { ...tool, content_block: { ...tool.content_block, input: {} } },
      { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 0 } },
    ]);
  });

  it("keeps the last account and reason where a later report leaves them out", () => {
    const { events: read } = events(start, end("max_tokens", { usage: { output_tokens: 9 } }), end(null));
    expect(read.at(-1)).toEqual(end("max_tokens", { usage: { output_tokens: 9 } }));
  });

  it("has its events named, because clients go by the names", () => {
    const reader = anthropicMessagesUpstream.streamReader();
    const data = JSON.stringify(start);
    reader.read({ data });
    expect(reader.mended).toEqual([{ event: "message_start", data }]);
  });

  it("says an end also where the server does not say why it stopped", () => {
    const reader = anthropicMessagesUpstream.streamReader();
    reader.read({ data: JSON.stringify(start) });
    const ended = reader.read({ data: '{"type":"message_stop"}' });
    expect(ended).toEqual([{ kind: "finish", choice: 0, finish: "unknown" }, { kind: "end" }]);
  });
});
