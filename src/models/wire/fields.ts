// Strict readers of JSON fields: each gives a value of the wanted type, undefined where the field is absent or null, or
// refuses with `dialect.invalid` and the field's JSON pointer. Pointers are only built when something is wrong.
import type { Fault } from "../../kernel/fault.ts";
import { isRawNumber } from "../../kernel/json-number.ts";
import { invalid } from "./faults.ts";

/** A JSON object of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a JSON value is an object: neither an array nor a number that was kept as it was written. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/** The value as an object. @throws `dialect.invalid` at `at`. */
export function asObject(value: unknown, at: string): JsonObject {
  if (isObject(value)) return value;
  throw unlike(at, "an object", value);
}

/** The value as text. @throws `dialect.invalid` at `at`. */
export function asText(value: unknown, at: string): string {
  if (typeof value === "string") return value;
  throw unlike(at, "text", value);
}

/** Text in the field `key` of the object that stands at `at`. */
export function textIn(from: JsonObject, key: string, at: string): string | undefined {
  const value = from[key];
  if (typeof value === "string") return value;
  return absent(value, at, key, "text");
}

/** Text that must be there. */
export function neededTextIn(from: JsonObject, key: string, at: string): string {
  return textIn(from, key, at) ?? missing(at, key);
}

/** A short name that must be there: of letters, digits and what joins them, so that no words pass for one. */
export function neededNameIn(from: JsonObject, key: string, at: string): string {
  const name = neededTextIn(from, key, at);
  if (/^[\w.:-]{1,64}$/.test(name)) return name;
  throw unlike(`${at}/${key}`, "a short name", name);
}

/** True or false. */
export function flagIn(from: JsonObject, key: string, at: string): boolean | undefined {
  const value = from[key];
  if (typeof value === "boolean") return value;
  return absent(value, at, key, "true or false");
}

/** A safe integer of at least `least`. */
export function integerIn(from: JsonObject, key: string, at: string, least: number): number | undefined {
  const value = from[key];
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  if (value === undefined || value === null) return undefined;
  throw unlike(
    `${at}/${key}`,
    least === Number.MIN_SAFE_INTEGER ? "an integer" : `an integer of at least ${least}`,
    value,
  );
}

/** One of a few words. */
export function wordIn<Word extends string>(
  from: JsonObject,
  key: string,
  at: string,
  words: readonly Word[],
): Word | undefined {
  const value = from[key];
  if (words.includes(value as Word)) return value as Word;
  if (value === undefined || value === null) return undefined;
  throw unlike(`${at}/${key}`, `one of ${words.join(", ")}`, value);
}

/** One of a few words; another text is one that only the caller's API knows, and its place is added to `untranslated`. */
export function knownWordIn<Word extends string>(
  from: JsonObject,
  key: string,
  at: string,
  words: readonly Word[],
  untranslated: string[],
): Word | undefined {
  const word = textIn(from, key, at);
  const known = words.find((each) => each === word);
  if (word !== undefined && known === undefined) untranslated.push(`${at}/${key}`);
  return known;
}

/** A number within a range; another one is one that only the caller's API knows, and its place is added to `untranslated`. */
export function knownNumberIn(
  from: JsonObject,
  key: string,
  least: number,
  most: number,
  untranslated: string[],
): number | undefined {
  const value = from[key];
  const isNumber = typeof value === "number" || isRawNumber(value);
  if (!isNumber) return absent(value, "", key, `a number from ${least} to ${most}`);
  if (typeof value === "number" && value >= least && value <= most) return value;
  untranslated.push(`/${key}`);
  return undefined;
}

/** An object. */
export function objectIn(from: JsonObject, key: string, at: string): JsonObject | undefined {
  const value = from[key];
  if (isObject(value)) return value;
  return absent(value, at, key, "an object");
}

/** An object that must be there. */
export function neededObjectIn(from: JsonObject, key: string, at: string): JsonObject {
  return objectIn(from, key, at) ?? missing(at, key);
}

/** A list. */
export function listIn(from: JsonObject, key: string, at: string): readonly unknown[] | undefined {
  const value = from[key];
  if (Array.isArray(value)) return value;
  return absent(value, at, key, "a list");
}

/** Gives an optional property its value where there is one; an absent property stays absent. */
export function put<T extends object, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined) target[key] = value;
}

/** The same shape, still being filled in. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** The refusal of a value that is not of the form that the API asks for. */
export function unlike(at: string, form: string, value: unknown): Fault {
  return invalid(at, `${at === "" ? "the body" : at} must be ${form}, not ${shown(value)}`);
}

/** Refuses an absent field. */
export function missing(at: string, key: string): never {
  throw invalid(`${at}/${key}`, `${at}/${key} is missing`);
}

function absent(value: unknown, at: string, key: string, form: string): undefined {
  if (value === undefined || value === null) return undefined;
  throw unlike(`${at}/${key}`, form, value);
}

/** Digits of a wrong number that are told. */
const maxShownDigits = 40;

/** A wrong value in words. Text is not repeated: it may be a prompt, and refusals are logged. */
function shown(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return "this text";
  if (isRawNumber(value)) return value.rawJSON.slice(0, maxShownDigits);
  return typeof value === "object" ? "an object" : "nothing";
}
