// Tool calls whose arguments take turns, for an API in which blocks come one after the other.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainCall } from "../../../test/support/gateway/model-call.ts";
import { gathered, piecesOf } from "../../../test/support/gateway/reply-pieces.ts";
import type { StreamEvent } from "../conversation.ts";
import { anthropicMessagesFront, anthropicMessagesUpstream } from "./dialect.ts";
import { maxEventBytes } from "../wire/sse.ts";

const shown = { id: "x", createdMs: 0 };
const start = (slot: number): StreamEvent => ({
  kind: "tool_start",
  choice: 0,
  slot,
  id: `c${slot}`,
  name: `t${slot}`,
});
const input = (slot: number, text: string): StreamEvent => ({ kind: "tool_arguments", choice: 0, slot, text });
const text = (words: string): StreamEvent => ({ kind: "text", choice: 0, text: words });
const end: readonly StreamEvent[] = [{ kind: "finish", choice: 0, finish: "tool_calls" }, { kind: "end" }];

/** The frames for each piece. */
function written(pieces: readonly StreamEvent[]): string[] {
  const writer = anthropicMessagesFront.streamWriter(plainCall(), shown);
  return [{ kind: "start", id: "m", model: "m" } as const, ...pieces].map((piece) => writer.write(piece));
}
/** What a client reads. */
const read = (pieces: readonly StreamEvent[]) =>
  gathered(piecesOf(anthropicMessagesUpstream, written(pieces).join(""))).parts;
const call = (slot: number, args: string): object => ({
  kind: "tool_call",
  id: `c${slot}`,
  name: `t${slot}`,
  arguments: args,
});

describe("tool calls whose arguments take turns", () => {
  it("are told block by block, each whole", () => {
    const pieces = [start(0), input(0, '{"x":'), start(1), input(1, '{"y":'), input(0, "1}"), input(1, "2}"), ...end];
    expect(read(pieces)).toEqual([call(0, '{"x":1}'), call(1, '{"y":2}')]);
  });

  it("are told once the next call begins, and long ones as they come", () => {
    const told = (pieces: readonly StreamEvent[]): boolean[] =>
      written(pieces).map((frame) => frame.includes("input_json_delta"));
    const short = [start(0), input(0, '{"a":"}'), input(0, '"}'), start(1), input(1, "{"), input(1, "}"), ...end];
    expect(told(short)).toEqual([false, false, false, false, false, true, false, false, true]);
    const long = [start(0), input(0, `{"a":"${"x".repeat(16 * 1024)}`), input(0, "x"), input(0, '"}'), ...end];
    expect(told(long)).toEqual([false, false, true, true, true, false, false]);
  });

  it("wait for the one that is open, and words in the middle wait too", () => {
    const pieces = [
      start(0),
      input(0, "{"),
      text("Now "),
      start(1),
      input(1, "[]"),
      text("then."),
      input(0, "}"),
      ...end,
    ];
    expect(read(pieces)).toEqual([
      call(0, "{}"),
      call(1, '{"INVALID_JSON":"[]"}'),
      { kind: "text", text: "Now then." },
    ]);
  });

  it("keep arguments that are never whole", () => {
    const pieces = [start(0), input(0, '{"x":'), start(1), input(1, "plain"), start(2), ...end];
    const frames = written(pieces).join("");
    const said = read(pieces).flatMap((part) => (part.kind === "tool_call" ? [part.arguments] : []));
    expect(said).toEqual([JSON.stringify({ INVALID_JSON: '{"x":' }), JSON.stringify({ INVALID_JSON: "plain" }), "{}"]);
    expect(frames.match(/content_block_start/g)).toHaveLength(6);
    expect(frames).toContain("message_stop");
  });

  it("may end in white space after they were left", () => {
    const pieces = [start(0), input(0, "{}"), start(1), input(1, "{}"), input(0, "\n"), ...end];
    expect(read(pieces)).toEqual([call(0, "{}"), call(1, "{}")]);
  });

  it("hold back no more than an event may hold", () => {
    const long = "x".repeat(maxEventBytes / 2);
    const pieces = [start(0), input(0, "{"), start(1), input(1, long), input(1, long), input(1, "x")];
    expect(() => written(pieces)).toThrow(expect.objectContaining({ code: "upstream.garbled" }));
  });

  it("arrive whole in whatever order the pieces come", () => {
    const args = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }).map((value) => JSON.stringify(value));
    const calls = fc.array(fc.tuple(args, fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(calls, fc.infiniteStream(fc.nat()), fc.boolean(), (all, choices, hasWords) => {
        const queues = all.map(([json, size], slot) => [
          start(slot),
          ...Array.from({ length: Math.ceil(json.length / size) }, (_, i) =>
            input(slot, json.slice(i * size, (i + 1) * size)),
          ),
        ]);
        const pieces: StreamEvent[] = [];
        for (let open = queues; open.length > 0; open = open.filter(({ length }) => length > 0)) {
          pieces.push(open[(choices.next().value as number) % open.length]!.shift()!);
          if (hasWords && pieces.length % 3 === 0) pieces.push(text("w"));
        }
        const parts = read([...pieces, ...end]);
        const said = parts.filter(({ kind }) => kind === "tool_call") as { id: string; arguments: string }[];
        const byId = said.toSorted((a, b) => a.id.localeCompare(b.id));
        expect(byId.map((each) => each.arguments)).toEqual(all.map(([json]) => json));
        const words = parts.flatMap((part) => (part.kind === "text" ? [part.text] : [])).join("");
        expect(words).toBe("w".repeat(pieces.filter(({ kind }) => kind === "text").length));
      }),
    );
  });
});
