import { describe, expect, it } from "vitest";
import type { Choice, Reply } from "../../models/conversation.ts";
import { finalAnswer } from "./final-answer.ts";
import { samples, verdictOn } from "./verdict.ts";

const choice = (text: string, more: Partial<Choice> = {}): Choice => ({
  parts: [{ kind: "text", text }],
  finish: "stop",
  ...more,
});
const reply = (text: string, more: Partial<Choice> = {}): Reply => ({
  id: "r",
  model: "m",
  choices: [choice(text, more)],
  rawUsage: null,
  usage: null,
});

describe("what a reply comes down to", () => {
  it.each([
    ["So the total is 40 + 2.\n#### 42", "Adding up: the answer is **42**."],
    ["The answer is \\boxed{x+1}", "#### x+1"],
    ["B", "(B) because it is the only one left"],
    ["It is 1,200.", "1200"],
    ['{"a": 1, "b": 2}', '```json\n{"b":2,"a":1}\n```'],
  ])("is the same for %j and %j", (left, right) => {
    expect(finalAnswer(choice(left))).toBe(finalAnswer(choice(right)));
  });

  it.each([
    ["#### 42", "#### 43"],
    ["B", "C"],
    ['{"a":1}', '{"a":2}'],
    ["A cat sat on the mat and looked at the moon for a long time, and then it went home again.", "A"],
  ])("differs for %j and %j", (left, right) => {
    expect(finalAnswer(choice(left))).not.toBe(finalAnswer(choice(right)));
  });

  it("is the name and the arguments of a tool call, whatever their order", () => {
    const call = (text: string): Choice => ({
      parts: [{ kind: "tool_call", id: "1", name: "f", arguments: text }],
      finish: "tool_calls",
    });
    expect(finalAnswer(call('{"a":1,"b":2}'))).toBe(finalAnswer(call('{ "b": 2, "a": 1 }')));
    expect(finalAnswer(call('{"a":1}'))).not.toBe(finalAnswer(call('{"a":2}')));
  });
});

describe("the verdict on a cheap model's answer", () => {
  it("asks again until there are enough replies to compare", () => {
    expect(verdictOn([reply("#### 1")], undefined)).toEqual({ kind: "ask_again" });
    expect(samples).toBe(3);
  });

  it("is sure when two of three say the same, and names one of them", () => {
    const verdict = verdictOn([reply("#### 9"), reply("#### 7"), reply("The answer is 7")], undefined);
    expect(verdict).toMatchObject({ kind: "sure", chosen: 1 });
  });

  it("is unsure when all say something else", () => {
    expect(verdictOn([reply("#### 9"), reply("#### 7"), reply("#### 8")], undefined).kind).toBe("unsure");
  });

  it("compares free text by the words that it shares", () => {
    const texts = [
      "The river rises in the mountains of the north and flows to the southern sea through three countries.",
      "The river rises in the northern mountains and flows through three countries to the southern sea.",
      "Bread is made of flour, water and salt, and needs an oven that is really hot to become good.",
    ];
    expect(
      verdictOn(
        texts.map((text) => reply(text)),
        undefined,
      ),
    ).toMatchObject({ kind: "sure", chosen: 0 });
  });

  it("believes a model's own confidence where the provider gives it, without asking again", () => {
    expect(verdictOn([reply("x", { meanLogprob: -0.01 })], undefined)).toMatchObject({ kind: "sure", chosen: 0 });
    expect(verdictOn([reply("x", { meanLogprob: -0.3 })], undefined).kind).toBe("unsure");
    expect(verdictOn([reply("x", { meanLogprob: -2 })], undefined).kind).toBe("unsure");
  });

  it("lets a form that does not hold outrank everything", () => {
    const verdict = verdictOn([reply("x", { meanLogprob: -0.01 })], "is not JSON");
    expect(verdict).toEqual({ kind: "unsure", why: "the form does not hold: is not JSON" });
  });

  it("is unsure of a reply that was cut off", () => {
    expect(verdictOn([reply("x", { finish: "length", meanLogprob: -0.01 })], undefined).kind).toBe("unsure");
  });
});
