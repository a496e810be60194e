// JSON Schemas from third parties, made safe to run: bounded in size, depth and work, without remote references, and with
// patterns that take linear time. Schemas follow the draft 2020-12; one that says something unusable is refused whole, so
// that no keyword is silently without effect. `format` and what only describes is an annotation, as in the draft.
//
// Schemas are interpreted, not compiled: no program text is made from a third party's words, a schema seen for the first time
// costs microseconds, and work can be counted where it is done.
import { outputFault } from "./errors.ts";
import { Ajv2020 } from "ajv/dist/2020.js";
import { below } from "../kernel/json-pointer.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { linearPattern, UnusablePatternError } from "./linear-pattern.ts";
import type { LinearPattern } from "./linear-pattern.ts";
import type { Refusal } from "./refusal.ts";
import { holdTo } from "./schema-walk.ts";
import type { PreparedSchema, Schema } from "./schema-walk.ts";

/** What is wrong with a value by a schema: the first thing found; nothing when the value is as it should be. */
export type SchemaCheck = (value: unknown) => readonly Refusal[];

/** Most schemas inside one schema. */
const maxSubschemas = 2000;
/** Deepest nesting of schemas. */
const maxSchemaDepth = 32;
/** Longest text of a schema, characters. */
const maxSchemaChars = 128 * 1024;
/** Most states of all patterns of a schema together; a date takes a dozen, `^.{1,200}$` takes 400. */
const maxPatternStates = 20_000;

const singles: ReadonlySet<string> = new Set([
  "additionalProperties",
  "items",
  "contains",
  "not",
  "if",
  "then",
  "else",
  "propertyNames",
]);
const lists: ReadonlySet<string> = new Set(["allOf", "anyOf", "oneOf", "prefixItems"]);
const maps: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
]);
/** What would make a schema depend on others or on where it stands, and what is not supported. */
const forbidden: ReadonlySet<string> = new Set([
  "$id",
  "$anchor",
  "$dynamicRef",
  "$dynamicAnchor",
  "$recursiveRef",
  "$recursiveAnchor",
  "$vocabulary",
  "dependencies",
  "additionalItems",
  "unevaluatedItems",
  "unevaluatedProperties",
]);

/** Prepares schemas. */
export interface SchemaCompiler {
  /** @throws `schema.refused` with the place as a JSON pointer. */
  compile(schema: object): SchemaCheck;
}

/** A compiler; making one takes tens of milliseconds, for the schema of schemas. */
export function schemaCompiler(): SchemaCompiler {
  const ajv = new Ajv2020({ allErrors: false, strict: false, logger: false });
  return {
    compile(schema) {
      const prepared = new Preparation(schema).prepared;
      // Keywords of known names with values of the wrong kind; `$schema` may name a draft that is not here.
      const { $schema: _, ...rest } = schema as Schema;
      if (ajv.validateSchema(rest) !== true) {
        throw refusedSchema(ajv.errors?.[0]?.instancePath ?? "", "is not a valid JSON Schema");
      }
      return (value) => {
        const refusal = holdTo(prepared, value);
        return refusal === undefined ? [] : [refusal];
      };
    },
  };
}

function refusedSchema(at: string, reason: string, cause?: unknown) {
  return outputFault("schema.refused", `the schema ${reason}`, { at }, cause);
}

/** Walks a schema once: counts it, refuses what is unusable, and finds what its references and patterns mean. */
class Preparation {
  readonly prepared: PreparedSchema;
  readonly #patterns = new Map<string, LinearPattern>();
  readonly #references = new Map<string, Schema | boolean>();
  readonly #constants = new Map<unknown, ReadonlySet<string>>();
  readonly #root: object;
  #subschemas = 0;
  #patternStates = 0;

