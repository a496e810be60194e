import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitsPattern } from "./pattern.ts";

describe("a pattern", () => {
  it.each([
    ["*", "", true],
    ["*", "anything", true],
    ["gpt-5", "gpt-5", true],
    ["gpt-5", "gpt-5-mini", false],
    ["gpt-5*", "gpt-5-mini", true],
    ["a*a", "a", false],
    ["a*b*c", "a-b-c", true],
    ["a*b*c", "acb", false],
    ["a*b*c", "ac", false],
  ])("%j and the text %j: %j", (pattern, text, fits) => {
    expect(fitsPattern(pattern, text)).toBe(fits);
  });

  it("that fits another one stands for nothing that the other does not stand for", () => {
    const word = fc.array(fc.constantFrom("a", "b"), { maxLength: 4 }).map((all) => all.join(""));
    const pattern = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 5 }).map((all) => all.join(""));
    const three = fc.tuple(pattern, pattern, fc.array(word, { minLength: 6, maxLength: 6 }));
    fc.assert(
      fc.property(three, ([wide, narrow, words]) => {
        if (!fitsPattern(wide, narrow)) return;
        const text = narrow.split("*").reduce((all, part, i) => `${all}${words[i] ?? ""}${part}`);
        expect(fitsPattern(narrow, text)).toBe(true);
        expect(fitsPattern(wide, text)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});
