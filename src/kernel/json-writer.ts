// Writes JSON of any size without holding up others: as JSON.stringify writes it, or in the canonical form of RFC 8785. What
// is small is written at once; the rest piece by piece, with turns for everyone else in between.
import { canonicalJson, escapedJson, NotCanonicalError } from "./canonical-json.ts";
import { isRawNumber } from "./json-number.ts";
import { RunningText } from "./running-text.ts";
import type { Sink } from "./running-text.ts";
import type { Steps, TimeSlice } from "./time-slice.ts";

/**
 * How a value is written; `escaped` is the canonical form with halves of characters as escapes, and `sorted` gives every value
 * a form that has none.
 */
export type JsonForm = "plain" | "canonical" | "escaped" | "sorted";

/** Values and characters up to which a value is small. */
const smallNodes = 2000;
const smallChars = 32 * 1024;
/** Longest text that is written in one go, characters. */
const partChars = 16 * 1024;

/** Whether writing a value takes a while. */
export function isLarge(value: unknown, chars = smallChars): boolean {
  return weigh(value, chars) < 0;
}

/** About how many characters a value takes, so that many of them together can be bounded. */
export function jsonWeight(value: unknown): number {
  return -weigh(value, 0, Number.NEGATIVE_INFINITY);
}

/** Characters that a value counts for on top of its text. */
const nodeChars = smallChars / smallNodes;

/** What is left of a room when a value has been put into it; once it is below `least`, the rest is not looked at. */
function weigh(value: unknown, room: number, least = 0): number {
  let left = room - nodeChars;
  if (typeof value === "string") return left - value.length;
  if (typeof value !== "object" || value === null) return left;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && left >= least; i++) left = weigh(value[i], left, least);
    return left;
  }
  for (const key in value) {
    left = weigh((value as Readonly<Record<string, unknown>>)[key], left - key.length, least);
    if (left < least) return left;
  }
  return left;
}

/** A list or record that is being written. */
interface Frame {
  readonly value: object;
  /** Undefined for a list. */
  readonly keys: readonly string[] | undefined;
  at: number;
  isFirst: boolean;
}

/**
 * Writes a value into a sink; as JSON.stringify does, properties that are undefined are left out.
 * @throws NotCanonicalError when the form is canonical or escaped and the value has none.
 */
export function* writeJson(value: unknown, form: JsonForm, sink: Sink, stretch: TimeSlice): Steps<void> {
  const out = new RunningText(sink);
  const frames: Frame[] = [];
  yield* begin(value, form, out, frames, stretch);
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const { value: list, keys } = frame;
    if (frame.at === (keys ?? (list as readonly unknown[])).length) {
      out.add(keys === undefined ? "]" : "}");
      frames.pop();
      continue;
    }
    if (keys === undefined && run(frame, form, out)) {
      if (stretch.isOver(smallChars)) yield;
      continue;
    }
    const key = keys?.[frame.at];
    const item = key === undefined ? (list as readonly unknown[])[frame.at] : (list as Record<string, unknown>)[key];
    frame.at++;
    if (key !== undefined && item === undefined) continue;
    if (!frame.isFirst) out.add(",");
    frame.isFirst = false;
    if (key !== undefined) out.add(`${written(key, form)}:`);
    yield* begin(item, form, out, frames, stretch);
  }
  out.flush();
}

/** Writes the next items of a list that are small together; false when the next one alone is not. */
function run(frame: Frame, form: JsonForm, out: RunningText): boolean {
  const list = frame.value as readonly unknown[];
  const from = frame.at;
  let to = from;
  for (let left = weigh(list[to], smallChars); left >= 0 && to < list.length; left = weigh(list[to], left)) to++;
  if (to === from) return false;
  const text = written(list.slice(from, to), form);
  out.add(`${frame.isFirst ? "" : ","}${text.slice(1, -1)}`);
  frame.at = to;
  frame.isFirst = false;
  return true;
}

/** Writes what is small or a text, or the beginning of a list or record that is then the last frame. */
function* begin(value: unknown, form: JsonForm, out: RunningText, frames: Frame[], stretch: TimeSlice): Steps<void> {
  const left = weigh(value, smallChars);
  if (left >= 0) {
    out.add(written(value, form));
    if (stretch.isOver(smallChars - left)) yield;
    return;
  }
  if (typeof value === "string") {
    yield* text(value, form, out, stretch);
    return;
  }
  if (stretch.isOver(smallChars)) yield;
  const keys = Array.isArray(value) ? undefined : Object.keys(value as object);
  if (keys !== undefined && form !== "plain") {
    keys.sort();
    if (stretch.isOver(keys.length * nodeChars)) yield;
  }
  out.add(keys === undefined ? "[" : "{");
  frames.push({ value: value as object, keys, at: 0, isFirst: true });
}

/** The text of a value in one go. @throws NotCanonicalError as `writeJson` does. */
export function written(value: unknown, form: JsonForm): string {
  if (value === undefined) return "null";
  if (form === "canonical") return canonicalJson(value);
  if (form === "escaped") return escapedJson(value);
  return form === "plain" ? JSON.stringify(value) : sorted(value);
}

function sorted(value: unknown): string {
  try {
    return canonicalJson(value);
  } catch (error) {
    if (!(error instanceof NotCanonicalError)) throw error;
    return JSON.stringify(value, inOrder);
  }
}

/** A record with its keys in order; an engine writes those that are numbers first, and so twice the same. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value) || isRawNumber(value)) return value;
  const rows = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(rows);
}

/** A long text, part by part. */
function* text(value: string, form: JsonForm, out: RunningText, stretch: TimeSlice): Steps<void> {
  out.add('"');
  for (let at = 0, end = 0; at < value.length; at = end) {
    end = at + partChars;
    // A character is not cut in two: half of one would be written as an escape.
    if (end < value.length && (value.codePointAt(end - 1) ?? 0) > 0xffff) end--;
    out.add(written(value.slice(at, end), form).slice(1, -1));
    if (stretch.isOver(partChars)) yield;
  }
  out.add('"');
}
