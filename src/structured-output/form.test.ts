// Holds replies to the forms that callers ask for, and schemas to what can be run without harm.
import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fault } from "../kernel/fault.ts";
import { formChecker } from "./form.ts";
import { linearPattern, UnusablePatternError } from "./linear-pattern.ts";
import { schemaCompiler } from "./schema.ts";

const formOf = (schema: object) => ({ kind: "schema", name: "answer", schema, strict: true }) as const;
const forms = formChecker();
const holds = (schema: object, value: unknown) => forms.check(JSON.stringify(value), formOf(schema)).valid;
const refusalOf = (schema: object) => {
  try {
    forms.prepare(formOf(schema));
  } catch (error) {
    if (error instanceof Fault) return { code: error.code, at: error.facts.at };
    throw error;
  }
  return undefined;
};

describe("a reply's form", () => {
  it("may be free text", () => {
    expect(forms.check("anything; DROP TABLE", { kind: "text" })).toEqual({
      valid: true,
      value: "anything; DROP TABLE",
    });
  });

  it("may be JSON, which is an object or array and the whole text", () => {
    expect(forms.check('{"a":1}', { kind: "json" }).valid).toBe(true);
    expect(forms.check("[]", { kind: "json" }).valid).toBe(true);
    for (const text of ["3", '```json\n{"a":1}\n```', "sorry", '{"a":1} and more']) {
      expect(forms.check(text, { kind: "json" }).valid, text).toBe(false);
    }
  });

  it("may be a schema, and a wrong field is named", () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      additionalProperties: false,
      required: ["city"],
      properties: { city: { type: "string", minLength: 1 }, at: { $ref: "#/$defs/place" } },
      $defs: { place: { type: "array", items: { type: "number" }, minItems: 2, uniqueItems: true } },
    };
    expect(holds(schema, { city: "Bern", at: [1, 2] })).toBe(true);
    expect(forms.check('{"city":"Bern","at":[1,"2"]}', formOf(schema))).toMatchObject({ refusals: [{ at: "/at/1" }] });
    expect(forms.check('{"city":"Bern","more":1}', formOf(schema))).toMatchObject({ refusals: [{ at: "/more" }] });
    expect(holds(schema, { city: "Bern", at: [1, 1] })).toBe(false);
    expect(holds(schema, { at: [1, 2] })).toBe(false);
  });

  it("may refer to itself", () => {
    const tree = { type: "object", properties: { next: { $ref: "#" }, n: { type: "integer" } }, required: ["n"] };
    expect(holds(tree, { n: 1, next: { n: 2, next: { n: 3 } } })).toBe(true);
    expect(holds(tree, { n: 1, next: { n: 2, next: { n: "3" } } })).toBe(false);
  });

  it("may ask for multiples, also where the quotient is beyond all numbers", () => {
    expect(holds({ multipleOf: 0.1 }, 0.3)).toBe(true);
    expect(holds({ multipleOf: 0.1 }, 0.35)).toBe(false);
    // A reply with such a number is refused before; other values may have it.
    expect(schemaCompiler().compile({ multipleOf: 0.5 })(1e308)).toEqual([]);
    expect(schemaCompiler().compile({ multipleOf: 0.123_456_789 })(1e308)).toMatchObject([
      { rule: "schema.multipleOf" },
    ]);
  });

  it("is checked the same after more schemas than are remembered", () => {
    const few = formChecker(2);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 5; n++) {
        expect(few.check(String(n), formOf({ const: n })).valid).toBe(true);
        expect(few.check(String(n + 1), formOf({ const: n })).valid).toBe(false);
      }
    }
  });
});

