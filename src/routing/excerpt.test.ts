// What of a prompt is read.
import { describe, expect, it } from "vitest";
import { excerptLimits, excerptOf } from "./excerpt.ts";

describe("an excerpt", () => {
  it("keeps the start and the end of a long text", () => {
    const { text } = excerptOf(`start ${"middle ".repeat(100_000)}end`);
    expect(text.length).toBeLessThanOrEqual(excerptLimits.head + excerptLimits.tail + 1);
    expect([text.startsWith("start"), text.endsWith("end")]).toEqual([true, true]);
  });

  for (const options of [
    "A. red\nB. green\nC. blue",
    "A) red\nB) green\nC) blue",
    "(A) red\n(B) green\n(C) blue",
    "a. red\nb. green\nc. blue",
    "A: red\nB: green\nC: blue",
  ]) {
    it(`tells options from the stem and writes them alike: ${JSON.stringify(options)}`, () => {
      const { text, stemEnd, options: found } = excerptOf(`Which colour?\n${options}\nAnswer:`);
      expect(found).toEqual(["red", "green", "blue"]);
      expect(text.slice(0, stemEnd).trim()).toBe("Which colour?");
      expect(text.slice(stemEnd)).toBe("A. red\nB. green\nC. blue");
    });
  }

  it("takes no list of other letters, and no single letter, for options", () => {
    expect(excerptOf("B. two\nC. three").options).toEqual([]);
    expect(excerptOf("A. lone\nline").options).toEqual([]);
  });

  for (const same of ["  Who?  ", "Who?\nAnswer:", "Who?\nA:", "Question: Who?", "Q: Who?\nThe correct answer is:"]) {
    it(`reads ${JSON.stringify(same)} as the bare question`, () => {
      expect(excerptOf(same).text).toBe("Who?");
    });
  }
});
