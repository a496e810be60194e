// Holds the look for hidden characters to the same answer wherever its stretches end.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HiddenSearch } from "./hidden-search.ts";
import { hiddenInValue } from "./hidden-text.ts";

const pieces = [
  "a",
  "\n",
  "\0",
  "é",
  "क",
  "ש",
  "ع",
  "ไ",
  "日",
  "ᠠ",
  "👩",
  "🏴",
  "\u200B",
  "\u200C",
  "\u200D",
  "\u180E",
  "\u202A",
  "\u202B",
  "\u202C",
  "\u202E",
  "\u2066",
  "\u2069",
  "\u200F",
  "\uFE0F",
  "\u{E0101}",
  "\u{E0067}",
  "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
  "\uD83D",
  "\uDC69",
];
const texts = fc
  .uniqueArray(fc.constantFrom(...pieces), { minLength: 1, maxLength: 5 })
  .chain((some) => fc.array(fc.constantFrom("a", ...some), { maxLength: 40 }))
  .map((parts) => parts.join(""));

describe("the look for hidden characters", () => {
  it("finds in pieces what it finds in the whole", () => {
    fc.assert(
      fc.property(texts, fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 60 }), (text, sizes) => {
        const whole = new HiddenSearch(text, 4);
        whole.advance(text.length);
        const sliced = new HiddenSearch(text, 4);
        let end = 0;
        for (const size of sizes) {
          end = Math.min(text.length, end + size);
          sliced.advance(end);
        }
        sliced.advance(text.length);
        expect(sliced.kind).toBe(whole.kind);
        expect(sliced.kind).toBe(hiddenInValue(text));
        expect(sliced.runs).toEqual(whole.runs);
      }),
      { numRuns: 2000 },
    );
  });

  it("names as many stretches as are asked for, also of one that is longer than it names", () => {
    const search = new HiddenSearch(`a${"\u200B".repeat(2500)}b\u200Bc`, 3);
    search.advance(2504);
    expect(search.runs).toEqual([
      { start: 1, end: 1001 },
      { start: 1001, end: 2001 },
      { start: 2001, end: 2501 },
    ]);
  });
});
