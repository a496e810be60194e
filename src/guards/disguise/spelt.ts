// Puts words together that are spelt out letter by letter: `i g n o r e`, `g-h-p-_`, `4 1 1 1`.
import { asItIs, ViewBuilder } from "./view.ts";
import type { View } from "./view.ts";

/** Single characters with one and the same mark between them; more of the mark, or none, ends a word. */
const spelt =
  /(?<![A-Za-z0-9])[A-Za-z0-9_@.:/=+-](?:(?<by>[ .,|*~/\\_-])[A-Za-z0-9_@.:/=+-](?:\k<by>[A-Za-z0-9_@.:/=+-]){5,1000})(?![A-Za-z0-9])/g;

/** The text with what is spelt out put together; undefined when nothing is. */
export function unspelt(text: string, parent: View["origin"] = asItIs): View | undefined {
  const builder = new ViewBuilder(text);
  spelt.lastIndex = 0;
  for (let found = spelt.exec(text); found !== null; found = spelt.exec(text)) {
    for (let at = found.index + 1; at < spelt.lastIndex; at += 2) builder.replace(at, at + 1, "");
  }
  return builder.build(parent);
}
