import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactValue, parseExactly } from "./json-exact.ts";

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
