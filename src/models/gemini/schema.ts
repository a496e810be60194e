// The JSON Schema that Gemini honours in `responseJsonSchema` (Google's reference of GenerationConfig). The whole of JSON
// Schema may be sent; what is not in the list is passed over, which breaks the promise of a strict form.
import { unsupported } from "../wire/faults.ts";
import { isObject } from "../wire/fields.ts";
import { everySchema } from "../wire/schema-walk.ts";

const honoured = new Set([
  ..."$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems".split(" "),
  ..."minimum maximum anyOf oneOf properties additionalProperties required propertyOrdering".split(" "),
]);

/** Words that constrain nothing. */
const remarks = new Set("$schema $comment default example examples deprecated readOnly writeOnly".split(" "));

/**
 * The schema to send for a form. A constant becomes a list of one value, which means the same.
 * @throws `dialect.unsupported` for a strict form with a rule that Gemini passes over.
 */
export function writeSchema(schema: object, strict: boolean): object {
  const sent = withoutConstants(schema) as object;
  let passedOver: string | undefined;
  everySchema(sent, (one) => {
    passedOver ??= Object.keys(one).find((key) => !honoured.has(key) && !remarks.has(key));
    return passedOver === undefined;
  });
  if (strict && passedOver !== undefined) {
    throw unsupported(`this provider does not honour "${passedOver}" in the schema of a strict reply`);
  }
  return sent;
}

/** A property may be named `const`: its value is then a schema and no constant. */
function withoutConstants(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutConstants);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key === "const" && (typeof inner === "string" || typeof inner === "number")) return ["enum", [inner]];
      return [key, key === "enum" || remarks.has(key) ? inner : withoutConstants(inner)];
    }),
  );
}
