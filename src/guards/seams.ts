// Finds tokens that are cut over texts which stand next to each other: parts of a message, items of a list, a key and its
// value. Where one text ends and the next begins in letters of a token, both ends are read as one.
import type { WordHits } from "./anchored-rules.ts";
import { disguisedNow } from "./disguise/disguised.ts";
import { Changes, fewestChanges, looksDrawn } from "./disguise/split.ts";
import type { DecodingRoom } from "./disguise/room.ts";
import type { View } from "./disguise/view.ts";
import { redactionMarker } from "./guard.ts";
import type { Match } from "./guard.ts";
import type { Steps, TimeSlice } from "./stretch.ts";
import { secretsInBytes } from "./secrets.ts";

/** Fewer letters hold no token. */
const shortestToken = 20;
/** Most letters of one text that are read with those of others: the longest token, in base64. */
const longestEnd = 1024;
/** Most letters that are read as one. */
const longestJoined = 4096;
/** Most letters of one list or record that are looked at for encodings too. */
const mostUndone = 8192;

/** What is to stand in place of texts, and what was found in them. */
export interface SeamEdits {
  readonly texts: ReadonlyMap<number, string>;
  readonly matches: readonly Match[];
}

/** A stretch of one of the texts. */
interface Piece {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

const inToken = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=.~:") {
  inToken[character.charCodeAt(0)] = 1;
}

function isLetter(code: number): boolean {
  return inToken[code] === 1;
}

/** Looks at the seams between texts; what is not a text parts those around it. Undefined when nothing is found. */
export function seamEdits(texts: readonly unknown[], room?: DecodingRoom): SeamEdits | undefined {
  if (!mayBeCut(texts)) return undefined;
  const seams = new Seams(texts, room);
  for (const [index, text] of texts.entries()) {
    if (typeof text === "string") seams.add(index, text);
    else seams.end();
  }
  seams.end();
  return seams.edits();
}

/** The same for texts that are many. */
export function* seamSteps(
  texts: readonly unknown[],
  room: DecodingRoom,
  stretch: TimeSlice,
): Steps<SeamEdits | undefined> {
  const ends = new Ends();
  let isCut = false;
  for (let i = 0; i < texts.length && !isCut; i++) {
    isCut = ends.add(texts[i]);
    if (stretch.isOver(endWork)) yield;
  }
  if (!isCut) return undefined;
  const seams = new Seams(texts, room);
  for (const [index, text] of texts.entries()) {
    if (typeof text === "string") seams.add(index, text);
    else seams.end();
    if (stretch.isOver(seamWork)) yield;
  }
  seams.end();
  return seams.edits();
}

/** What the ends of a text count for, in characters looked at, and what reading them as one with others does. */
const endWork = 32;
const seamWork = 512;

/** White space around a text that is looked past, characters; what is behind more of it meets nothing. */
const mostWhite = 4096;

/** Whether enough letters of tokens meet anywhere that look drawn, with a digit or a mark among them; quick, for they seldom do. */
function mayBeCut(texts: readonly unknown[]): boolean {
  const ends = new Ends();
  for (const text of texts) if (ends.add(text)) return true;
  return false;
}

/** The same for the keys and values of a record, and for its values alone. */
export function mayBeCutIn(record: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  all.reset();
  values.reset();
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    const value = record[key];
    if (typeof value !== "string") {
      all.reset();
      values.reset();
    } else if (all.add(key) || all.add(value) || values.add(value)) return true;
  }
  return false;
}

/** Counts the letters of tokens that meet where texts end and begin. */
class Ends {
  #length = 0;
  #pieces = 0;
  #isTelling = false;
  readonly #changes = new Changes();

  /** Nothing that follows meets what came before. */
  reset(): void {
    this.#length = 0;
    this.#pieces = 0;
    this.#isTelling = false;
    this.#changes.reset();
  }

  /** Takes the next text; true when what it ends may hold a token that is cut. */
  add(text: unknown): boolean {
    if (typeof text !== "string") {
      this.reset();
      return false;
    }
    let from = 0;
    let to = text.length;
    while (from < to && from < mostWhite && text.charCodeAt(from) < 33) from++;
    while (to > from && text.length - to < mostWhite && text.charCodeAt(to - 1) < 33) to--;
    let head = from;
    while (head < to && head - from < longestEnd && isLetter(text.charCodeAt(head))) head++;
    this.#take(text, from, head);
    if (this.#mayHoldToken()) return true;
    if (head === to) return false;
    this.reset();
    let tail = to;
    while (tail > from && to - tail < longestEnd && isLetter(text.charCodeAt(tail - 1))) tail--;
    this.#take(text, tail, to);
    return false;
  }

  #take(text: string, from: number, to: number): void {
    if (from === to) return;
    this.#pieces++;
    this.#length += to - from;
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at);
      this.#isTelling ||= isSign(code);
      this.#changes.see(code);
    }
  }

  #mayHoldToken(): boolean {
    return this.#isTelling && this.#pieces > 1 && this.#length >= shortestToken && this.#changes.count >= fewestChanges;
  }
}

