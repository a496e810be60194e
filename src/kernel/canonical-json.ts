// RFC 8785 (JSON Canonicalization Scheme): one value, one byte sequence, so that digests and signatures agree
// between Charter and anyone who re-computes them. Integers beyond 2^53-1 are refused, because JSON readers
// elsewhere would round them silently.

/** Any value that JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The value has no canonical form: a non-finite or unsafe number, a lone surrogate, or something JSON cannot carry. */
export class NotCanonicalError extends Error {
  override readonly name = "NotCanonicalError";
}

/**
 * The RFC 8785 text of a JSON value: keys sorted by UTF-16 code unit, ECMAScript number form, no white space.
 * Properties whose value is `undefined` are left out, as JSON.stringify does.
 * @throws NotCanonicalError when the value has no canonical form.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return canonicalString(value);
    case "number":
      return canonicalNumber(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as Record<string, unknown>);
    default:
      throw new NotCanonicalError(`a ${typeof value} has no JSON form`);
  }
}

function canonicalString(text: string): string {
  if (!text.isWellFormed()) throw new NotCanonicalError("a string holds a lone surrogate");
  return JSON.stringify(text);
}

function canonicalNumber(number: number): string {
  if (!Number.isFinite(number)) throw new NotCanonicalError("a number is not finite");
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    throw new NotCanonicalError("an integer is beyond 2^53-1");
  }
  return JSON.stringify(number);
}

function canonicalArray(items: readonly unknown[]): string {
  return `[${items.map((item) => (item === undefined ? "null" : canonicalJson(item))).join(",")}]`;
}

function canonicalObject(record: Record<string, unknown>): string {
  let text = "{";
  for (const key of Object.keys(record).sort()) {
    const value = record[key];
    if (value === undefined) continue;
    text += `${text.length > 1 ? "," : ""}${canonicalString(key)}:${canonicalJson(value)}`;
  }
  return `${text}}`;
}
