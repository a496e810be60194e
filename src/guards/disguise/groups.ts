// Puts together what is cut into groups of one length with the same mark between them: `Z2hw XzE2 Qzdl`, `ghp_-16C7-e42F`.
// Prose seldom has words of one length in a row, so that little is put together that was not cut.
import { isRegular } from "./glance.ts";
import { asItIs, ViewBuilder } from "./view.ts";
import type { View } from "./view.ts";

/** What may stand between groups. */
const marks = [" ", "\n", "\r\n", ",", ", ", ".", "-", "/", "|", ":", ";", "!", "_", "~", "*", "#", "+", " + ", " -> ", "'\n'", '"\n"', "', '", '", "', '","', "' + '", '" + "', "'+'", '"+"']; // prettier-ignore
/** Fewest groups, apart from a last one that may be shorter. */
const fewestGroups = 3;
/** Fewest characters that groups come to. */
const fewestChars = 20;
/** How much of the text around rows is looked at with them, characters: a name before a token, and what it is assigned with. */
const around = 48;
/** What stands in place of the text between two rows; no rule reads over it. */
const parting = "\n\0\n";
/** Longest group. */
const longestGroup = 64;

const inGroup = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=.:~-") {
  inGroup[character.charCodeAt(0)] = 1;
}

/** A row of groups. */
interface Row {
  readonly start: number;
  /** Where the mark behind the last whole group begins. */
  readonly last: number;
  readonly end: number;
  readonly step: number;
}

/** The views in which groups are put together; none for most texts. */
export function* ungrouped(text: string, parent: View["origin"] = asItIs): Generator<View> {
  if (!isRegular(text)) return;
  for (const mark of marks) {
    if (!text.includes(mark)) continue;
    const rows = [...rowsOf(text, mark)];
    if (rows.length === 0) continue;
    // A shorter group behind the last may belong to them, or be a word that follows.
    for (const isLastIn of [true, false]) {
      // The second view would be the first again.
      if (!isLastIn && rows.every(({ last, end }) => end === last + mark.length)) break;
      const builder = new ViewBuilder(text);
      let from = 0;
      for (const { start, last, end, step } of rows) {
        if (start - around > from) builder.replace(from, start - around, from === 0 ? "" : parting);
        from = end + around;
        const until = isLastIn ? end : last;
        for (let at = start + step - mark.length; at < until; at += step) builder.replace(at, at + mark.length, "");
      }
      if (from < text.length) builder.replace(from, text.length, "");
      const view = builder.build(parent);
      if (view !== undefined) yield view;
    }
  }
}

/** Every row of groups with a mark between them. */
function* rowsOf(text: string, mark: string): Generator<Row> {
  let first = text.indexOf(mark);
  while (first >= 0) {
    const second = text.indexOf(mark, first + mark.length);
    if (second < 0) return;
    const step = second - first;
    let last = second;
    if (step > mark.length && step <= longestGroup + mark.length && isGroup(text, first + mark.length, second)) {
      while (
        text.startsWith(mark, last + step) &&
        text.indexOf(mark, last + mark.length) === last + step &&
        isGroup(text, last + mark.length, last + step)
      ) {
        last += step;
      }
    }
    const row = rowFrom(text, mark.length, first, last, step);
    if (row !== undefined) yield row;
    first = last;
  }
}

function rowFrom(text: string, width: number, first: number, last: number, step: number): Row | undefined {
  const length = step - width;
  const before = first - length;
  // The first mark stands behind the first group, or before it, where other text goes before.
  const isBehind = before >= 0 && isGroup(text, before, first) && (before === 0 || !isGroup(text, before - 1, before));
  const start = isBehind ? before : first + width;
  const groups = (last + width - start) / step;
  let end = last + width;
  while (end < text.length && end - last - width < length && inGroup[text.charCodeAt(end)] === 1) end++;
  const chars = groups * length + end - last - width;
  return groups < fewestGroups || chars < fewestChars ? undefined : { start, last, end, step };
}

function isGroup(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (inGroup[text.charCodeAt(at)] !== 1) return false;
  return to > from;
}
