// Holds a JSON value to a prepared schema of the draft 2020-12, counting every step: how many schemas are applied, and what
// each of them reads of the value and of its own lists, because references apply the same schema to the same value again.
import { below } from "../kernel/json-pointer.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { UnusablePatternError } from "./linear-pattern.ts";
import type { LinearPattern } from "./linear-pattern.ts";
import type { Refusal } from "./refusal.ts";

/** A JSON Schema that is an object. */
export type Schema = Readonly<Record<string, unknown>>;

/** A schema that was looked through, with what its parts mean. */
export interface PreparedSchema {
  readonly root: Schema;
  /** By their source. */
  readonly patterns: ReadonlyMap<string, LinearPattern>;
  /** By what `$ref` says. */
  readonly references: ReadonlyMap<string, Schema | boolean>;
  /** Canonical texts of the values of an `enum`, by its list. */
  readonly constants: ReadonlyMap<unknown, ReadonlySet<string>>;
}

/** Most schemas that are applied to parts of one value, counted again each time: what references can multiply. */
const maxApplications = 300_000;
/** Most steps of one check: a step is what one state of a pattern does with one character, some tens of nanoseconds. */
const maxSteps = 20_000_000;
/** What other work costs, in steps: a character to count, a character to compare, an item or a key to visit. */
const costs = { counted: 1 / 4, compared: 1 / 8, visited: 20 };
/** Deepest that schemas are applied inside each other; a value is at most 32 deep. */
const maxNesting = 400;

type Record_ = Readonly<Record<string, unknown>>;
/** Checks one group of keywords. */
type Keywords = (walk: Walk, schema: Schema, value: never, at: string, nesting: number) => Refusal | undefined;

/** Too many steps; leaves the walk. */
class TooMuchWork extends Error {}

/** The first thing that is wrong with a value, or undefined. */
export function holdTo(prepared: PreparedSchema, value: unknown): Refusal | undefined {
  try {
    return new Walk(prepared).apply(prepared.root, value, "", 0);
  } catch (error) {
    if (!(error instanceof TooMuchWork || error instanceof UnusablePatternError)) throw error;
    return { at: "", rule: "too_much_work", reason: "takes too many steps to hold to its schema" };
  }
}

class Walk {
  readonly prepared: PreparedSchema;
  #applications = 0;
  #steps = 0;
  readonly #spend = (steps: number) => this.spend(steps);

  constructor(prepared: PreparedSchema) {
    this.prepared = prepared;
  }

  apply(schema: unknown, value: unknown, at: string, nesting: number): Refusal | undefined {
    if (++this.#applications > maxApplications || nesting > maxNesting) throw new TooMuchWork();
    if (schema === true) return undefined;
    if (schema === false) return wrong(at, "false", "must not be there");
    const known = schema as Schema;
    return (
      ofAny(this, known, value, at) ??
      byKind(this, known, value, at, nesting) ??
      combined(this, known, value, at, nesting)
    );
  }

  fits(schema: unknown, value: unknown, at: string, nesting: number): boolean {
    return this.apply(schema, value, at, nesting + 1) === undefined;
  }

  /** Counts steps. @throws TooMuchWork */
  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > maxSteps) throw new TooMuchWork();
  }

  matches(source: string, text: string): boolean {
    const pattern = this.prepared.patterns.get(source);
    if (pattern === undefined) return false;
    // Also what its states cost to make ready, and to go through at the last place, where it may end.
    this.spend(pattern.states + text.length * costs.counted);
    return pattern.test(text, this.#spend);
  }

  /** The text by which values are compared. */
  canonical(value: unknown): string {
    const text = canonicalJson(value);
    this.spend(text.length * costs.compared);
    return text;
  }
}

