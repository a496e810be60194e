// The JSON of one event of a stream. An event is read in one go, so a long one is held to bounds in which that takes
// milliseconds: the engine reads one of few values quickly, however long they are, as a picture is. What models say in an
// event has a hundred values.
import { parseExactly, parseLossless } from "../../kernel/json-exact.ts";
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
  // A picture of many mebibytes has no digits to lose.
  if (hasFewValues(data)) return parseExactly(data);
  return atOnce(readJson(Buffer.from(data), bounds, new TimeSlice()));
}

/** Whether a text cannot hold more values than an event may; they are told by what stands between them. */
function hasFewValues(data: string): boolean {
  let left = maxEventValues;
  for (const mark of [",", "[", "{"]) {
    for (let at = data.indexOf(mark); at !== -1; at = data.indexOf(mark, at + 1)) if (--left < 0) return false;
  }
  return true;
}
