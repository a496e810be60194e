// RFC 8785 (JSON Canonicalization Scheme): one value, one byte sequence, so that digests and signatures agree
// between Charter and anyone who re-computes them. Integers beyond 2^53-1 are refused, because JSON readers
// elsewhere would round them silently. The RFC has no form for a number that was kept as it was written (json-number.ts): it
// stands with its digits.
import { isRawNumber } from "./json-number.ts";

/** Any value that JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The value has no canonical form: a non-finite or unsafe number, a lone surrogate, or something JSON cannot carry. */
export class NotCanonicalError extends Error {
  override readonly name = "NotCanonicalError";
}

/**
 * The RFC 8785 text of a JSON value: keys sorted by UTF-16 code unit, ECMAScript number form, no white space.
 * Properties whose value is `undefined` are left out, as JSON.stringify does. A value whose keys are in order already costs
 * a third: the engine's own writer agrees with the RFC in all else.
 * @throws NotCanonicalError when the value has no canonical form.
 */
export function canonicalJson(value: unknown): string {
  return inOrder(value, false) ? JSON.stringify(value) : canonicalText(value, false);
}

/**
 * The same for a value in which halves of characters may stand, for which the RFC has no form: each is written as an escape
 * (`\\ud83d`), as JSON.stringify writes it. No two values have one text.
 * @throws NotCanonicalError for what else has no canonical form.
 */
export function escapedJson(value: unknown): string {
  return inOrder(value, true) ? JSON.stringify(value) : canonicalText(value, true);
}

/**
 * Whether every record's keys stand in order. `halves`: lone surrogates may stand in texts and keys. What has no canonical form is found here or by `canonicalText`.
 * @throws NotCanonicalError
 */
function inOrder(value: unknown, halves: boolean): boolean {
  switch (typeof value) {
    case "string":
      if (!halves) refuseIllFormed(value);
      return true;
    case "number":
      refuseUnsafe(value);
      return true;
    case "boolean":
      return true;
    case "object":
      if (value === null) return true;
      return Array.isArray(value)
        ? arrayInOrder(value, halves)
        : recordInOrder(value as Record<string, unknown>, halves);
    default:
      throw new NotCanonicalError(`a ${typeof value} has no JSON form`);
  }
}

function arrayInOrder(items: readonly unknown[], halves: boolean): boolean {
  // Not `every`, which passes over holes.
  for (const item of items) if (item !== undefined && !inOrder(item, halves)) return false;
  return true;
}

function recordInOrder(record: Record<string, unknown>, halves: boolean): boolean {
  if (isRawNumber(record)) return true;
  // A class may have its own JSON form; its fields are what counts here.
  if ("toJSON" in record) return false;
  let last = "";
  for (const key of Object.keys(record)) {
    const value = record[key];
    if (value === undefined) continue;
    if (key < last || (!halves && !key.isWellFormed()) || !inOrder(value, halves)) return false;
    last = key;
  }
  return true;
}

function canonicalText(value: unknown, halves: boolean): string {
  switch (typeof value) {
    case "string":
      return canonicalString(value, halves);
    case "number":
      return canonicalNumber(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value)
        ? canonicalArray(value, halves)
        : canonicalObject(value as Record<string, unknown>, halves);
    default:
      throw new NotCanonicalError(`a ${typeof value} has no JSON form`);
  }
}

function refuseIllFormed(text: string): void {
  if (!text.isWellFormed()) throw new NotCanonicalError("a string holds a lone surrogate");
}

function refuseUnsafe(number: number): void {
  if (Number.isSafeInteger(number)) return;
  if (!Number.isFinite(number)) throw new NotCanonicalError("a number is not finite");
  if (Number.isInteger(number)) throw new NotCanonicalError("an integer is beyond 2^53-1");
}

/** Printable ASCII that JSON writes as it is; most strings are, and a look is cheaper than the engine's writer. */
const plainText = /^[ !#-[\]-~]*$/;
/** Longest text that is looked at first, UTF-16 units. */
const maxLookUnits = 256;

function canonicalString(text: string, halves: boolean): string {
  if (text.length <= maxLookUnits && plainText.test(text)) return `"${text}"`;
  if (!halves) refuseIllFormed(text);
  return JSON.stringify(text);
}

function canonicalNumber(number: number): string {
  refuseUnsafe(number);
  return JSON.stringify(number);
}

function canonicalArray(items: readonly unknown[], halves: boolean): string {
  return `[${items.map((item) => (item === undefined ? "null" : canonicalText(item, halves))).join(",")}]`;
}

function canonicalObject(record: Record<string, unknown>, halves: boolean): string {
  if (isRawNumber(record)) return record.rawJSON;
  let text = "{";
  for (const key of Object.keys(record).sort()) {
    const value = record[key];
    if (value === undefined) continue;
    text += `${text.length > 1 ? "," : ""}${canonicalString(key, halves)}:${canonicalText(value, halves)}`;
  }
  return `${text}}`;
}
