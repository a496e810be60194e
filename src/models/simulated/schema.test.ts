import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { minimalValue } from "./schema.ts";

const ajv = new Ajv2020({ strict: false, validateFormats: false });

/** Schemas as people write them for models. */
const schemas: readonly [string, object, unknown?][] = [
  [
    "an object with its required properties only",
    { type: "object", properties: { a: { type: "string" }, b: {} }, required: ["a"] },
    { a: "simulated" },
  ],
  [
    "nested objects",
    {
      type: "object",
      properties: { a: { type: "object", properties: { b: { type: "integer" } }, required: ["b"] } },
      required: ["a"],
    },
    { a: { b: 0 } },
  ],
  ["a constant", { const: { x: 1 } }, { x: 1 }],
  ["one of several values", { enum: ["red", "green"] }, "red"],
  ["several types", { type: ["string", "null"] }, "simulated"],
  ["a list that must not be empty", { type: "array", items: { type: "boolean" }, minItems: 2 }, [false, false]],
  [
    "a list without repetitions",
    { type: "array", items: { type: "integer" }, minItems: 3, uniqueItems: true },
    [0, 1, 2],
  ],
  ["texts without repetitions", { type: "array", items: { type: "string" }, minItems: 3, uniqueItems: true }],
  [
    "a list of different things",
    { prefixItems: [{ type: "string" }, { type: "number" }], minItems: 2 },
    ["simulated", 0],
  ],
  ["a long text", { type: "string", minLength: 12 }, "simulated---"],
  ["a short text", { type: "string", maxLength: 3 }, "sim"],
  ["a date", { type: "string", format: "date" }, "2026-01-01"],
  ["a number from a bound on", { type: "integer", minimum: 3 }, 3],
  ["a number above a bound", { type: "integer", exclusiveMinimum: 3 }, 4],
  ["a negative number", { type: "number", maximum: -2.5 }],
  ["a number below zero", { type: "integer", exclusiveMaximum: 0 }, -1],
  ["a multiple", { type: "integer", minimum: 5, multipleOf: 4 }, 8],
  ["a fraction", { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 }, 0.5],
  [
    "a reference",
    {
      $defs: { id: { type: "integer", minimum: 1 } },
      type: "object",
      properties: { id: { $ref: "#/$defs/id" } },
      required: ["id"],
    },
    { id: 1 },
  ],
  [
    "a list that ends",
    {
      $defs: {
        node: {
          type: "object",
          properties: { next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] } },
          required: ["next"],
        },
      },
      $ref: "#/$defs/node",
    },
    { next: null },
  ],
  [
    "parts that belong together",
    {
      allOf: [
        { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
        { properties: { b: { type: "null" } }, required: ["b"] },
      ],
    },
    { a: "simulated", b: null },
  ],
  ["alternatives", { oneOf: [{ type: "integer" }, { type: "string" }] }, 0],
  [
    "alternatives beside other wishes",
    {
      type: "object",
      required: ["kind"],
      anyOf: [{ properties: { kind: { const: "cat" } } }, { properties: { kind: { const: "dog" } } }],
    },
    { kind: "cat" },
  ],
  ["anything", {}, {}],
];

describe("a value for a schema", () => {
  for (const [what, schema, value] of schemas) {
    it(`is valid: ${what}`, () => {
      const made = minimalValue(schema);
      expect(ajv.validate(schema, made), JSON.stringify(made)).toBe(true);
      if (value !== undefined) expect(made).toEqual(value);
    });
  }

  it("is valid for any composition of the keywords that are known", () => {
    const leaf = fc.oneof(
      fc.record({ type: fc.constant("integer"), minimum: fc.integer({ min: -50, max: 50 }) }),
      fc.record({ type: fc.constant("integer"), maximum: fc.integer({ min: -50, max: 50 }) }),
      fc.record({ type: fc.constant("number"), exclusiveMinimum: fc.integer({ min: -9, max: 9 }) }),
      fc.record({ type: fc.constant("string"), minLength: fc.nat({ max: 20 }) }),
      fc.record({ type: fc.constant("string"), maxLength: fc.nat({ max: 20 }) }),
      fc.record({ enum: fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 3 }) }),
      fc.constantFrom({ type: "boolean" }, { type: "null" }),
    );
    const { schema } = fc.letrec<{ schema: object }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.record({ type: fc.constant("array"), items: tie("schema"), minItems: fc.nat({ max: 3 }) }),
        fc
          .dictionary(fc.string({ maxLength: 6 }), tie("schema"), { maxKeys: 4 })
          .map((properties) => ({ type: "object", properties, required: Object.keys(properties) })),
        fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
      ),
    }));
    fc.assert(
      fc.property(schema, (given) => {
        const made = minimalValue(given);
        expect(new Ajv2020({ strict: false }).validate(given, made), JSON.stringify(made)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it("stays small whatever a hostile schema demands", () => {
    const twice = { type: "object", properties: { l: { $ref: "#" }, r: { $ref: "#" } }, required: ["l", "r"] };
    const endless = { $ref: "#" };
    const long = { type: "string", minLength: 1e9 };
    const wide = { type: "array", minItems: 1e9, items: { type: "array", minItems: 1e9, items: long } };
    const list = { $ref: "#/nowhere", allOf: [{ $ref: "https://example.com/schema" }] };
    for (const schema of [twice, endless, long, wide, list, null, 7, { type: "unheard of" }, { enum: [] }]) {
      expect(JSON.stringify(minimalValue(schema)).length).toBeLessThan(5_000_000);
    }
  });

  it("does not touch what every object inherits", () => {
    const schema = { type: "object", properties: {}, required: ["__proto__", "constructor"] };
    const made = minimalValue(schema) as object;
    expect(Object.keys(made)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect(minimalValue({ $ref: "#/__proto__/constructor" })).toEqual({});
  });
});
