// Values that a JSON Schema of openapi.json admits, and values made to be refused. Names that a server would know (an
// artifact's id, a product) are left open as `Known` and filled in when the request is sent, from what the server has
// answered so far; so the same seed makes the same requests in spite of new ids.
import * as fc from "fast-check";

/** A JSON Schema as far as the generator reads it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
}

/** Finds what a `$ref` names. */
export type Resolve = (schema: Schema) => Schema;

/** A place for a value that the server knows under a name; `otherwise` where it knows none that fits. */
export class Known {
  readonly name: string;
  readonly pick: number;
  readonly otherwise: string;
  readonly schema: Schema;

  constructor(name: string, pick: number, otherwise: string, schema: Schema) {
    this.name = name;
    this.pick = pick;
    this.otherwise = otherwise;
    this.schema = schema;
  }

  /** Shown in counterexamples. */
  toJSON(): string {
    return `<known ${this.name} ${this.pick}>`;
  }
}

/** Longest string and array that an open-ended schema gets; the limits themselves are for mutations. */
const openEnded = { length: 40, items: 3 };
/** Depth at which optional parts are left out, so that recursive schemas end. */
const maxDepth = 6;

/** Whether values have some of what is optional, or nothing of it and names that the server knows. */
export type Extent = "full" | "sparse";

/** How values are made. */
export interface Making {
  readonly resolve: Resolve;
  readonly extent: Extent;
}

/** Values that a schema admits. `name` is that of the property or parameter, and says which known values fit. */
export function valuesOf(schema: Schema, making: Making, name = "", depth = 0): fc.Arbitrary<unknown> {
  const plain = making.resolve(schema);
  if ("const" in plain) return fc.constant(plain.const);
  if (plain.enum) return fc.constantFrom(...plain.enum);
  const choices = plain.oneOf ?? plain.anyOf;
  if (choices) return fc.oneof(...choices.map((choice) => valuesOf(choice, making, name, depth)));
  if (plain.allOf) return valuesOf(merged(plain, making.resolve), making, name, depth);
  const types = typeof plain.type === "string" ? [plain.type] : (plain.type ?? [impliedType(plain)]);
  return fc.oneof(...types.map((type) => valuesOfType(type, plain, making, name, depth)));
}

function impliedType(schema: Schema): string {
  if (schema.properties) return "object";
  if (schema.items) return "array";
  return schema.pattern !== undefined || schema.format !== undefined ? "string" : "any";
}

function merged(schema: Schema, resolve: Resolve): Schema {
  const { allOf = [], ...own } = schema;
  const parts = [own, ...allOf.map((part) => resolve(part))];
  return {
    ...Object.assign({}, ...parts),
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
    required: parts.flatMap(({ required = [] }) => required),
  };
}

function valuesOfType(
  type: string,
  schema: Schema,
  making: Making,
  name: string,
  depth: number,
): fc.Arbitrary<unknown> {
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
    case "number":
      return numbersOf(schema, type);
    case "string":
      return stringsOf(schema, making.extent, name);
    case "array":
      return arraysOf(schema, making, name, depth);
    case "object":
      return objectsOf(schema, making, depth);
    default:
      return anyJson;
  }
}

/** Any JSON that keeps its value on the way. */
const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.string({ maxLength: 20 }),
  fc.array(fc.integer(), { maxLength: 3 }),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), { maxKeys: 3 }),
);

function numbersOf(schema: Schema, type: "integer" | "number"): fc.Arbitrary<number> {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf = 1 } = schema;
  const least = Math.ceil((minimum ?? (exclusiveMinimum === undefined ? -1000 : exclusiveMinimum + 1)) / multipleOf);
  const most = maximum ?? (exclusiveMaximum === undefined ? undefined : exclusiveMaximum - 1);
  const max = most === undefined ? Math.max(least, 0) + 1_000_000 : Math.floor(most / multipleOf);
  const whole = fc.integer({ min: least, max }).map((value) => value * multipleOf);
  if (type === "integer" || schema.multipleOf !== undefined || max === least) return whole;
  const fraction = fc.double({ min: least, max, noNaN: true, noDefaultInfinity: true });
  return fc.oneof(whole, fraction);
}

const printable = fc.stringMatching(/^[\w .,:;@+()\u00e4\u00df\u4e2d\u{1F600}-]{1,40}$/u);

const formats: Readonly<Record<string, fc.Arbitrary<string>>> = {
  uuid: fc.uuid({ version: 7 }),
  "date-time": fc
    .date({ min: new Date("2000-01-01T00:00:00Z"), max: new Date("2099-12-31T00:00:00Z"), noInvalidDate: true })
    .map((date) => date.toISOString()),
  date: fc
    .date({ min: new Date("2000-01-01T00:00:00Z"), max: new Date("2099-12-31T00:00:00Z"), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10)),
  email: fc.stringMatching(/^[a-z]{1,12}@[a-z]{1,12}\.example$/),
  uri: fc.webUrl(),
  ipv4: fc.ipV4(),
  ipv6: fc.ipV6(),
  hostname: fc.domain(),
};

