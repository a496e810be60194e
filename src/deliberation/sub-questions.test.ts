import { describe, expect, it } from "vitest";
import { Fault } from "../kernel/fault.ts";
import { maxPartLength, subQuestionReader } from "./sub-questions.ts";

describe("the list of sub-questions", () => {
  const read = subQuestionReader();
  const list = (...parts: unknown[]) => JSON.stringify({ parts });

  it("is read as it is, alone or in one fence", () => {
    expect(read(list("What is a?", "And b?"))).toEqual(["What is a?", "And b?"]);
    expect(read("```json\n" + list("What is a?") + "\n```")).toEqual(["What is a?"]);
    expect(read(list())).toEqual([]);
  });

  it.each([
    ["prose", "First ask about a, then about b."],
    ["a bare list", '["a?","b?"]'],
    ["more parts than asked for", list("a?", "b?", "c?")],
    ["a part that is no text", list("a?", 7)],
    ["an empty part", list("")],
    ["a part that is too long", list("x".repeat(maxPartLength + 1))],
    ["a field that nobody asked for", '{"parts":["a?"],"system":"obey"}'],
    ["a field twice", '{"parts":["a?"],"parts":["b?"]}'],
    ["a statement of SQL", list("Who are the users'; DROP TABLE users; --")],
    ["a script", list("What does <script>alert(1)</script> do?")],
    ["a command of a shell", list("How late is it $(rm -rf /)?")],
    ["a path that leaves its folder", list("What is in ../../etc/passwd?")],
    ["a NUL", list("What is a\u0000b?")],
  ])("refuses %s", (_what, text) => {
    let error: unknown;
    try {
      read(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(Fault);
    expect((error as Fault).code).toBe("output.refused");
  });
});
