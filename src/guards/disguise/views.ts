// Every view of a text behind its disguises. A text is looked at in windows that overlap, so that the work per step is bounded
// and the way back stays short. What is nested is undone three layers deep, as far as there is room.
import type { Steps, TimeSlice } from "../stretch.ts";
import { textsIn } from "./decoded-text.ts";
import { unescaped, unquoted } from "./escapes.ts";
import { folded } from "./folding.ts";
import { isSuspicious, mayBeDisguised } from "./glance.ts";
import { ungrouped } from "./groups.ts";
import { roomFor } from "./room.ts";
import type { DecodingRoom } from "./room.ts";
import { encodedRuns } from "./runs.ts";
import type { EncodedRun } from "./runs.ts";
import { unspelt } from "./spelt.ts";
import { asItIs } from "./view.ts";
import type { Span, View } from "./view.ts";

/** Characters that are looked at in one go. */
export const windowChars = 16_384;
/** How far windows overlap: what is longer than this in disguise may be cut in two. */
export const overlapChars = 2048;
/** How often encodings may stand in each other. */
const mostLayers = 3;

/** The views of a text, window by window. */
export function* viewsOf(
  text: string,
  stretch: TimeSlice,
  room: DecodingRoom,
  take: (view: View) => void,
): Steps<void> {
  for (let from = 0; ; from += windowChars - overlapChars) {
    const isWhole = from === 0 && text.length <= windowChars;
    const window = isWhole ? text : text.slice(from, from + windowChars);
    if (mayBeDisguised(window)) {
      const origin: View["origin"] = isWhole ? asItIs : (start, end) => ({ start: from + start, end: from + end });
      for (const view of viewsWithin(window, origin, false, new Decoding(room), 0)) {
        take(view);
        if (stretch.isOver(decodingWork * view.text.length)) yield;
      }
      // What came to nothing was worked on as well.
      if (stretch.isOver(window.length)) yield;
    }
    if (stretch.isOver(window.length)) yield;
    if (from + windowChars >= text.length) return;
  }
}

/** What a character of a view counts for, in characters looked at: it was decoded, and is looked at by several guards. */
const decodingWork = 2;

/** The text whose views were asked for last, by one guard after the other. */
const last: { text: string; views: readonly View[] } = { text: "", views: [] };

/** The views of a text that fits in a window. */
export function viewsAtOnce(text: string, room = roomFor(text)): readonly View[] {
  if (!mayBeDisguised(text)) return noViews;
  if (last.text === text) return last.views;
  room.isAtOnce = true;
  const views = [...viewsWithin(text, asItIs, false, new Decoding(room), 0)];
  room.isAtOnce = false;
  // Views that there was no room for may be made another time.
  if (!room.isIncomplete) {
    last.text = text;
    last.views = views;
  }
  return views;
}

const noViews: readonly View[] = [];

/** Decoding one window. */
class Decoding {
  readonly room: DecodingRoom;
  readonly #done = new Set<string>();

  constructor(room: DecodingRoom) {
    this.room = room;
  }

  /** Whether a run comes for the first time: the same one may stand in several views of a text. */
  isFirst(as: EncodedRun["as"], run: string, at: Span): boolean {
    const key = `${as} ${at.start} ${run}`;
    if (this.#done.has(key)) return false;
    this.#done.add(key);
    return true;
  }
}

function* viewsWithin(
  text: string,
  origin: View["origin"],
  isBinary: boolean,
  decoding: Decoding,
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
    if (layer < mostLayers) yield* decodedWithin(group.text, group.origin, decoding, layer);
  }
  if (layer === mostLayers) return;
  yield* decodedWithin(plain?.text ?? text, plain?.origin ?? origin, decoding, layer);
  // Encodings that quoted-printable has broken into lines.
  if (quoted !== undefined) yield* decodedWithin(quoted.text, quoted.origin, decoding, layer);
}

function* decodedWithin(text: string, origin: View["origin"], decoding: Decoding, layer: number): Generator<View> {
  if (decoding.room.isOver || !isSuspicious(text)) return;
  for (const { as, start, end, decoded } of encodedRuns(text)) {
    if (decoded.length === 0) continue;
    const span = origin(start, end);
    if (!decoding.isFirst(as, text.slice(start, end), span)) continue;
    const back = (): Span => span;
    for (const each of decoded) {
      // A token that was turned round holds no encoding of its own.
      if (typeof each === "string") {
        yield { text: each, isBinary: true, isDecoded: true, origin: back };
        continue;
      }
      for (const { text: inner, isBinary } of textsIn(each, decoding.room)) {
        if (!decoding.room.take(inner.length)) return;
        for (let from = 0; from === 0 || from + overlapChars < inner.length; from += windowChars - overlapChars) {
          const window = inner.length <= windowChars ? inner : inner.slice(from, from + windowChars);
          yield { text: window, isBinary, isDecoded: true, origin: back };
          yield* viewsWithin(window, back, isBinary, decoding, layer + 1);
        }
      }
    }
  }
}
