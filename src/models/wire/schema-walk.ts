// Walks a JSON Schema (draft 2020-12, and the older places of definitions), so that a dialect can tell whether its provider
// honours every rule in it.
import type { JsonObject } from "./fields.ts";
import { isObject } from "./fields.ts";

const named = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"] as const;
const listed = ["anyOf", "oneOf", "allOf", "prefixItems"] as const;
const single = [
  ..."items additionalProperties not if then else contains propertyNames".split(" "),
  ..."unevaluatedItems unevaluatedProperties additionalItems".split(" "),
];

/**
 * Whether `holds` is true of a schema and of every schema inside it; a schema that is `true` or `false` is passed over.
 * `defined` tells it whether the schema stands inside a definition that others may refer to.
 */
export function everySchema(
  schema: unknown,
  holds: (schema: JsonObject, defined: boolean) => boolean,
  defined = false,
): boolean {
  if (Array.isArray(schema)) return schema.every((one) => everySchema(one, holds, defined));
  if (!isObject(schema)) return true;
  if (!holds(schema, defined)) return false;
  for (const key of named) {
    const group = schema[key];
    if (!isObject(group)) continue;
    const inside = defined || key === "$defs" || key === "definitions";
    for (const name of Object.keys(group)) if (!everySchema(group[name], holds, inside)) return false;
  }
  for (const key of listed) if (schema[key] !== undefined && !everySchema(schema[key], holds, defined)) return false;
  for (const key of single) if (schema[key] !== undefined && !everySchema(schema[key], holds, defined)) return false;
  return true;
}
