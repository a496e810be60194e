import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, escapedJson, NotCanonicalError } from "./canonical-json.ts";

/** RFC 8785 said once more, without any regard for speed. */
function plainly(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(plainly).join(",")}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${plainly(item)}`).join(",")}}`;
}

/** The same value with the keys of every record in order, as far as JavaScript lets them stand so. */
function sorted(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), fc.constantFrom("10", "9", "a"));
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true, max: 1e6, min: -1e6 }), fc.maxSafeInteger());
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 6 }),
  ),
}));

describe("canonical JSON", () => {
  it("writes every value as RFC 8785 says, whatever order its keys come in", () => {
    fc.assert(
      fc.property(value, (value) => {
        expect(canonicalJson(value)).toBe(plainly(value));
        expect(canonicalJson(sorted(value))).toBe(plainly(value));
      }),
    );
  });

  it("sorts keys that look like numbers as text", () => {
    expect(canonicalJson({ 9: 1, 10: 2 })).toBe('{"10":2,"9":1}');
  });

  it("leaves out what is undefined, and writes null for it in an array", () => {
    expect(canonicalJson({ a: undefined, b: [undefined, 1] })).toBe('{"b":[null,1]}');
    expect(canonicalJson({ b: [undefined, 1], a: undefined })).toBe('{"b":[null,1]}');
  });

  it("takes no object's own word for what it is", () => {
    expect(() => canonicalJson({ a: 1, toJSON: () => "else" })).toThrow(NotCanonicalError);
    expect(canonicalJson(new Date(0))).toBe("{}");
  });

  it.each([
    ["a lone surrogate", { a: "\ud800" }],
    ["a lone surrogate after keys out of order", { b: 1, a: "x\udc00" }],
    ["a lone surrogate in a key", { "\ud800": 1 }],
    ["an integer beyond 2^53-1", [2 ** 53]],
    ["a number that is not finite", { a: Number.NaN }],
    ["what JSON cannot carry", { a: () => 1 }],
    ["what JSON cannot carry, alone", undefined],
    ["a big integer", 1n],
  ])("refuses %s", (_, value) => {
    expect(() => canonicalJson(value)).toThrow(NotCanonicalError);
  });
});

describe("the escaped form", () => {
  it("is the canonical one where there is one", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        let canonical: string | undefined;
        try {
          canonical = canonicalJson(value);
        } catch {
          expect(() => escapedJson(value)).toThrow(NotCanonicalError);
        }
        if (canonical !== undefined) expect(escapedJson(value)).toBe(canonical);
      }),
    );
  });

  it("has half a character as its escape, so that no other value has the same text", () => {
    expect(escapedJson({ b: 1, a: "x\ud83d" })).toBe('{"a":"x\\ud83d","b":1}');
    expect(escapedJson("\\ud83d")).toBe('"\\\\ud83d"');
    expect(escapedJson("\ufffd")).toBe('"\ufffd"');
    expect(() => escapedJson({ a: 2 ** 60 })).toThrow(NotCanonicalError);
  });
});
