import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { plainBounds } from "./json-bounds.ts";
import { exactValue, parseExactly, parseLossless } from "./json-exact.ts";
import { readJson } from "./json-reader.ts";
import { atOnce, TimeSlice } from "./time-slice.ts";

describe("a JSON text with an escape in a key", () => {
  it("is read by its own keys, whatever was parsed before it", () => {
    const pairs: readonly (readonly [before: string, text: string, keys: readonly string[]])[] = [
      ['{"zz":1,"\\\\":1}', '{"zz":1,"\\u0061":2}', ["zz", "a"]],
      ['{"yy":1,"gr\\\\u0":1}', '{"yy":1,"gr\\u00f6\\u00dfe":42}', ["yy", "größe"]],
      ['{"xx":1,"\\\\":1}', '{"xx":1,"\\"":2}', ["xx", '"']],
    ];
    for (const [before, text, keys] of pairs) {
      for (let i = 0; i < 100; i++) JSON.parse(before);
      expect(Object.keys(parseExactly(text) as object)).toEqual(keys);
    }
  });

  it("has the value that JSON.parse gives when nothing was parsed before", () => {
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (text, isSpaced) => {
        const spaced = isSpaced ? JSON.stringify(JSON.parse(text), null, 2) : text;
        expect(exactValue(spaced)).toEqual(JSON.parse(spaced));
      }),
    );
  });

  it("is told from one whose values alone have escapes, in time that grows with its length", () => {
    const value = JSON.stringify({ plain: '\\"\n": ', list: ['"', "\\"] });
    expect(parseExactly(value)).toEqual(JSON.parse(value));
    const long = JSON.stringify({ text: "\n".repeat(2_000_000) });
    const startMs = process.cpuUsage().user / 1000;
    expect(parseExactly(long)).toEqual(JSON.parse(long));
    expect(process.cpuUsage().user / 1000 - startMs).toBeLessThan(5000);
  });

  it("may have the key __proto__, which is one like any other", () => {
    const value = parseExactly('{"__proto__":{"a":1},"\\u0062":2}') as object;
    expect(Object.keys(value)).toEqual(["__proto__", "b"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it("is refused as JSON.parse refuses it", () => {
    for (const text of ['{"\\u0061":}', '{"\\u0061":1,}', '{"\\u006":1}', '{"\\u0061" 1}']) {
      expect(() => parseExactly(text)).toThrow(SyntaxError);
    }
  });
});

describe("a JSON text whose numbers keep their digits", () => {
  const numbers = [
    "12345678901234567890",
    "-9223372036854775808",
    "9007199254740993",
    "9007199254740992",
    "0.12345678901234567890",
    "1e400",
    "-1e-400",
    "1E30",
    "3.14159265358979323846264338327950288",
  ];

  it.each(numbers)("is written again as it was read: %s", (number) => {
    const text = `{"a":${number},"b":[1,${number}],"c":{"d":${number}}}`;
    expect(JSON.stringify(parseLossless(text))).toBe(text);
    expect(canonicalJson(parseLossless(`{"z":1,"a":${number}}`))).toBe(`{"a":${number},"z":1}`);
  });

  it("has the value that JSON.parse gives where a double holds every number", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value = JSON.parse(text) as unknown;
        fc.pre(JSON.stringify(value) === text && !/\d{16}|e/i.test(text));
        expect(parseLossless(text)).toEqual(value);
      }),
    );
  });

  it("is read in batches as it is read at once", () => {
    const number = fc.oneof(
      fc.constantFrom(...numbers),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    );
    const list = fc.array(
      fc.oneof(
        number,
        fc.string().map((text) => JSON.stringify(text)),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(list, fc.constantFrom(16, 40, 200), (items, batch) => {
        const text = `{"list":[${items.join(" , ")}],"end":${items.at(-1) ?? "0"}}`;
        const bounds = { ...plainBounds, keepsDigits: true };
        const value = atOnce(readJson(Buffer.from(text), bounds, new TimeSlice(), batch));
        expect(JSON.stringify(value)).toBe(JSON.stringify(parseLossless(text)));
      }),
    );
  });
});