function stringsOf(schema: Schema, extent: Extent, name: string): fc.Arbitrary<unknown> {
  const { minLength = 0, maxLength = Math.max(openEnded.length, minLength), pattern, format } = schema;
  const fits = (text: string): boolean => admits(schema, text);
  const formatted = format === undefined ? undefined : formats[format];
  const free =
    formatted ??
    matching(pattern) ??
    fc.oneof(printable, fc.string({ unit: "grapheme", minLength, maxLength: Math.min(maxLength, 200) }));
  // What a pattern's own generator makes can be too short; characters that most patterns take make up for it.
  const long = fc.stringMatching(/^[a-zA-Z0-9]{1,2}$/).map((text) => text.padEnd(Math.max(minLength, 1), text));
  const text = fc.oneof({ weight: 4, arbitrary: free }, { weight: 1, arbitrary: long }).filter(fits);
  if (name === "") return text;
  const known = fc.tuple(fc.nat(), text).map(([pick, otherwise]) => new Known(name, pick, otherwise, schema));
  return extent === "sparse" ? known : fc.oneof({ weight: 3, arbitrary: known }, { weight: 2, arbitrary: text });
}

/** A generator for a pattern, where fast-check can read the pattern. */
function matching(pattern: string | undefined): fc.Arbitrary<string> | undefined {
  // A class of Unicode properties would be written out, a million characters long.
  if (pattern === undefined || pattern.includes("\\p{")) return undefined;
  try {
    return fc.stringMatching(new RegExp(pattern, "u"), { size: "small" });
  } catch {
    return undefined;
  }
}

/** Whether a string schema admits a text; lengths are in code points, as JSON Schema has them. */
export function admits(schema: Schema, text: string): boolean {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema;
  const length = Array.from(text).length;
  if (schema.enum && !schema.enum.includes(text)) return false;
  return length >= minLength && length <= maxLength && (pattern === undefined || new RegExp(pattern, "u").test(text));
}

function arraysOf(schema: Schema, making: Making, name: string, depth: number): fc.Arbitrary<unknown[]> {
  const { items = {}, minItems = 0, maxItems = Math.max(minItems, openEnded.items) } = schema;
  const length = { minLength: minItems, maxLength: depth >= maxDepth ? minItems : Math.min(maxItems, 4) };
  // Known values are filled in later and could then be equal.
  const item = valuesOf(items, making, schema.uniqueItems === true && maxItems !== 1 ? "" : name, depth + 1);
  if (schema.uniqueItems !== true) return fc.array(item, length);
  return fc.uniqueArray(item, { ...length, selector: (value) => JSON.stringify(value) });
}

function objectsOf(schema: Schema, making: Making, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const { properties = {}, required = [], additionalProperties = Object.keys(properties).length === 0 } = schema;
  const isSparse = making.extent === "sparse" || depth >= maxDepth;
  const shown = Object.entries(properties).filter(([name]) => !isSparse || required.includes(name));
  const fields = Object.fromEntries(shown.map(([name, each]) => [name, valuesOf(each, making, name, depth + 1)]));
  const known = fc.record(fields, {
    requiredKeys: shown.map(([name]) => name).filter((name) => required.includes(name)),
  });
  if (additionalProperties === false || isSparse) return known;
  const value = additionalProperties === true ? anyJson : valuesOf(additionalProperties, making, "", depth + 1);
  const { minProperties = 0, maxProperties = openEnded.items + minProperties } = schema;
  const free = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/), value, {
    minKeys: minProperties,
    maxKeys: maxProperties,
  });
  return fc.tuple(free, known).map(([more, own]) => ({ ...more, ...own }));
}

/** Text that no JSON writer makes of a number: put into a document in place of the string that stands for it. */
export const rawNumbers = {
  "<2^53+1>": "9007199254740993",
  "<huge>": "1e400",
  "<long>": "1".repeat(400),
  "<minus zero>": "-0.0",
} as const;

const long = "a".repeat(70_000);
let deep: unknown = "bottom";
for (let depth = 0; depth < 200; depth++) deep = depth % 2 === 0 ? [deep] : { in: deep };

/** Strings that have broken servers before. */
export const hostileStrings: readonly string[] = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\udc00\ud800",
  "\u202e\u2066",
  "\u{1F9D1}\u200D\u{1F680}".repeat(40),
  "__proto__",
  "constructor",
  "toString",
  "null",
  "undefined",
  "NaN",
  "-1",
  "1e309",
  "9007199254740993",
  "2026-02-30T25:61:61Z",
  "99999-01-01",
  "../../etc/passwd",
  "%2e%2e%2f",
  "' OR 1=1; --",
  "<script>alert(1)</script>",
  "{{7*7}}${7*7}",
  "javascript:alert(1)",
  "http://[::1",
  "http://169.254.169.254/",
  "\r\nX-Injected: 1",
  "*",
  "x".repeat(300),
];

/** Values of the wrong type or size for almost any place; `rawNumbers` stand for numbers that JavaScript cannot hold. */
export const hostileValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...hostileStrings),
  fc.constantFrom(...Object.keys(rawNumbers)),
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 2 ** 53, -(2 ** 53), 1e308, [], {}, [[]], [null], deep, long),
  fc.constant(Array.from({ length: 2000 }, (_, i) => i)),
  fc.constant(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i]))),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.jsonValue(),
);

/** Names of properties that a careless server would take for its own. */
export const hostileNames: readonly string[] = [
  "__proto__",
  "constructor",
  "prototype",
  "hasOwnProperty",
  "x",
  "",
  "\u0000",
];
