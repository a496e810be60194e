// The JSON of one event of a stream. An event is at most a mebibyte and is read in one go, so a long one is held to bounds in
// which that takes milliseconds; what models say in an event has a hundred values.
import { parseLossless } from "../../kernel/json-exact.ts";
import { plainBounds } from "../../kernel/json-bounds.ts";
import type { JsonBounds } from "../../kernel/json-bounds.ts";
import { readJson } from "../../kernel/json-reader.ts";
import { maxEventValues } from "../../kernel/limits.ts";
import { atOnce, TimeSlice } from "../../kernel/time-slice.ts";

/** Longest event that cannot hold too many values to be read in one go, characters. */
const shortChars = 32 * 1024;

const bounds: JsonBounds = {
  ...plainBounds,
  nodes: maxEventValues,
  containers: maxEventValues,
  keys: maxEventValues,
  keepsDigits: true,
};

/** The value that an event spells. @throws SyntaxError or JsonRefusal */
export function parseEvent(data: string): unknown {
  if (data.length <= shortChars) return parseLossless(data);
  return atOnce(readJson(Buffer.from(data), bounds, new TimeSlice()));
}
