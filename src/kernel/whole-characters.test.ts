import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactNumber } from "./json-number.ts";
import { atOnce, TimeSlice } from "./time-slice.ts";
import { HalfKeyError, withWholeCharacters } from "./whole-characters.ts";

const whole = <Value>(value: Value): Value => atOnce(withWholeCharacters(value, new TimeSlice()));

describe("a value with whole characters", () => {
  it("has U+FFFD for every half, wherever it stands, and all else as it was", () => {
    const given = { a: ["x\ud83d y", 1, null], b: { c: "\ude00" }, __proto__: { d: true } };
    expect(whole(given)).toEqual({ a: ["x\ufffd y", 1, null], b: { c: "\ufffd" }, __proto__: { d: true } });
  });

  it("is the same value where it holds none", () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: "grapheme" }), (text) => {
        const value: unknown = JSON.parse(text);
        expect(whole(value)).toBe(value);
      }),
    );
    const digits = { big: exactNumber("12345678901234567890") };
    expect(whole(digits)).toBe(digits);
  });

  it("cuts no character of a long text in two", () => {
    const text = "x" + "\u{1f600}".repeat(300_000);
    expect(whole(text)).toBe(text);
    expect(whole(`${text}\ud83d`)).toBe(`${text}\ufffd`);
  });

  it("is none where a key holds half a character, as two keys could become one", () => {
    expect(() => whole([{ "\ud83d": 1, "\ude00": 2 }])).toThrow(HalfKeyError);
  });
});
