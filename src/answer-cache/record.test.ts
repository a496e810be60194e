import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testAddress, testAnswer, testReply } from "../../test/contract/answer-cache.ts";
import type { Choice, Finish, Part, Reply, StreamEvent } from "../models/conversation.ts";
import { noUsage } from "../models/usage.ts";
import { isWorthKeeping } from "./answer.ts";
import { piecesOf, replyOf } from "./pieces.ts";
import { openRecord, sealRecord } from "./record.ts";

const madeMs = Date.UTC(2026, 0, 1);
const address = testAddress("call");

const text = fc.record({
  kind: fc.constantFrom("text" as const, "refusal" as const),
  text: fc.string({ minLength: 1 }),
});
const toolCall = fc.record({
  kind: fc.constant("tool_call" as const),
  id: fc.string(),
  name: fc.string(),
  arguments: fc.string(),
});
const reasoning = fc.record(
  { kind: fc.constant("reasoning" as const), text: fc.string(), signature: fc.string(), redacted: fc.string() },
  { requiredKeys: ["kind", "text", "signature"] },
);
const finish = fc.constantFrom<Finish>("stop", "length", "tool_calls");
const choice: fc.Arbitrary<Choice> = fc.record({
  // Neighbours of one kind would be joined, so only calls and sealed reasoning may follow each other.
  parts: fc
    .array<Part>(fc.oneof(text, toolCall, reasoning), { maxLength: 6 })
    .map((parts) => parts.filter((part, i) => !("text" in part) || parts[i - 1]?.kind !== part.kind)),
  finish,
});
const reply: fc.Arbitrary<Reply> = fc.record({
  id: fc.string(),
  model: fc.string(),
  choices: fc.array(choice, { minLength: 1, maxLength: 3 }),
  rawUsage: fc.constantFrom(null, { prompt_tokens: 1 }),
  usage: fc.constantFrom(null, noUsage),
});

describe("a reply in pieces", () => {
  it("adds up to the reply again", () => {
    fc.assert(
      fc.property(reply, (whole) => {
        expect(replyOf(piecesOf(whole) ?? [], whole.usage)).toEqual(whole);
      }),
    );
  });

  it("keeps pictures", () => {
    const image: Part = { kind: "image", source: { kind: "url", url: "u" } };
    const whole = testReply("", { choices: [{ parts: [{ kind: "text", text: "Here." }, image], finish: "stop" }] });
    expect(replyOf(piecesOf(whole) ?? [], whole.usage)).toEqual(whole);
  });

  it("does not exist for audio, files and vectors", () => {
    const sound: Part = { kind: "audio", format: "wav", data: "" };
    expect(piecesOf(testReply("", { choices: [{ parts: [sound], finish: "stop" }] }))).toBeUndefined();
    expect(piecesOf(testReply("", { choices: [], vectors: [[1]] }))).toBeUndefined();
  });

  it("survives choices that are left out, absurd or never ended, and arguments of no call", () => {
    const pieces: StreamEvent[] = [
      { kind: "text", choice: 2, text: "b" },
      { kind: "text", choice: 4_000_000_000, text: "x" },
      { kind: "text", choice: Number.NaN, text: "x" },
      { kind: "text", choice: -1, text: "x" },
      { kind: "text", choice: 0.5, text: "x" },
      { kind: "tool_arguments", choice: 2, slot: 7, text: "x" },
    ];
    const { choices } = replyOf(pieces, null);
    expect(choices).toEqual([
      { parts: [], finish: "unknown" },
      { parts: [], finish: "unknown" },
      { parts: [{ kind: "text", text: "b" }], finish: "unknown" },
    ]);
  });
});

