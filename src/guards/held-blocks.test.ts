import { array, assert, nat, property, string, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import type { StreamEvent } from "../models/conversation.ts";
import { HeldBlocks } from "./held-blocks.ts";
import type { Block } from "./held-blocks.ts";

const text = (words: string, choice = 0): StreamEvent => ({ kind: "text", choice, text: words });
const block = (name: string, ...pieces: readonly StreamEvent[]): Block => ({ raw: Buffer.from(name), pieces });
const names = (blocks: readonly Block[]): string[] => blocks.map(({ raw }) => raw.toString());

describe("blocks that wait", () => {
  it("pass in their order once their text was let pass, and those without text not before those with", () => {
    const held = new HeldBlocks();
    held.add(block("a", text("one two")), [text("one ")]);
    held.add(block("stop"), []);
    expect([held.isChanged, names(held.release())]).toEqual([false, []]);
    held.add(block("b", text(" three")), [text("two ")]);
    expect(names(held.release())).toEqual(["a", "stop"]);
    held.add(block("end", { kind: "finish", choice: 0, finish: "stop" }), [text("three")]);
    expect(names(held.release())).toEqual(["b", "end"]);
    expect(held.isEmpty).toBe(true);
  });

  it("become pieces as soon as a text was changed, with the changed text where it stood", () => {
    const held = new HeldBlocks();
    held.add(block("a", text("key sk-")), [text("key ")]);
    held.add(block("b", text("12")), []);
    const finish: StreamEvent = { kind: "finish", choice: 0, finish: "stop" };
    held.add(block("end", finish), [text("[redacted: x]")]);
    expect(held.isChanged).toBe(true);
    expect(held.drain()).toEqual([text("key [redacted: x]"), finish]);
    expect([held.isEmpty, held.isChanged]).toEqual([true, false]);
  });

  it("pass whole and in order, however the guards delay texts of several choices", () => {
    const pieces = array(tuple(nat(2), string({ maxLength: 5 }), nat(5)), { maxLength: 30 });
    assert(
      property(pieces, (said) => {
        const held = new HeldBlocks();
        const pending = ["", "", ""];
        const passed: string[] = [];
        for (const [i, [choice, words, kept]] of said.entries()) {
          const open = (pending[choice] ?? "") + words;
          const cut = Math.max(0, open.length - kept);
          pending[choice] = open.slice(cut);
          held.add(block(String(i), text(words, choice)), [text(open.slice(0, cut), choice)]);
          expect(held.isChanged).toBe(false);
          passed.push(...names(held.release()));
        }
        held.add(
          block("end"),
          pending.map((rest, choice) => text(rest, choice)),
        );
        passed.push(...names(held.release()));
        expect(passed).toEqual([...said.map((_, i) => String(i)), "end"]);
      }),
    );
  });
});
