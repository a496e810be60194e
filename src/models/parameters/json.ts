// What the readers of parameters know of JSON.
import { isRawNumber } from "../../kernel/json-number.ts";

/** A JSON object of unknown content. */
export type Json = Readonly<Record<string, unknown>>;

/** Whether a JSON value is an object, not a list. */
export function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/** Whether a value names something: a text, or a list that holds one. */
export function isName(value: unknown): boolean {
  return typeof value === "string" || (Array.isArray(value) && value.some((item) => typeof item === "string"));
}

/** What a JSON pointer names. */
export function valueAt(raw: Json, pointer: string): unknown {
  let here: unknown = raw;
  for (const step of pointer.split("/").slice(1)) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Json)[step.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return here;
}