describe("a hostile schema", () => {
  const nest = (depth: number): object => (depth === 0 ? {} : { not: nest(depth - 1) });
  it.each<[string, object, string]>([
    ["refers elsewhere", { $ref: "https://example.org/schema.json" }, "/$ref"],
    ["refers to a file", { properties: { a: { $ref: "other.json#/a" } } }, "/properties/a/$ref"],
    ["has an id of its own", { $id: "https://example.org/x", type: "object" }, "/$id"],
    ["refers dynamically", { $dynamicRef: "#x" }, "/$dynamicRef"],
    ["is too deep", nest(40), "/not".repeat(33)],
    ["is too large", { anyOf: Array.from({ length: 2100 }, () => ({})) }, "/anyOf/1999"],
    ["is too long", { enum: ["x".repeat(200_000)] }, ""],
    ["refers back in a pattern", { pattern: "(a)\\1" }, "/pattern"],
    ["looks ahead in a pattern", { properties: { a: { pattern: "(?=a)b" } } }, "/properties/a/pattern"],
    ["repeats too much in a pattern", { pattern: "(a{1000}){1000}" }, "/pattern"],
    [
      "repeats too much in the pattern of a key",
      { patternProperties: { "(a{1000}){1000}": {} } },
      "/patternProperties/(a{1000}){1000}",
    ],
    [
      "repeats too much in many patterns together",
      { anyOf: Array.from({ length: 11 }, (_, i) => ({ pattern: `a{${1900 + i}}` })) },
      "/anyOf/10/pattern",
    ],
    ["has a pattern that is none", { pattern: "(" }, "/pattern"],
    ["refers to nothing", { $ref: "#/$defs/none" }, "/$ref"],
    ["uses what is not supported", { unevaluatedProperties: false }, "/unevaluatedProperties"],
    [
      "hides a pattern where no schema is looked for",
      { $ref: "#/x-more", "x-more": { pattern: "(a)\\1" } },
      "/$ref/pattern",
    ],
    ["is no schema", { type: "banana" }, "/type"],
    ["holds no schema where one belongs", { properties: { a: 3 } }, "/properties/a"],
  ])("that %s is refused", (_name, schema, at) => {
    expect(refusalOf(schema)).toEqual({ code: "schema.refused", at });
  });

  it("that multiplies by its references ends with a refusal", () => {
    const $defs: Record<string, object> = { d30: { type: "null" } };
    for (let i = 0; i < 30; i++) {
      const next = { $ref: `#/$defs/d${i + 1}` };
      $defs[`d${i}`] = { anyOf: [next, next] };
    }
    const parsed = forms.check("1", formOf({ $ref: "#/$defs/d0", $defs }));
    expect(parsed).toMatchObject({ valid: false, refusals: [{ rule: "too_much_work" }] });
  });

  const names = Array.from({ length: 5000 }, (_, i) => `k${i}`);
  const record = Object.fromEntries(names.map((name) => [name, 1]));
  it.each<[string, object, unknown]>([
    ["tests a pattern", { pattern: "(a|b|c){300}x" }, "abc".repeat(3600)],
    ["tests a pattern of keys", { patternProperties: { "(a|b|c){30}x": {} } }, record],
    ["compares with a constant", { const: 1 }, names],
    ["compares with a long constant", { const: [...names, ...names] }, 1],
    ["compares with a list", { enum: [1] }, names],
    ["compares items", { uniqueItems: true }, names],
    ["counts characters", { maxLength: 1_000_000 }, "a".repeat(900_000)],
    ["visits items", { minItems: 1 }, names],
    ["visits keys", { minProperties: 1 }, record],
    ["asks for keys", { required: names }, record],
    ["asks for keys beside a key", { dependentRequired: { k0: names } }, record],
  ])("that %s again and again ends with a refusal", (_name, keywords, value) => {
    // Nothing fits, so that each way through the references is walked.
    const $defs: Record<string, object> = { d12: { ...keywords, not: {} } };
    for (let i = 0; i < 12; i++) {
      const next = { $ref: `#/$defs/d${i + 1}` };
      $defs[`d${i}`] = { anyOf: [next, next] };
    }
    const form = formOf({ $ref: "#/$defs/d0", $defs });
    forms.prepare(form);
    const parsed = forms.check(JSON.stringify(value), form);
    expect(parsed).toMatchObject({ valid: false, refusals: [{ rule: "too_much_work" }] });
  });

  it("that tests a long pattern of many texts is followed to the end", () => {
    const texts = Array.from({ length: 2000 }, () => "x".repeat(200));
    expect(holds({ items: { pattern: "^.{1,200}$" } }, texts)).toBe(true);
    expect(holds({ items: { pattern: "^.{1,199}$" } }, texts)).toBe(false);
  });

  it("that refers to itself without end ends with a refusal", () => {
    const parsed = forms.check("1", formOf({ $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } }));
    expect(parsed).toMatchObject({ valid: false, refusals: [{ rule: "too_much_work" }] });
  });

  it("with a pattern that explodes elsewhere is checked in linear time", () => {
    expect(holds({ pattern: "^(a+)+$" }, `${"a".repeat(5000)}b`)).toBe(false);
    expect(holds({ pattern: "^(a|aa)+$" }, "a".repeat(5000))).toBe(true);
  });
});

/** The other validator lets an empty list pass `contains` next to `prefixItems`, which the draft does not. */
const isComparable = (schema: object): boolean => !("contains" in schema && "prefixItems" in schema);

const loops = new Set(["items", "contains", "additionalProperties", "patternProperties", "propertyNames"]);

/** In a loop, the other validator says of an empty list what it said of the list before it: {"items":{"contains":{}}} of [[1],[]]. */
function containsInLoop(schema: unknown, isLooped = false): boolean {
  if (typeof schema !== "object" || schema === null) return false;
  return Object.entries(schema).some(
    ([name, part]) => (isLooped && name === "contains") || containsInLoop(part, isLooped || loops.has(name)),
  );
}

