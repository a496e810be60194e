// Holds the writer to JSON.stringify and to the canonical form, for values that are small, large, and large in parts.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, NotCanonicalError } from "./canonical-json.ts";
import { isLarge, writeJson } from "./json-writer.ts";
import type { JsonForm } from "./json-writer.ts";
import { atOnce, TimeSlice } from "./time-slice.ts";

function written(value: unknown, form: JsonForm): string {
  const parts: string[] = [];
  atOnce(writeJson(value, form, (part) => void parts.push(part), new TimeSlice()));
  return parts.join("");
}

/** What the canonical form is, or that there is none. */
function canonical(of: () => string): string {
  try {
    return of();
  } catch (error) {
    if (error instanceof NotCanonicalError) return error.message;
    throw error;
  }
}

/** Values around others, so large that no part of them is written at once. */
function blownUp(value: unknown): unknown {
  const filler = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`k${(i * 7919) % 3000}`, i]));
  return { z: [value, filler, [value, "x".repeat(40_000)]], b: { ["y".repeat(40)]: value, ...filler }, a: value };
}

describe("the writer of JSON", () => {
  it("writes what JSON.stringify and the canonical form write", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const each of [value, blownUp(value)]) {
          expect(written(each, "plain")).toBe(JSON.stringify(each));
          expect(canonical(() => written(each, "canonical"))).toBe(canonical(() => canonicalJson(each)));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("writes long texts with any characters, none of them cut in two", () => {
    for (const unit of ["a", '"', "\n", "é", "😀", "a😀"]) {
      for (const before of ["", "x"]) {
        const value = [before + unit.repeat(40_000)];
        expect(written(value, "plain")).toBe(JSON.stringify(value));
        expect(written(value, "canonical")).toBe(canonicalJson(value));
      }
    }
    const half = ["\ud83d".repeat(40_000)];
    expect(written(half, "plain")).toBe(JSON.stringify(half));
  });

  it("leaves out what is undefined, as JSON.stringify does", () => {
    const value = blownUp({ a: undefined, b: [undefined, 1] });
    expect(written(value, "plain")).toBe(JSON.stringify(value));
    expect(written(value, "canonical")).toBe(canonicalJson(value));
  });

  it.each([
    ["a lone surrogate in a long text", `${"x".repeat(50_000)}\ud83d`],
    ["a lone surrogate in a key", { ["\ud83d"]: 1 }],
    ["an integer that is not exact", 2 ** 53],
    ["a number that is none", Number.POSITIVE_INFINITY],
  ])("refuses %s, which has no canonical form", (_name, value) => {
    expect(() => written(blownUp(value), "canonical")).toThrow(NotCanonicalError);
  });

  it("tells large values from small ones without looking at all of them", () => {
    expect(isLarge({ messages: [{ role: "user", content: "Hi" }] })).toBe(false);
    expect(isLarge("x".repeat(100_000))).toBe(true);
    expect(isLarge(Array.from({ length: 5000 }, () => 1))).toBe(true);
  });

  it("yields in the middle of everything that is long", () => {
    const stretch = new TimeSlice();
    stretch.isOver = () => true;
    for (const value of [blownUp(1), "x".repeat(1e6), Array.from({ length: 50_000 }, (_, i) => i)]) {
      let longest = 0;
      let chars = 0;
      const steps = writeJson(value, "canonical", (part) => (chars += part.length), stretch);
      for (let before = 0; steps.next().done !== true; before = chars) longest = Math.max(longest, chars - before);
      expect(longest).toBeLessThan(70_000);
    }
  });
});
