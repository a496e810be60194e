// Holds the strict reader to JSON as it is defined, and to refusing what two readers could understand differently.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonOfAnswer, strictJson } from "./json-text.ts";

const ruleOf = (text: string) => {
  const parsed = jsonOfAnswer(text);
  return parsed.valid ? "valid" : parsed.refusals[0]!.rule;
};

describe("JSON in an answer", () => {
  it("is read as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value);
        const parsed = strictJson(text);
        // Numbers beyond 2^53-1 and the forbidden key are refused, and no wrong value is ever given.
        if (parsed.valid) expect(parsed.value).toEqual(JSON.parse(text));
        else expect(["number_too_large", "forbidden_key", "lone_surrogate"]).toContain(parsed.refusals[0]!.rule);
      }),
    );
  });

  it("is never read where JSON.parse reads none", () => {
    const soup = fc.string({ unit: fc.constantFrom(..."{}[]\",:0123.eE+-\\utrfalsn \n\t'".split("")) });
    fc.assert(
      fc.property(soup, (text) => {
        const parsed = strictJson(text);
        if (parsed.valid) expect(parsed.value).toEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("may stand in exactly one fenced block", () => {
    const value = { valid: true, value: { a: 1 } };
    expect(jsonOfAnswer('{"a":1}')).toEqual(value);
    expect(jsonOfAnswer('```json\n{"a":1}\n```')).toEqual(value);
    expect(jsonOfAnswer('Here it is:\n\n```\n{"a":1}\n```\nDone.')).toEqual(value);
  });

  it.each([
    ["prose around a bare document", 'The answer is {"a":1}.', "not_json"],
    ["two blocks", '```json\n{"a":1}\n```\n```json\n{"a":2}\n```', "not_json"],
    ["a block that never ends", '```json\n{"a":1}', "not_json"],
    ["a block of another language", '```python\n{"a":1}\n```', "not_json"],
    ["two documents", '{"a":1} {"a":2}', "not_json"],
    ["a trailing comma", '{"a":1,}', "not_json"],
    ["a leading comma", "[,1]", "not_json"],
    ["a comment", '{"a":1 /* one */}', "not_json"],
    ["single quotes", "{'a':1}", "not_json"],
    ["NaN", '{"a":NaN}', "not_json"],
    ["a raw line feed in a string", '{"a":"x\ny"}', "not_json"],
    ["a leading zero", '{"a":01}', "not_json"],
    ["a key twice", '{"a":1,"a":2}', "duplicate_key"],
    ["a key twice in two spellings", '{"a":1,"\\u0061":2}', "duplicate_key"],
    ["the key of prototypes", '{"__proto__":{"admin":true}}', "forbidden_key"],
    ["the key of prototypes, escaped", '{"__pr\\u006fto__":{}}', "forbidden_key"],
    ["an integer beyond 2^53-1", '{"a":9007199254740993}', "number_too_large"],
    ["a number beyond all", '{"a":1e999}', "number_too_large"],
    ["half a character", '{"a":"\\ud800"}', "lone_surrogate"],
    ["a nest", "[".repeat(100) + "]".repeat(100), "too_deep"],
    ["a crowd", `[${"1,".repeat(300_000)}1]`, "too_many"],
    ["a flood", `"${"x".repeat(1024 * 1024)}"`, "too_large"],
    ["nothing", "", "not_json"],
  ])("is refused for %s", (_name, text, rule) => {
    expect(ruleOf(text)).toBe(rule);
  });

  it("is refused with the place of what is wrong", () => {
    const parsed = strictJson('{"plan":[{"a":1},{"b/c":{"d":1,"d":2}}]}');
    expect(parsed).toMatchObject({ valid: false, refusals: [{ at: "/plan/1/b~1c/d", rule: "duplicate_key" }] });
  });
});