function wrong(at: string, keyword: string, reason: string): Refusal {
  return { at, rule: `schema.${keyword}`, reason };
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function isOfType(value: unknown, type: unknown): boolean {
  return type === "integer" ? Number.isInteger(value) : kindOf(value) === type;
}

/** Keywords for values of any kind. */
function ofAny(walk: Walk, schema: Schema, value: unknown, at: string): Refusal | undefined {
  const { type } = schema;
  if (type !== undefined) {
    const types: readonly unknown[] = Array.isArray(type) ? type : [type];
    const nullable = value === null && schema["nullable"] === true;
    if (!nullable && !types.some((each) => isOfType(value, each)))
      return wrong(at, "type", `must be ${types.join(" or ")}`);
  }
  const constants = walk.prepared.constants.get(schema["enum"]);
  if (constants !== undefined && !constants.has(walk.canonical(value))) {
    return wrong(at, "enum", "must be one of the values listed");
  }
  if ("const" in schema && walk.canonical(schema["const"]) !== walk.canonical(value)) {
    return wrong(at, "const", "must be the value given");
  }
  return undefined;
}

function byKind(walk: Walk, schema: Schema, value: unknown, at: string, nesting: number): Refusal | undefined {
  switch (kindOf(value)) {
    case "number":
      return ofNumber(schema, value as number, at);
    case "string":
      return ofText(walk, schema, value as string, at);
    case "array":
      return ofArray(walk, schema, value as never, at, nesting);
    case "object":
      return ofObject(walk, schema, value as never, at, nesting) ?? ofNames(walk, schema, value as never, at, nesting);
    default:
      return undefined;
  }
}

/** A bound of a schema; the default where it has none. */
const bound = (schema: Schema, keyword: string, otherwise: number): number =>
  typeof schema[keyword] === "number" ? schema[keyword] : otherwise;

/** 0.3 is three times 0.1 for the author of the schema, though not in binary; a quotient may be beyond all numbers. */
function isMultiple(value: number, step: number): boolean {
  const times = value / step;
  return value % step === 0 || Math.abs(times - Math.round(times)) <= 1e-9;
}

function ofNumber(schema: Schema, value: number, at: string): Refusal | undefined {
  if (value < bound(schema, "minimum", -Infinity)) return wrong(at, "minimum", "is too small");
  if (value > bound(schema, "maximum", Infinity)) return wrong(at, "maximum", "is too large");
  if (value <= bound(schema, "exclusiveMinimum", -Infinity)) return wrong(at, "exclusiveMinimum", "is too small");
  if (value >= bound(schema, "exclusiveMaximum", Infinity)) return wrong(at, "exclusiveMaximum", "is too large");
  const step = schema["multipleOf"];
  if (typeof step === "number" && !isMultiple(value, step)) {
    return wrong(at, "multipleOf", `must be a multiple of ${step}`);
  }
  return undefined;
}

function ofText(walk: Walk, schema: Schema, value: string, at: string): Refusal | undefined {
  const [least, most] = [bound(schema, "minLength", 0), bound(schema, "maxLength", Infinity)];
  if (least > 0 || most < Infinity) {
    walk.spend(value.length * costs.counted);
    let length = 0;
    for (const _ of value) length++;
    if (length < least) return wrong(at, "minLength", `must have at least ${least} characters`);
    if (length > most) return wrong(at, "maxLength", `must have at most ${most} characters`);
  }
  const { pattern } = schema;
  if (typeof pattern === "string" && !walk.matches(pattern, value))
    return wrong(at, "pattern", "must match its pattern");
  return undefined;
}

const ofArray: Keywords = (walk, schema, items: readonly unknown[], at, nesting) => {
  walk.spend(items.length * costs.visited);
  const [least, most] = [bound(schema, "minItems", 0), bound(schema, "maxItems", Infinity)];
  if (items.length < least) return wrong(at, "minItems", `must have at least ${least} items`);
  if (items.length > most) return wrong(at, "maxItems", `must have at most ${most} items`);
  if (schema["uniqueItems"] === true && new Set(items.map((each) => walk.canonical(each))).size < items.length) {
    return wrong(at, "uniqueItems", "must not have the same item twice");
  }
  const prefix = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : [];
  for (const [i, item] of items.entries()) {
    const each: unknown = i < prefix.length ? prefix[i] : schema["items"];
    const found = each === undefined ? undefined : walk.apply(each, item, below(at, i), nesting + 1);
    if (found !== undefined) return found;
  }
  const { contains } = schema;
  if (contains === undefined) return undefined;
  const count = items.filter((item, i) => walk.fits(contains, item, below(at, i), nesting)).length;
  if (count < bound(schema, "minContains", 1))
    return wrong(at, "contains", "holds too few items of a kind that it must");
  if (count > bound(schema, "maxContains", Infinity)) return wrong(at, "contains", "holds too many items of a kind");
  return undefined;
};

/** A map of schemas; empty where there is none. */
function mapOf(schema: Schema, keyword: string): Record_ {
  const map = schema[keyword];
  return typeof map === "object" && map !== null ? (map as Record_) : {};
}

const ofObject: Keywords = (walk, schema, record: Record_, at, nesting) => {
  const properties = mapOf(schema, "properties");
  const patterns = Object.entries(mapOf(schema, "patternProperties"));
  const others = schema["additionalProperties"];
  const required = (listOf(schema, "required") ?? []) as readonly string[];
  walk.spend((required.length + patterns.length) * costs.visited);
  for (const key of required) {
    if (!Object.hasOwn(record, key)) return wrong(at, "required", `must have ${JSON.stringify(key.slice(0, 100))}`);
  }
  const entries = Object.entries(record);
  walk.spend(entries.length * costs.visited);
  for (const [key, value] of entries) {
    const here = below(at, key);
    const named = Object.hasOwn(properties, key);
    const matching = patterns.filter(([source]) => walk.matches(source, key)).map(([, each]) => each);
    const schemas = named ? [properties[key], ...matching] : matching;
    if (schemas.length === 0 && others === false) return wrong(here, "additionalProperties", "is not a known field");
    if (schemas.length === 0 && others !== undefined) schemas.push(others);
    for (const each of schemas) {
      const found = walk.apply(each, value, here, nesting + 1);
      if (found !== undefined) return found;
    }
  }
  return undefined;
};

const ofNames: Keywords = (walk, schema, record: Record_, at, nesting) => {
  const names = Object.keys(record);
  const [least, most] = [bound(schema, "minProperties", 0), bound(schema, "maxProperties", Infinity)];
  if (names.length < least) return wrong(at, "minProperties", `must have at least ${least} fields`);
  if (names.length > most) return wrong(at, "maxProperties", `must have at most ${most} fields`);
  const form = schema["propertyNames"];
  if (form !== undefined && !names.every((name) => walk.fits(form, name, at, nesting))) {
    return wrong(at, "propertyNames", "has a field whose name is not allowed");
  }
  for (const [name, needed] of Object.entries(mapOf(schema, "dependentRequired"))) {
    walk.spend(costs.visited);
    if (!Object.hasOwn(record, name) || !Array.isArray(needed)) continue;
    walk.spend(needed.length * costs.visited);
    if (!needed.every((each) => Object.hasOwn(record, String(each)))) {
      return wrong(at, "dependentRequired", "lacks a field that another one needs");
    }
  }
  for (const [name, dependent] of Object.entries(mapOf(schema, "dependentSchemas"))) {
    walk.spend(costs.visited);
    const found = Object.hasOwn(record, name) ? walk.apply(dependent, record, at, nesting + 1) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
};

/** Keywords that apply other schemas to the same value. */
function combined(walk: Walk, schema: Schema, value: unknown, at: string, nesting: number): Refusal | undefined {
  const reference = schema["$ref"];
  const target = reference === undefined ? true : walk.prepared.references.get(reference as string);
  const found = target === true ? undefined : walk.apply(target, value, at, nesting + 1);
  if (found !== undefined) return found;
  for (const each of listOf(schema, "allOf") ?? []) {
    const inner = walk.apply(each, value, at, nesting + 1);
    if (inner !== undefined) return inner;
  }
  const any = listOf(schema, "anyOf");
  if (any !== undefined && !any.some((each) => walk.fits(each, value, at, nesting))) {
    return wrong(at, "anyOf", "fits none of the forms that it may have");
  }
  const one = listOf(schema, "oneOf");
  if (one !== undefined && one.filter((each) => walk.fits(each, value, at, nesting)).length !== 1) {
    return wrong(at, "oneOf", "does not fit exactly one of the forms that it may have");
  }
  if (schema["not"] !== undefined && walk.fits(schema["not"], value, at, nesting)) {
    return wrong(at, "not", "has a form that it must not have");
  }
  if (schema["if"] === undefined) return undefined;
  const next = schema[walk.fits(schema["if"], value, at, nesting) ? "then" : "else"];
  return next === undefined ? undefined : walk.apply(next, value, at, nesting + 1);
}

function listOf(schema: Schema, keyword: string): readonly unknown[] | undefined {
  const list = schema[keyword];
  return Array.isArray(list) ? list : undefined;
}
