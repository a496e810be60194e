// Halves of characters in the texts of a JSON value: a client that cuts a text by UTF-16 units leaves one behind. No text that
// leaves the process as UTF-8 can hold it, so U+FFFD stands in its place.
import { isRawNumber } from "./json-number.ts";
import type { Steps, TimeSlice } from "./time-slice.ts";

/** Characters of a text that are mended in one go. */
const partChars = 256 * 1024;
/** What a value counts for on top of its text. */
const valueWork = 16;

/** A key holds half a character; mended, two keys could become one. */
export class HalfKeyError extends Error {
  override readonly name = "HalfKeyError";
}

/** The value with U+FFFD for every half of a character; what holds none is not copied. @throws HalfKeyError */
export function* withWholeCharacters<Value>(value: Value, stretch: TimeSlice): Steps<Value> {
  return (yield* mended(value, stretch)) as Value;
}

function* mended(value: unknown, stretch: TimeSlice): Steps<unknown> {
  if (typeof value === "string") return yield* mendedText(value, stretch);
  if (stretch.isOver(valueWork)) yield;
  if (typeof value !== "object" || value === null || isRawNumber(value)) return value;
  let isCopy = false;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value as readonly unknown[]) {
      const next = typeof item === "number" ? item : yield* mended(item, stretch);
      isCopy ||= next !== item;
      items.push(next);
    }
    return isCopy ? items : value;
  }
  const rows: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    if (!key.isWellFormed()) throw new HalfKeyError("a key holds half a character");
    const next = yield* mended(item, stretch);
    isCopy ||= next !== item;
    rows.push([key, next]);
  }
  return isCopy ? Object.fromEntries(rows) : value;
}

function* mendedText(text: string, stretch: TimeSlice): Steps<string> {
  if (text.length <= partChars) {
    if (stretch.isOver(text.length + valueWork)) yield;
    return text.toWellFormed();
  }
  const parts: string[] = [];
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = at + partChars;
    // A whole character is not cut in two.
    if (end < text.length && (text.codePointAt(end - 1) ?? 0) > 0xffff) end--;
    parts.push(text.slice(at, end).toWellFormed());
    if (stretch.isOver(partChars)) yield;
  }
  return parts.join("");
}
