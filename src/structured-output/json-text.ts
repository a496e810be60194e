// Reads JSON out of a model's answer, strictly: what two readers could understand differently is refused.
//
// 1. The answer is one JSON document, or holds exactly one fenced block that is one. Nothing is searched for or repaired.
// 2. No key twice in one object, no `__proto__`, no integer beyond 2^53-1, no lone surrogate.
// 3. Size, depth and number of values are bounded.
import { JsonRefusal, plainBounds } from "../kernel/json-bounds.ts";
import type { JsonBounds, JsonFlaw } from "../kernel/json-bounds.ts";
import { below } from "../kernel/json-pointer.ts";
import { readAtOnce } from "../kernel/json-turns.ts";
import { refused } from "./refusal.ts";
import type { Parsed, Refusal } from "./refusal.ts";

/** Largest answer that is read as data, characters; a model's longest reply is below. */
export const maxDataChars = 1024 * 1024;

/** Most values in an answer that is read as data: it is read in one go, some microseconds for each. */
const maxDataNodes = 20_000;

const fence = /^[ \t]{0,3}```([\w-]{0,16})[ \t]*$/gm;

/** The JSON value that an answer is, or holds in its one fenced block. */
export function jsonOfAnswer(text: string): Parsed<unknown> {
  if (text.length > maxDataChars) return refused("", "too_large", `is longer than ${maxDataChars} characters`);
  const fences = Array.from(text.matchAll(fence));
  if (fences.length === 0 || /^\s*[[{"]/.test(text)) return strictJson(text);
  const [open, close] = fences;
  if (open === undefined || close === undefined || fences.length > 2 || close[1] !== "") {
    return refused("", "not_json", "is neither one JSON document nor a text with exactly one fenced block");
  }
  if (!/^(?:json)?$/i.test(open[1] ?? "")) return refused("", "not_json", "holds a fenced block that is not JSON");
  return strictJson(text.slice(open.index + open[0].length, close.index));
}

/** Parses one JSON document (RFC 8259) strictly. */
export function strictJson(text: string): Parsed<unknown> {
  if (text.length > maxDataChars) return refused("", "too_large", `is longer than ${maxDataChars} characters`);
  if (!text.isWellFormed()) return refused("", "lone_surrogate", "holds half of a character");
  let value: unknown;
  try {
    value = readAtOnce(Buffer.from(text), bounds);
  } catch (error) {
    if (!(error instanceof JsonRefusal)) throw error;
    const { flaw, pointer, message } = error;
    return refused(pointer, rules[flaw], flaw === "malformed" ? `is not JSON at ${message}` : message);
  }
  const refusal = flawOf(value, "");
  return refusal === undefined ? { valid: true, value } : { valid: false, refusals: [refusal] };
}

const bounds: JsonBounds = {
  ...plainBounds,
  nodes: maxDataNodes,
  containers: maxDataNodes,
  uniqueKeys: true,
};

const rules: Readonly<Record<JsonFlaw, string>> = {
  malformed: "not_json",
  encoding: "not_json",
  depth: "too_deep",
  nodes: "too_many",
  containers: "too_many",
  keys: "too_many",
  outerKeys: "too_many",
  keyBytes: "too_large",
  numberBytes: "number_too_large",
  duplicateKey: "duplicate_key",
  lostDigits: "number_too_large",
};

/** What else in a value two readers could understand differently; the reader has bounded its depth. */
function flawOf(value: unknown, at: string): Refusal | undefined {
  if (typeof value === "string") {
    return value.isWellFormed() ? undefined : { at, rule: "lone_surrogate", reason: "holds half of a character" };
  }
  if (typeof value === "number") {
    if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return undefined;
    return { at, rule: "number_too_large", reason: "is a number beyond 2^53-1, which cannot be held exactly" };
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const here = below(at, key);
    if (key === "__proto__") return { at: here, rule: "forbidden_key", reason: "is a key that no data has" };
    const refusal = flawOf(key, here) ?? flawOf(inner, here);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}