  constructor(root: object) {
    this.#root = root;
    if (JSON.stringify(root).length > maxSchemaChars) {
      throw refusedSchema("", `is longer than ${maxSchemaChars} characters`);
    }
    this.#schema(root, "", 0);
    this.prepared = {
      root: root as Schema,
      patterns: this.#patterns,
      references: this.#references,
      constants: this.#constants,
    };
  }

  #schema(schema: unknown, at: string, depth: number): void {
    if (typeof schema === "boolean") return;
    if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
      throw refusedSchema(at, "holds no schema where one belongs");
    }
    if (depth > maxSchemaDepth) throw refusedSchema(at, `is nested deeper than ${maxSchemaDepth}`);
    if (++this.#subschemas > maxSubschemas) throw refusedSchema(at, `holds more than ${maxSubschemas} schemas`);
    for (const [keyword, value] of Object.entries(schema)) {
      const here = below(at, keyword);
      if (forbidden.has(keyword)) throw refusedSchema(here, `uses ${keyword}, which is not supported`);
      if (singles.has(keyword)) this.#schema(value, here, depth + 1);
      else if (lists.has(keyword) && Array.isArray(value)) {
        for (const [i, each] of value.entries()) this.#schema(each, below(here, i), depth + 1);
      } else if (maps.has(keyword) && typeof value === "object" && value !== null) {
        for (const [name, each] of Object.entries(value)) {
          if (keyword === "patternProperties") this.#pattern(name, below(here, name));
          this.#schema(each, below(here, name), depth + 1);
        }
      } else this.#simple(keyword, value, here);
    }
  }

  #simple(keyword: string, value: unknown, at: string): void {
    if (keyword === "pattern") this.#pattern(String(value), at);
    if (keyword === "$ref") this.#references.set(String(value), this.#target(value, at));
    // `enum` is known by its list; `const` by the schema around it, which the walk asks for by the value itself.
    if (keyword === "enum" && Array.isArray(value)) {
      this.#constants.set(value, new Set(value.map((each) => canonicalText(each, at))));
    }
    if (keyword === "const") canonicalText(value, at);
  }

  #pattern(source: string, at: string): void {
    if (this.#patterns.has(source)) return;
    try {
      const pattern = linearPattern(source);
      this.#patternStates += pattern.states;
      this.#patterns.set(source, pattern);
    } catch (error) {
      if (error instanceof UnusablePatternError) throw refusedSchema(at, `has a pattern that ${error.message}`, error);
      throw error;
    }
    if (this.#patternStates > maxPatternStates) {
      throw refusedSchema(at, `has patterns that need more than ${maxPatternStates} states together`);
    }
  }

  #target(reference: unknown, at: string): Schema | boolean {
    if (typeof reference !== "string" || !/^#(?:\/|$)/.test(reference)) {
      throw refusedSchema(at, "refers to something outside itself");
    }
    let target: unknown = this.#root;
    for (const step of reference.split("/").slice(1)) {
      const key = decoded(step).replaceAll("~1", "/").replaceAll("~0", "~");
      const known = typeof target === "object" && target !== null && Object.hasOwn(target, key);
      target = known ? (target as Schema)[key] : undefined;
    }
    if (typeof target !== "boolean" && (typeof target !== "object" || target === null || Array.isArray(target))) {
      throw refusedSchema(at, "refers to something that is not there");
    }
    if (typeof target === "boolean") return target;
    this.#visitOnce(target, at);
    return target as Schema;
  }

  readonly #visited = new Set<object>();

  /** What a reference names may lie where no schema is looked for; it is looked at from there. */
  #visitOnce(target: object, at: string): void {
    if (target === this.#root || this.#visited.has(target)) return;
    this.#visited.add(target);
    this.#schema(target, at, 0);
  }
}

function canonicalText(value: unknown, at: string): string {
  try {
    return canonicalJson(value);
  } catch (error) {
    throw refusedSchema(at, "holds a number or text that JSON cannot carry", error);
  }
}

/** A step of a reference is part of a URL. */
function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