describe("a schema", () => {
  it("says of a value what an independent validator says", () => {
    const ajv = new Ajv2020({ strict: false, logger: false, validateSchema: false });
    const { schema } = fc.letrec<{ schema: object }>((tie) => {
      const few = fc.array(tie("schema"), { minLength: 1, maxLength: 2 });
      const count = fc.nat(2);
      const keywords = {
        type: fc.constantFrom("object", "array", "string", "number", "integer", "null", ["string", "null"]),
        enum: fc.constantFrom([1, "a", null], [{ a: 1 }, [1]]),
        const: fc.constantFrom<unknown>(1, "a", [1], { a: 1 }),
        minimum: count,
        exclusiveMaximum: count,
        multipleOf: fc.constantFrom(1, 2, 3),
        minLength: count,
        maxLength: count,
        pattern: fc.constantFrom("^a", "b$", "a+"),
        minItems: count,
        maxItems: count,
        uniqueItems: fc.boolean(),
        minProperties: count,
        maxProperties: count,
        required: fc.constantFrom(["a"], ["a", "b"]),
        dependentRequired: fc.constantFrom({ a: ["b"] }),
        properties: fc.record({ a: tie("schema"), b: tie("schema") }, { requiredKeys: [] }),
        patternProperties: fc.record({ "^a": tie("schema") }),
        additionalProperties: fc.oneof(fc.boolean(), tie("schema")),
        propertyNames: tie("schema"),
        dependentSchemas: fc.record({ a: tie("schema") }),
        items: tie("schema"),
        prefixItems: few,
        contains: tie("schema"),
        minContains: count,
        maxContains: count,
        not: tie("schema"),
        allOf: few,
        anyOf: few,
        oneOf: few,
      };
      const entries = Object.entries(keywords).map(([name, values]) => fc.tuple(fc.constant(name), values));
      // `if` means nothing without its branches, nor `contains` without its bounds.
      const branches = fc.tuple(tie("schema"), tie("schema"), tie("schema"));
      const conditional = branches.map(([one, two, three]) =>
        Object.fromEntries([
          ["if", one],
          // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
          ["then", two],
          ["else", three],
        ]),
      );
      const bounded = fc.record({ contains: tie("schema"), minContains: count, maxContains: count });
      const plain = fc
        .array(fc.oneof(...entries), { maxLength: 3 })
        .map((each) => Object.fromEntries(each) as object)
        .filter(isComparable);
      return {
        schema: fc.oneof(
          { maxDepth: 3, withCrossShrink: true },
          fc.constantFrom({}, { type: "string" }, { const: 1 }),
          plain,
          plain,
          plain,
          conditional,
          bounded,
        ),
      };
    });
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 2 },
        fc.constantFrom<unknown>(null, true, 0, 1, 2, 3, 1.5, "", "a", "ab", "bab"),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "ab"), tie("value"), { maxKeys: 3 }),
      ),
    }));
    const validated = (each: object, asked: unknown): boolean | undefined => {
      try {
        return ajv.compile({ ...each })(JSON.parse(JSON.stringify(asked)));
      } catch (error) {
        if (error instanceof ReferenceError) return undefined;
        throw error;
      }
    };
    const said = { true: 0, false: 0 };
    fc.assert(
      fc.property(schema, value, (each, asked) => {
        fc.pre(!containsInLoop(each));
        const expected = validated(each, asked);
        // Of some schemas the other validator makes a function that names a variable it lacks, and breaks.
        fc.pre(expected !== undefined);
        said[`${expected}`]++;
        expect(holds(each, asked)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
    expect(Math.min(said.true, said.false)).toBeGreaterThan(100);
  });
});

describe("a pattern in linear time", () => {
  const sources = [
    "^[a-c]+$",
    "a|bc?",
    "(ab|a)(bc|c)",
    "^a{2,4}b{2}c{1,}$",
    "\\bab\\b",
    "[^a]c",
    "^$",
    "a.c",
    "(?:a|b)*c",
    "(?<x>a)+?b",
    "\\d\\w\\s",
    "[\\d-]b",
    "a{0}b",
    "\\u0061b",
    "a*?",
    "\\Ba",
  ];
  it("says what the engine's own patterns say", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "1", "-", " ", "\n"), maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(...sources), text, (source, each) => {
        expect(linearPattern(source).test(each)).toBe(new RegExp(source, "u").test(each));
      }),
      { numRuns: 3000 },
    );
  });

  it("counts characters, not halves of them", () => {
    expect(linearPattern("^.{2}$").test("😀😀")).toBe(true);
    expect(linearPattern("^\\p{L}+$").test("日本")).toBe(true);
  });

  it("is refused when a text would take too many steps", () => {
    expect(() => linearPattern("(a|b|c){300}x").test("a".repeat(200_000))).toThrow(UnusablePatternError);
  });
});
