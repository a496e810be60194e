import { describe, expect, it } from "vitest";
import type { StreamEvent } from "../models/index.ts";
import type { GuardFinding, GuardPolicy } from "./guard.ts";
import { GuardedWords } from "./guarded-words.ts";

const secret = `ghp_${"aB3dE5gH7jK9".repeat(3)}`;
const told = `my key is ${secret} and so on`;
const text = (words: string): StreamEvent => ({ kind: "text", choice: 0, text: words });
const slot = (index: number) => (words: string) =>
  ({ kind: "tool_arguments", choice: 0, slot: index, text: words }) as const;
const others: Record<string, StreamEvent> = {
  reasoning: { kind: "reasoning", choice: 0, text: "hm" },
  "a refusal that says nothing": { kind: "refusal", choice: 0, text: "" },
  "the arguments of a call": slot(1)("{"),
};

/** What passes of pieces, one by one, and what is found in them. */
function passedOf(pieces: readonly StreamEvent[], policy: Partial<GuardPolicy> = {}) {
  const findings: GuardFinding[] = [];
  const words = new GuardedWords({ secrets: "redact", pii: "off", injection: "flag", ...policy }, (found) => {
    findings.push(...found);
  });
  const passed = pieces.flatMap((piece) => words.guardedRow([{ pieces: [piece] }]).flat(2));
  return { passed: [...passed, ...words.rest()], found: findings.map(({ rule }) => rule) };
}

function saidBy(passed: readonly StreamEvent[], like: StreamEvent): string {
  const of = passed.filter(({ kind }) => kind === like.kind) as { text: string; slot?: number }[];
  const own = "slot" in like ? of.filter(({ slot: each }) => each === like.slot) : of;
  return own.map((piece) => piece.text).join("");
}

/** Words in parts, with something else behind each. */
function mixed(words: string, chars: number, say: (words: string) => StreamEvent, other: StreamEvent): StreamEvent[] {
  const parts = words.match(new RegExp(`.{1,${chars}}`, "g")) ?? [];
  return parts.flatMap((part) => [say(part), other]);
}

describe("words of which others are said in between", () => {
  it.each(Object.keys(others))("are looked at as one text behind %s", (name) => {
    const other = others[name]!;
    for (const chars of [1, 2, 3, 7, 25]) {
      const { passed, found } = passedOf(mixed(told, chars, text, other));
      expect([chars, saidBy(passed, text("")), found]).toEqual([
        chars,
        expect.stringMatching(/^my key is (ghp_\w{0,11})?\[redacted: github-pat\] and so on$/),
        ["github-pat"],
      ]);
      // Nothing of the others is lost.
      expect(passed.filter(({ kind }) => kind === other.kind)).toHaveLength(Math.ceil(told.length / chars));
    }
  });

  it("are looked at together in calls that are made side by side", () => {
    const { passed } = passedOf(mixed(JSON.stringify({ key: secret, n: 1 }), 4, slot(0), slot(1)(" ")));
    expect(saidBy(passed, slot(0)(""))).toBe('{"key":"[redacted: github-pat]","n":1}');
  });

  it("are judged with what stood before a call, an image or an end that comes in between", () => {
    const call: StreamEvent = { kind: "tool_start", choice: 0, slot: 0, id: "call_1", name: "f" };
    const { passed, found } = passedOf([text(told.slice(0, 30)), call, text(told.slice(30))]);
    const kinds = passed.map(({ kind }) => kind);
    expect(kinds.filter((kind, i) => kind !== kinds[i - 1])).toEqual(["text", "tool_start", "text"]);
    expect(saidBy(passed, text(""))).toBe(`${told.slice(0, 30)}[redacted: github-pat] and so on`);
    expect(found).toEqual(["github-pat"]);
  });

  it("end the stream where the policy denies what they say", () => {
    const pieces = mixed(told, 3, text, others["reasoning"]!);
    expect(() => passedOf(pieces, { secrets: "deny" })).toThrow('the guard "secrets" found');
  });

  it("pass as they are where nothing is found", () => {
    const pieces = mixed("one two three four five", 4, text, others["reasoning"]!);
    const { passed, found } = passedOf(pieces);
    expect([saidBy(passed, text("")), saidBy(passed, others["reasoning"]!), found]).toEqual([
      "one two three four five",
      "hm".repeat(6),
      [],
    ]);
  });

  it("are held for so long and no longer, and judged with what goes on from them all the same", () => {
    const other = others["reasoning"]!;
    const begin = [text("key "), other, text(secret.slice(0, 20)), other];
    const { passed } = passedOf([...begin, ...Array.from({ length: 5000 }, () => other), text(secret.slice(20))]);
    expect(saidBy(passed.slice(0, -2), text(""))).toBe(`key ${secret.slice(0, 20)}`);
    expect(saidBy(passed, text(""))).toBe(`key ${secret.slice(0, 20)}[redacted: github-pat]`);
    expect(passed.findIndex((piece) => piece.kind === "text" && piece.text === secret.slice(0, 20))).toBeLessThan(2200);
  });

  it("are kept in mind for so many calls and no more", () => {
    const pieces = Array.from({ length: 500 }, (_, i) => slot(i)("x"));
    expect(passedOf(pieces).passed).toEqual(pieces);
  });
});
