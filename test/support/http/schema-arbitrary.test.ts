import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admits, Known, valuesOf } from "./schema-arbitrary.ts";
import type { Schema } from "./schema-arbitrary.ts";

const definitions: Record<string, Schema> = {
  Name: { type: "string", minLength: 1, maxLength: 8, pattern: "^[^\\p{C}]+$" },
  Tree: {
    type: "object",
    additionalProperties: false,
    required: ["name"],
    properties: { name: { $ref: "#/$defs/Name" }, children: { type: "array", items: { $ref: "#/$defs/Tree" } } },
  },
};
const resolve = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : resolve(definitions[schema.$ref.slice("#/$defs/".length)]!);

/** The value as it would be sent when the server knows nothing. */
function settled(value: unknown): unknown {
  if (value instanceof Known) return value.otherwise;
  if (Array.isArray(value)) return value.map(settled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, settled(each)]));
}

const schemas: readonly (readonly [name: string, schema: Schema])[] = [
  ["a reference that refers to itself", { $ref: "#/$defs/Tree" }],
  ["a pattern that excludes lone surrogates", { type: "string", minLength: 10, pattern: "^[^\\u0000\\p{Cs}]+$" }],
  ["a pattern of alternatives", { type: "string", pattern: "^(\\*|[A-Z][A-Z0-9_]{0,63})$" }],
  ["a length in a window", { type: "string", minLength: 7, maxLength: 9 }],
  ["integers between two numbers", { type: "integer", minimum: 5, exclusiveMaximum: 8 }],
  ["multiples", { type: "number", multipleOf: 5, minimum: 3 }],
  ["null or a string", { type: ["string", "null"] }],
  ["constants and enumerations", { oneOf: [{ const: 3 }, { enum: ["a", null] }] }],
  ["both of two objects", { allOf: [{ $ref: "#/$defs/Tree" }, { required: ["children"] }] }],
  ["a set", { type: "array", uniqueItems: true, minItems: 2, maxItems: 3, items: { enum: [1, 2, 3, 4] } }],
  ["an open object", { type: "object", minProperties: 2, additionalProperties: { type: "integer" } }],
];

describe("values of a schema", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  it.each(schemas)("are admitted by it: %s", (_name, schema) => {
    const validate = ajv.compile({ ...schema, $defs: definitions });
    const seen = new Set<string>();
    fc.assert(
      fc.property(valuesOf(schema, { resolve, extent: "full" }, "name"), (value) => {
        const sent = settled(value);
        seen.add(JSON.stringify(sent));
        expect(validate(sent), JSON.stringify([sent, validate.errors])).toBe(true);
      }),
      { seed: 7 },
    );
    expect(seen.size).toBeGreaterThan(1);
  });

  it("leave out and take in what is optional", () => {
    const values = fc.sample(valuesOf({ $ref: "#/$defs/Tree" }, { resolve, extent: "full" }), { numRuns: 50, seed: 7 });
    const sizes = new Set(values.map((value) => Object.keys(value as object).length));
    expect(sizes).toEqual(new Set([1, 2]));
  });

  it("count characters and not code units", () => {
    expect(admits({ maxLength: 1 }, "\u{1F600}")).toBe(true);
    expect(admits({ minLength: 2 }, "\u{1F600}")).toBe(false);
  });
});