describe("a record", () => {
  it("gives back a whole reply, its body, and the reply in few pieces", () => {
    const answer = testAnswer("héllo", { body: '{"é":1}', facts: { tier: 2, cost: null, named: "x", ok: true } });
    const opened = openRecord(sealRecord(address, answer, madeMs, 5000), address).answer;
    expect(opened).toMatchObject({
      createdMs: madeMs,
      expiresMs: madeMs + 5000,
      deployment: "simulated",
      model: "simulated-1",
      facts: answer.facts,
      streams: true,
    });
    expect(opened?.body?.toString()).toBe('{"é":1}');
    expect(opened?.reply()).toEqual(answer.reply);
    expect(opened?.pieces()).toEqual(piecesOf(answer.reply));
  });

  it("gives back the pieces of a stream as they were cut, and the reply that they add up to", () => {
    const pieces: StreamEvent[] = [
      { kind: "start", id: "r-1", model: "simulated-1" },
      ...["He", "llo", " ", "", "wörld"].map((each) => ({ kind: "text", choice: 0, text: each }) as const),
      { kind: "text", choice: 1, text: "other" },
      { kind: "finish", choice: 0, finish: "stop" },
      { kind: "finish", choice: 1, finish: "length" },
      { kind: "usage", raw: { total: 3 } },
      { kind: "end" },
    ];
    const opened = openRecord(
      sealRecord(address, testAnswer("", { reply: replyOf(pieces, noUsage), pieces }), madeMs, 5000),
      address,
    ).answer;
    expect(opened?.pieces()).toEqual(pieces);
    expect(opened?.reply()).toEqual({
      id: "r-1",
      model: "simulated-1",
      choices: [
        { parts: [{ kind: "text", text: "Hello wörld" }], finish: "stop" },
        { parts: [{ kind: "text", text: "other" }], finish: "length" },
      ],
      rawUsage: { total: 3 },
      usage: noUsage,
    });
    expect(opened?.body).toBeUndefined();
  });

  it("gives up the cuts of a stream of very many pieces, but not its text", () => {
    const pieces: StreamEvent[] = Array.from({ length: 40_000 }, () => ({ kind: "text", choice: 0, text: "x" }));
    pieces.push({ kind: "finish", choice: 0, finish: "stop" });
    const opened = openRecord(
      sealRecord(address, testAnswer("", { reply: replyOf(pieces, null), pieces }), madeMs, 5000),
      address,
    ).answer;
    expect(opened?.pieces().length).toBeLessThan(10);
    expect(opened?.reply().choices[0]?.parts).toEqual([{ kind: "text", text: "x".repeat(40_000) }]);
  });

  it("says of a reply that cannot be streamed that it cannot", () => {
    const vectors = testAnswer("", { reply: testReply("", { choices: [], vectors: [[0.1, 0.2], "AAAA"] }) });
    const opened = openRecord(sealRecord(address, vectors, madeMs, 5000), address).answer;
    expect(opened?.streams).toBe(false);
    expect(opened?.pieces()).toEqual([]);
    expect(opened?.reply().vectors).toEqual([[0.1, 0.2], "AAAA"]);
  });

  it("opens under no other address, and says which part differs", () => {
    const record = sealRecord(address, testAnswer("x"), madeMs, 5000);
    const other = testAddress("other", "bank", "c2");
    for (const part of ["partition", "constitutionHash", "canonical"] as const) {
      expect(openRecord(record, { ...address, [part]: other[part] })).toEqual({ answer: undefined, differs: part });
    }
    expect(openRecord(record, { ...address, type: "embedding" })).toEqual({ answer: undefined, differs: "type" });
  });

  it("is none whatever else the bytes are, and opening them never throws", () => {
    const record = sealRecord(address, testAnswer("x"), madeMs, 5000);
    const none = { answer: undefined, differs: "form" };
    expect(openRecord(Buffer.alloc(0), address)).toEqual(none);
    for (let length = 0; length < record.byteLength; length++) {
      expect(openRecord(record.subarray(0, length), address)).toEqual(none);
    }
    expect(openRecord(Buffer.concat([record, Buffer.alloc(1)]), address)).toEqual(none);
    fc.assert(
      fc.property(fc.nat({ max: record.byteLength - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const changed = Buffer.from(record);
        changed[at] = byte;
        openRecord(changed, address);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(openRecord(Buffer.from(bytes), address)).toEqual(none);
      }),
    );
  });
});

describe("an answer worth keeping", () => {
  const ended = (finish: Finish) => testReply("", { choices: [{ parts: [{ kind: "text", text: "x" }], finish }] });

  it("ended with its last word, at its length limit or with calls of tools", () => {
    for (const each of ["stop", "length", "tool_calls"] as const)
      expect(isWorthKeeping({ reply: ended(each) })).toBe(true);
  });

  it("is none that was filtered, refused, failed or ended for no known reason", () => {
    for (const each of ["content_filter", "refusal", "error", "unknown"] as const) {
      expect(isWorthKeeping({ reply: ended(each) })).toBe(false);
      const [bad] = ended(each).choices;
      const [good] = ended("stop").choices;
      expect(isWorthKeeping({ reply: testReply("", { choices: [good!, bad!] }) })).toBe(false);
    }
  });

  it("holds something", () => {
    expect(isWorthKeeping({ reply: testReply("", { choices: [] }) })).toBe(false);
    expect(isWorthKeeping({ reply: testReply("", { choices: [{ parts: [], finish: "stop" }] }) })).toBe(false);
    expect(isWorthKeeping({ reply: testReply("", { choices: [], vectors: [] }) })).toBe(false);
    expect(isWorthKeeping({ reply: testReply("", { choices: [], vectors: [[1]] }) })).toBe(true);
  });
});
