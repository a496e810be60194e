// Whether a reply has the form that the caller asked for.
import { BoundedMap } from "../kernel/bounded-map.ts";
import { digestOf } from "../kernel/hash.ts";
import type { ReplyForm } from "../models/index.ts";
import { strictJson } from "./json-text.ts";
import { refused } from "./refusal.ts";
import type { Parsed } from "./refusal.ts";
import { schemaCompiler } from "./schema.ts";
import type { SchemaCheck } from "./schema.ts";

/** Compiled schemas that are remembered when nothing else is said; one takes some 10 KB. */
const defaultMaxSchemas = 256;

/** Checks replies, and remembers the schemas it compiled. */
export interface FormChecker {
  /**
   * The value that a reply's text spells, held to its form; for free text the text itself. A form needs the whole text to be
   * one JSON document, because that is what the caller will parse.
   * @throws `schema.refused` for a schema that cannot be used.
   */
  check(text: string, form: ReplyForm): Parsed<unknown>;
  /** Refuses a form that cannot be used, before the call is made. @throws `schema.refused`. */
  prepare(form: ReplyForm): void;
}

/** A checker that remembers at most so many schemas, the latest used. */
export function formChecker(maxSchemas: number = defaultMaxSchemas): FormChecker {
  const compiler = schemaCompiler();
  const checks = new BoundedMap<string, SchemaCheck>(maxSchemas);
  // The same object is often asked about twice: before the call and after it.
  const digests = new WeakMap<object, string>();

  const checkOf = (schema: object): SchemaCheck => {
    const digest = digests.get(schema) ?? digestOf(JSON.stringify(schema));
    digests.set(schema, digest);
    return checks.getOrMake(digest, () => compiler.compile(schema));
  };

  return {
    check(text, form) {
      if (form.kind === "text") return { valid: true, value: text };
      const parsed = strictJson(text);
      if (!parsed.valid) return parsed;
      if (form.kind === "json") {
        const { value } = parsed;
        if (typeof value === "object" && value !== null) return parsed;
        return refused("", "not_object", "is not a JSON object or array");
      }
      const refusals = checkOf(form.schema)(parsed.value);
      return refusals.length > 0 ? { valid: false, refusals } : parsed;
    },
    prepare(form) {
      if (form.kind === "schema") checkOf(form.schema);
    },
  };
}