const all = new Ends();
const values = new Ends();

/** Whether a character is such as tokens hold and words do not. */
function isSign(code: number): boolean {
  return code < 58 || code === 95;
}

class Seams {
  readonly #texts: readonly unknown[];
  #joined = "";
  readonly #decoding: DecodingRoom | undefined;
  #room = mostUndone;
  #pieces: Piece[] = [];
  #cuts: Map<number, (Match & Piece)[]> | undefined;
  readonly #matches: Match[] = [];

  constructor(texts: readonly unknown[], room: DecodingRoom | undefined) {
    this.#texts = texts;
    this.#decoding = room;
  }

  add(index: number, text: string): void {
    let from = 0;
    let to = text.length;
    while (from < to && isBlank(text.charCodeAt(from))) from++;
    while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
    let head = from;
    while (head < to && head - from < longestEnd && isLetter(text.charCodeAt(head))) head++;
    this.#push(text, { index, start: from, end: head });
    if (head === to) return;
    this.end();
    let tail = to;
    while (tail > head && to - tail < longestEnd && isLetter(text.charCodeAt(tail - 1))) tail--;
    this.#push(text, { index, start: tail, end: to });
  }

  /** Nothing that follows is read with what came before. */
  end(): void {
    if (this.#pieces.length > 1 && this.#joined.length >= shortestToken) this.#look();
    this.#joined = "";
    this.#pieces = [];
  }

  edits(): SeamEdits | undefined {
    if (this.#cuts === undefined) return undefined;
    const texts = new Map<number, string>();
    for (const [index, cuts] of this.#cuts) {
      let text = this.#texts[index] as string;
      for (const { start, end, rule } of cuts.toSorted((left, right) => right.start - left.start)) {
        text = text.slice(0, start) + redactionMarker(rule) + text.slice(end);
      }
      texts.set(index, text);
    }
    return { texts, matches: this.#matches };
  }

  #push(text: string, piece: Piece): void {
    if (piece.end === piece.start) return;
    if (this.#joined.length > longestJoined) this.end();
    this.#joined += text.slice(piece.start, piece.end);
    this.#pieces.push(piece);
  }

  #look(): void {
    const joined = this.#joined;
    // Encodings are undone only so far: all of a list or record is looked at in one go.
    const disguised = this.#room > 0 ? disguisedNow(joined, inView, this.#decoding) : [];
    if (this.#decoding?.isCut === true) this.#decoding.isOver = true;
    this.#room -= joined.length;
    const found = [...secretsInBytes(joined), ...disguised];
    let taken = -1;
    for (const match of found.toSorted((left, right) => left.start - right.start)) {
      if (match.start < taken || !looksDrawn(joined.slice(match.start, match.end))) continue;
      const pieces = this.#piecesOf(match);
      if (pieces.length < 2 || this.#holdsAlone(pieces)) continue;
      taken = match.end;
      this.#matches.push({ ...match, detail: `${match.detail}, cut over several texts` });
      for (const piece of pieces) {
        this.#cuts ??= new Map();
        const cuts = this.#cuts.get(piece.index);
        if (cuts === undefined) this.#cuts.set(piece.index, [{ ...match, ...piece }]);
        else cuts.push({ ...match, ...piece });
      }
    }
  }

  /** Whether one of the texts holds a token by itself, which is found where that text is looked at. */
  #holdsAlone(pieces: readonly Piece[]): boolean {
    return pieces.some(({ index }) => {
      const own = this.#pieces.find((piece) => piece.index === index) as Piece;
      const text = (this.#texts[index] as string).slice(own.start, own.end);
      return secretsInBytes(text).length > 0 || disguisedNow(text, inView, this.#decoding).length > 0;
    });
  }

  /** What a match takes of each text. */
  #piecesOf({ start, end }: Match): readonly Piece[] {
    const pieces: Piece[] = [];
    let at = 0;
    for (const piece of this.#pieces) {
      const from = Math.max(start, at);
      const to = Math.min(end, at + piece.end - piece.start);
      if (from < to) pieces.push({ index: piece.index, start: piece.start + from - at, end: piece.start + to - at });
      at += piece.end - piece.start;
    }
    return pieces;
  }
}

function inView({ text }: View, hits: WordHits): readonly Match[] {
  return secretsInBytes(text, hits);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}
