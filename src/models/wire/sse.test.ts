import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SseEvent } from "../conversation.ts";
import { beginsAsEvents, maxEventBytes, maxEventLines, type SseBlock, SseDecoder, sseFrame } from "./sse.ts";

/** Cuts bytes into chunks after the given lengths, round and round. */
function chunksOf(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length]!;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

function decode(chunks: readonly Buffer[]): SseBlock[] {
  const decoder = new SseDecoder();
  return [...chunks.flatMap((chunk) => decoder.feed(chunk)), ...decoder.close()];
}

/** The standard's algorithm, word for word, but for whole lines before the close of a stream. */
function reference(text: string): SseEvent[] {
  const events: SseEvent[] = [];
  let [data, event]: [string | undefined, string] = [undefined, ""];
  const dispatch = (): void => {
    if (data !== undefined) events.push(event === "" ? { data } : { event, data });
    [data, event] = [undefined, ""];
  };
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    const [, name, value] = /^([^:]*):? ?([^]*)$/.exec(line)!;
    if (line === "") dispatch();
    else if (name === "data") data = data === undefined ? value! : `${data}\n${value!}`;
    else if (name === "event") event = value!;
  }
  if (lines.at(-1) === "") dispatch();
  return events;
}

function eventsOf(text: string): SseEvent[] {
  return decode([Buffer.from(text)]).flatMap(({ event }) => event ?? []);
}

describe("server-sent events", () => {
  it.each<[string, string, SseEvent[]]>([
    ["one line of data", "data: a\n\n", [{ data: "a" }]],
    ["a name", "event: x\ndata: a\n\n", [{ event: "x", data: "a" }]],
    ["several lines of data as one", "data: a\ndata: b\ndata\n\n", [{ data: "a\nb\n" }]],
    ["values with no space or with two", "data:a\ndata:  b\n\n", [{ data: "a\n b" }]],
    ["empty data as an event", "data:\n\n", [{ data: "" }]],
    ["no event in a comment, a name alone, or nothing", ": wait\n\nevent: x\n\n\n\nid: 1\nretry: 5\n\n", []],
    ["fields of other names as nothing", "datas: a\nevents: b\nDATA: c\n\n", []],
    [
      "carriage returns as line ends",
      "data: a\r\rdata: b\r\n\r\ndata: c\n\r\n",
      [{ data: "a" }, { data: "b" }, { data: "c" }],
    ],
    [
      "pairs of carriage return and line feed",
      "event: x\r\ndata: a\r\ndata: b\r\n\r\n",
      [{ event: "x", data: "a\nb" }],
    ],
    ["a byte order mark only at the start", "\uFEFFdata: a\n\n\uFEFFdata: b\n\n", [{ data: "a" }]],
    ["text beyond ASCII", "data: Grüße 🙂\n\n", [{ data: "Grüße 🙂" }]],
    ["an event whose empty line was forgotten", "data: a\n\ndata: [DONE]\n", [{ data: "a" }, { data: "[DONE]" }]],
    ["no event in a line that was cut", 'data: a\n\ndata: {"cut', [{ data: "a" }]],
  ])("are read with %s", (_what, text, events) => {
    expect(eventsOf(text)).toEqual(events);
  });

  it("are the same however the bytes are cut, and their blocks cover every byte", () => {
    const piece = fc.constantFrom(
      "data",
      "event",
      ":",
      " ",
      "\n",
      "\r",
      "\r\n",
      "é🙂",
      "\uFEFF",
      "x",
      "\n\n",
      "data: y",
    );
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (pieces, lengths) => {
        const bytes = Buffer.from(pieces.join(""));
        const expected = reference(pieces.join(""));
        expect(eventsOf(pieces.join(""))).toEqual(expected);
        const cut = decode(chunksOf(bytes, lengths));
        expect(cut.flatMap(({ event }) => event ?? [])).toEqual(expected);
        expect(Buffer.concat(cut.map(({ raw }) => raw))).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it("read back what was written as frames", () => {
    const event = fc.record({ data: fc.string({ unit: "binary" }), event: fc.constantFrom(undefined, "message_stop") });
    fc.assert(
      fc.property(fc.array(event), fc.integer({ min: 1, max: 50 }), (events, length) => {
        const bytes = Buffer.from(events.map(({ data, event }) => sseFrame(data, event)).join(""));
        const read = decode(chunksOf(bytes, [length])).map((block) => block.event);
        // Line ends become line feeds, and what is no text becomes a replacement character.
        const said = events.map(({ data, event }) => {
          const text = data.replaceAll(/\r\n?/g, "\n").toWellFormed();
          return event === undefined ? { data: text } : { event, data: text };
        });
        expect(read).toEqual(said);
      }),
    );
  });

  it("refuse an event that is larger than its limit, whether it ends or not", () => {
    const garbled = expect.objectContaining({ code: "upstream.garbled" });
    const fits = Buffer.from(`data:${"x".repeat(maxEventBytes - "data:\n\n".length)}\n\n`);
    expect(decode(chunksOf(fits, [65_536]))[0]?.event?.data).toHaveLength(maxEventBytes - "data:\n\n".length);
    expect(() => decode([Buffer.concat([Buffer.from(":"), Buffer.from("\ndata:1"), fits])])).toThrow(garbled);
    const endless = new SseDecoder();
    const feed = (): unknown => endless.feed(Buffer.from("data: more\n".repeat(10_000)));
    expect(() => Array.from({ length: 160 }, feed)).toThrow(garbled);
    const lines = Buffer.from(`${"data:\n".repeat(maxEventLines + 1)}\n`);
    expect(() => decode([lines])).toThrow(garbled);
    expect(decode([lines.subarray(2 * "data:\n".length)])[0]?.event?.data).toHaveLength(maxEventLines - 2);
  });

  it("are told from other bodies by how they begin, as soon as that can be told", () => {
    for (const head of ["data: {}", "event: ping\n", ":", "\uFEFFdata:", "\n\r\n id:", "retry: 5"]) {
      expect(beginsAsEvents(Buffer.from(head)), head).toBe(true);
    }
    for (const head of ["{", " [1", "<html>", "database", "datum: 1", " ".repeat(64)]) {
      expect(beginsAsEvents(Buffer.from(head)), head).toBe(false);
    }
    for (const head of ["", "d", "dat", "\n ev", "retry"])
      expect(beginsAsEvents(Buffer.from(head)), head).toBeUndefined();
    expect(beginsAsEvents(Buffer.from("\uFEFF").subarray(0, 2))).toBeUndefined();
  });
});
