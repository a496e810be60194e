// Every view of a text behind its disguises. A text is looked at in windows that overlap, so that the work per step is bounded
// and the way back stays short. What is nested is undone three layers deep.
import type { Steps, Stretch } from "../stretch.ts";
import { said } from "./decoded-text.ts";
import { unescaped, unquoted } from "./escapes.ts";
import { folded } from "./folding.ts";
import { isSuspicious, mayBeDisguised } from "./glance.ts";
import { ungrouped } from "./groups.ts";
import { encodedRuns } from "./runs.ts";
import { unspelt } from "./spelt.ts";
import { asItIs } from "./view.ts";
import type { Span, View } from "./view.ts";

/** Characters that are looked at in one go. */
export const windowChars = 8192;
/** How far windows overlap: what is longer than this in disguise may be cut in two. */
export const overlapChars = 2048;
/** How often encodings may stand in each other. */
const mostLayers = 3;
/** How many characters all views of a window may have, as a multiple of its own. */
const mostGrowth = 24;
/** Added to that, for what compressed bytes may grow to. */
const freeChars = 1_048_576;

/** What a character of a view counts for beyond being looked at: it was decoded. */
const decodingWork = 2;

/** What is left to decode. */
interface Room {
  chars: number;
}

/** The views of a text, window by window. */
export function* viewsOf(text: string, stretch: Stretch, take: (view: View) => void): Steps<void> {
  for (let from = 0; ; from += windowChars - overlapChars) {
    const isWhole = from === 0 && text.length <= windowChars;
    const window = isWhole ? text : text.slice(from, from + windowChars);
    if (mayBeDisguised(window)) {
      const origin: View["origin"] = isWhole ? asItIs : (start, end) => ({ start: from + start, end: from + end });
      for (const view of viewsWithin(window, origin, false, roomFor(window), 0)) {
        take(view);
        if (stretch.isOver(decodingWork * view.text.length)) yield;
      }
    }
    if (stretch.isOver(window.length)) yield;
    if (from + windowChars >= text.length) return;
  }
}

/** The text whose views were asked for last, by one guard after the other. */
const last: { text: string; views: readonly View[] } = { text: "", views: [] };

/** The views of a text that fits in a window. */
export function viewsAtOnce(text: string): readonly View[] {
  if (!mayBeDisguised(text)) return noViews;
  if (last.text !== text) {
    last.text = text;
    last.views = [...viewsWithin(text, asItIs, false, roomFor(text), 0)];
  }
  return last.views;
}

const noViews: readonly View[] = [];

function roomFor(text: string): Room {
  return { chars: mostGrowth * text.length + freeChars };
}

function* viewsWithin(
  text: string,
  origin: View["origin"],
  isBinary: boolean,
  room: Room,
  layer: number,
): Generator<View> {
  const bare = unescaped(text, origin);
  const plain = folded(bare?.text ?? text, bare?.origin ?? origin) ?? bare;
  const isDecoded = layer > 0;
  if (plain !== undefined) yield { ...plain, isBinary, isDecoded };
  const quoted = unquoted(text, origin);
  if (quoted !== undefined) yield { ...(folded(quoted.text, quoted.origin) ?? quoted), isBinary, isDecoded };
  const whole = unspelt(plain?.text ?? text, plain?.origin ?? origin);
  if (whole !== undefined) yield { ...whole, isBinary, isDecoded };
  for (const group of ungrouped(plain?.text ?? text, plain?.origin ?? origin)) {
    yield { ...group, isBinary, isDecoded };
    if (layer < mostLayers) yield* decodedWithin(group.text, group.origin, room, layer);
  }
  if (layer === mostLayers) return;
  yield* decodedWithin(plain?.text ?? text, plain?.origin ?? origin, room, layer);
  // Encodings that quoted-printable has broken into lines.
  if (quoted !== undefined) yield* decodedWithin(quoted.text, quoted.origin, room, layer);
}

function* decodedWithin(text: string, origin: View["origin"], room: Room, layer: number): Generator<View> {
  if (!isSuspicious(text)) return;
  for (const { start, end, decoded } of encodedRuns(text)) {
    const span = origin(start, end);
    for (const each of decoded) {
      const texts = typeof each === "string" ? [{ text: each, isBinary: true }] : said(each);
      for (const { text: inner, isBinary } of texts) {
        // What stands directly in the text is decoded however much there is.
        room.chars -= inner.length;
        if (layer > 0 && room.chars < 0) return;
        const back = (): Span => span;
        yield { text: inner, isBinary, isDecoded: true, origin: back };
        // A token that was turned round holds no encoding of its own.
        if (typeof each !== "string") yield* viewsWithin(inner, back, isBinary, room, layer + 1);
      }
    }
  }
}
