// A model's answer as data: read as JSON, held to a schema, and every text in it made safe for what it is declared to be for.
import { below } from "../kernel/json-pointer.ts";
import { maxJsonDepth } from "../kernel/limits.ts";
import { parseText } from "./context.ts";
import type { DataKind } from "./context.ts";
import { jsonOfAnswer } from "./json-text.ts";
import type { Parsed, Refusal } from "./refusal.ts";
import type { SchemaCheck } from "./schema.ts";

/**
 * What the fields of an answer are for, by JSON pointer; `*` stands for any item or key: `{"/files/*": "path-segment"}`.
 * A text that is not named is plain text.
 */
export type DataKinds = Readonly<Record<string, DataKind>>;

/** Most refusals that are told of one answer. */
const maxRefusals = 20;

/** Reads an answer. All or nothing: one field that is refused refuses the answer. */
export function parseData(text: string, schema: SchemaCheck | undefined, kinds: DataKinds): Parsed<unknown> {
  const parsed = jsonOfAnswer(text);
  return parsed.valid ? parseValue(parsed.value, schema, kinds) : parsed;
}

/** The same for an answer that has been read as JSON already. */
export function parseValue(value: unknown, schema: SchemaCheck | undefined, kinds: DataKinds): Parsed<unknown> {
  const wrong = schema?.(value) ?? [];
  if (wrong.length > 0) return { valid: false, refusals: wrong.slice(0, maxRefusals) };
  const refusals: Refusal[] = [];
  const made = safe(value, [], "", new Map(Object.entries(kinds)), refusals);
  return refusals.length > 0
    ? { valid: false, refusals: refusals.slice(0, maxRefusals) }
    : { valid: true, value: made };
}

/** `path` holds the keys with items' numbers as `*`. */
function safe(
  value: unknown,
  path: readonly string[],
  at: string,
  kinds: ReadonlyMap<string, DataKind>,
  refusals: Refusal[],
): unknown {
  if (typeof value === "string") {
    const parsed = parseText(value, kindOf(path, kinds), at);
    if (parsed.valid) return parsed.value;
    refusals.push(...parsed.refusals);
    return undefined;
  }
  if (typeof value !== "object" || value === null) return value;
  if (path.length >= maxJsonDepth) {
    refusals.push({ at, rule: "too_deep", reason: `is nested deeper than ${maxJsonDepth}` });
    return undefined;
  }
  if (Array.isArray(value))
    return value.map((item, i) => safe(item, [...path, String(i)], below(at, i), kinds, refusals));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const here = below(at, key);
      const named = parseText(key, "plain-text", here);
      if (!named.valid) refusals.push(...named.refusals);
      return [key, safe(item, [...path, key], here, kinds, refusals)];
    }),
  );
}

/** The kind of the first declaration that fits. */
function kindOf(path: readonly string[], kinds: ReadonlyMap<string, DataKind>): DataKind {
  for (const [pattern, kind] of kinds) {
    const steps = pattern.split("/").slice(1);
    if (steps.length === path.length && steps.every((step, i) => step === "*" || step === path[i])) return kind;
  }
  return "plain-text";
}
