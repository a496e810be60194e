// Reads JSON of any size without holding up others: the bytes are scanned once, and what the scanner has seen of lists and
// records is parsed by the engine in batches. Promises:
//
// 1. The value is the one that JSON.parse gives, and what JSON.parse refuses is refused. `__proto__` is a key like any other.
//    Where digits are to be kept, a number that a double cannot hold stays as it was written.
// 2. A document beyond its bounds is refused where it crosses them; what follows is not looked at.
// 3. Where keys must be unique, a record that has one twice, in whatever spelling, is refused with its place: two readers could
//    take it for different things.
// 4. No step takes longer than the scan and the parse of some ten thousand bytes, whatever the bytes are.
//
// A record or list is built here only when it is longer than a batch; whatever is shorter lies inside the text of a batch.
import { JsonRefusal } from "./json-bounds.ts";
import { addKey, exactValue } from "./json-exact.ts";
import { digitsOfDouble, exactNumber, keepsDigits } from "./json-number.ts";
import type { JsonBounds } from "./json-bounds.ts";
import { maxJsonKeyBytes, maxJsonNumberBytes } from "./limits.ts";
import type { Steps, TimeSlice } from "./time-slice.ts";

/** Bytes that are parsed in one go. */
const batchBytes = maxJsonKeyBytes;

/** White space from which on a run of it is left out of what is parsed, but for its first byte. */
const longSpace = 1024;

/** A list or record that is open. */
interface Frame {
  readonly isRecord: boolean;
  /** Where what has not been parsed yet begins: behind the bracket, a comma, or a value that was built. */
  start: number;
  /** Undefined as long as nothing of it had to be built. */
  value: Record<string, unknown> | unknown[] | undefined;
  /** The key of the value that is being built. */
  key: string;
  /** Values so far, less one. */
  commas: number;
  /** A value was built, and nothing but a comma or the end may follow. */
  isFull: boolean;
  /** The next text is a key, and keys must be unique. */
  awaitsKey: boolean;
  /** The keys so far where they must be unique, and the last of them. */
  keys: string[] | Set<string>;
  lastKey: string;
}

/** Keys of a record up to which a list is searched quicker than a set. */
const fewKeys = 8;
const noKeys: string[] = [];

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const openRecord = 0x7b;
const closeRecord = 0x7d;
const letterE = 0x65;
const letterU = 0x75;

/** The value of a document's bytes, which must be valid UTF-8. @throws JsonRefusal */
export function* readJson(bytes: Buffer, bounds: JsonBounds, stretch: TimeSlice, batch = batchBytes): Steps<unknown> {
  return yield* new JsonReader(bytes, bounds, stretch, batch).read();
}

class JsonReader {
  readonly #bytes: Buffer;
  readonly #bounds: JsonBounds;
  readonly #stretch: TimeSlice;
  readonly #batchBytes: number;
  /** The outermost "list" holds the document's one value. */
  readonly #frames: Frame[] = [];
  #top: Frame = frameFrom(0, false, false);
  #at = 0;
  /** The first backslash and the first quote from some place on that was looked from. */
  #backslash = -1;
  #quote = -1;
  /** A key was written with an escape: see json-exact.ts. */
  #hasEscapedKey = false;
  /** Long runs of white space that lie in what has not been parsed yet. */
  #gaps: { readonly from: number; to: number }[] = [];
  /** A number came that a double cannot hold. */
  #hasRawNumber = false;
  #nodes = 1;
  #containers = 0;

  constructor(bytes: Buffer, bounds: JsonBounds, stretch: TimeSlice, batch: number) {
    this.#bytes = bytes;
    this.#bounds = bounds;
    this.#stretch = stretch;
    this.#batchBytes = batch;
  }

  *read(): Steps<unknown> {
    const bytes = this.#bytes;
    const end = bytes.length;
    let looked = 0;
    while (this.#at < end) {
      const byte = bytes[this.#at] as number;
      if (byte === quote) {
        const start = this.#at;
        const isLong = this.#skipText();
        if (isLong) yield* this.#longText();
        else if (this.#top.awaitsKey) this.#seeKey(start);
      } else if (byte === comma) this.#comma();
      else if (byte === openList || byte === openRecord) this.#open(byte === openRecord);
      else if (byte === closeList || byte === closeRecord) this.#close(byte === closeRecord);
      else if ((byte >= 0x30 && byte <= 0x39) || byte === 0x2d) this.#skipNumber();
      else this.#skipRest();
      if (this.#at - looked < 1024) continue;
      if (this.#stretch.isOver(this.#at - looked)) yield;
      looked = this.#at;
    }
    return this.#document();
  }

  #document(): unknown {
    if (this.#frames.length > 0) this.#malformed(this.#bytes.length);
    const { isFull, start, value } = this.#top;
    if (!isFull) return this.#parsed(this.#text(start, this.#bytes.length), start);
    this.#blank(start, this.#bytes.length);
    return (value as unknown[])[0];
  }

  #comma(): void {
    const frame = this.#top;
    if (this.#frames.length === 0) this.#malformed(this.#at);
    const { nodes, keys, outerKeys } = this.#bounds;
    frame.commas++;
    if (++this.#nodes > nodes) throw new JsonRefusal("nodes", this.#at, nodes);
    if (frame.isRecord) {
      frame.awaitsKey = this.#bounds.uniqueKeys === true;
      const isOuter = this.#frames.length === 1;
      if (isOuter && frame.commas >= outerKeys) throw new JsonRefusal("outerKeys", this.#at, outerKeys);
      if (frame.commas >= keys) throw new JsonRefusal("keys", this.#at, keys);
    }
    if (frame.isFull || this.#at - frame.start >= this.#batchBytes) {
      this.#build();
      this.#flush(frame, this.#at);
      frame.start = this.#at + 1;
    }
    this.#at++;
  }

  #open(isRecord: boolean): void {
    const { depth, nodes, containers } = this.#bounds;
    if (this.#frames.length >= depth) throw new JsonRefusal("depth", this.#at, depth);
    if (++this.#containers > containers) throw new JsonRefusal("containers", this.#at, containers);
    if (++this.#nodes > nodes) throw new JsonRefusal("nodes", this.#at, nodes);
    this.#frames.push(this.#top);
    this.#at++;
    this.#top = frameFrom(this.#at, isRecord, isRecord && this.#bounds.uniqueKeys === true);
  }

  /** Notes the key that begins at a quote and ends here. */
  #seeKey(start: number): void {
    const frame = this.#top;
    const text = this.#bytes.toString("utf8", start + 1, this.#at - 1);
    const isEscaped = text.includes("\\");
    const key = isEscaped ? (this.#parsed(`"${text}"`, start) as string) : text;
    this.#hasEscapedKey ||= isEscaped;
    const { keys } = frame;
    frame.awaitsKey = false;
    frame.lastKey = key;
    if (keys instanceof Set) {
      if (keys.has(key)) this.#duplicate(start);
      keys.add(key);
    } else if (keys === noKeys) frame.keys = [key];
    else {
      if (keys.includes(key)) this.#duplicate(start);
      if (keys.length < fewKeys) keys.push(key);
      else frame.keys = new Set([...keys, key]);
    }
  }

  /** Refuses the key that was seen last. The outermost frame is not a part of its path. */
  #duplicate(position: number): never {
    const frames = [...this.#frames.slice(1), this.#top];
    const path = frames.map(({ isRecord, lastKey, commas }) => (isRecord ? lastKey : commas));
    throw new JsonRefusal("duplicateKey", position, 0, path);
  }

  #close(isRecord: boolean): void {
    const frame = this.#top;
    const outer = this.#frames.pop();
    if (outer === undefined || frame.isRecord !== isRecord) this.#malformed(this.#at);
    else {
      if (frame.value === undefined && this.#at - frame.start >= this.#batchBytes) {
        this.#frames.push(outer);
        this.#build();
        this.#frames.pop();
      }
      if (frame.value !== undefined) {
        this.#finish(frame);
        put(outer, frame.value);
        outer.start = this.#at + 1;
      }
      this.#top = outer;
      this.#at++;
    }
  }

  /** Begins to build the open lists and records that are only text so far, from the outermost on. */
  #build(): void {
    const all = [...this.#frames, this.#top];
    for (const [i, frame] of all.entries()) {
      const inner = all[i + 1];
      if (frame.value !== undefined && (inner === undefined || inner.value !== undefined)) continue;
      frame.value ??= frame.isRecord ? {} : [];
      if (inner !== undefined) this.#begin(frame, inner.start - 1);
    }
  }

  /** Parses what stands before a value that is to be built, with its key. */
  #begin(frame: Frame, end: number): void {
    if (frame.isFull) this.#malformed(end);
    let text = this.#text(frame.start, end);
    if (!frame.isRecord) {
      const last = text.lastIndexOf(",");
      if (last !== -1) this.#addList(frame, text.slice(0, last), frame.start);
      if (/[^ \t\n\r]/.test(text.slice(last + 1))) this.#malformed(end);
      return;
    }
    // The value itself stands in as null: then the text is whole, and its last key is the one that was meant.
    text = `{${text}null}`;
    const part = this.#parsed(text, frame.start) as Record<string, unknown>;
    const key = lastKeyOf(text);
    addRecord(frame.value as Record<string, unknown>, part);
    frame.key = key;
  }

  /** Parses what stands between the last value that was built and a comma or the end. */
  #flush(frame: Frame, end: number): void {
    if (frame.isFull) {
      this.#blank(frame.start, end);
      frame.isFull = false;
      return;
    }
    const text = this.#text(frame.start, end);
    if (frame.isRecord) {
      const part = this.#parsed(`{${text}}`, frame.start) as Record<string, unknown>;
      if (!text.includes(":")) this.#malformed(end);
      addRecord(frame.value as Record<string, unknown>, part);
    } else this.#addList(frame, text, frame.start);
  }

  /** Parses the last values of a list or record that is built. */
  #finish(frame: Frame): void {
    const isEmpty = frame.commas === 0 && !frame.isFull && this.#isBlank(frame.start, this.#at);
    if (!isEmpty) this.#flush(frame, this.#at);
  }

  #addList(frame: Frame, text: string, start: number): void {
    const part = this.#parsed(`[${text}]`, start) as unknown[];
    if (part.length === 0) this.#malformed(start);
    const list = frame.value as unknown[];
    for (const item of part) list.push(item);
  }

  #parsed(text: string, start: number): unknown {
    try {
      const value: unknown = JSON.parse(text);
      if (this.#hasRawNumber) return exactValue(text, exactNumber);
      return this.#hasEscapedKey ? exactValue(text) : value;
    } catch (error) {
      const [, within = "0"] = /position (\d+)/.exec(error instanceof Error ? error.message : "") ?? [];
      return this.#malformed(start + Number(within));
    }
  }

  #blank(start: number, end: number): void {
    if (!this.#isBlank(start, end)) this.#malformed(start);
  }

  #isBlank(start: number, end: number): boolean {
    const text = this.#text(start, end);
    for (let i = 0; i < text.length; i++) if (!isSpace(text.charCodeAt(i))) return false;
    return true;
  }

  /** The text from one place to another without the long runs of white space in it, which are asked for once, in order. */
  #text(start: number, end: number): string {
    let text = "";
    let from = start;
    let passed = 0;
    for (const gap of this.#gaps) {
      if (gap.from >= end) break;
      passed++;
      if (gap.to <= from) continue;
      text += this.#bytes.toString("utf8", from, Math.max(from, gap.from));
      from = Math.min(gap.to, end);
    }
    this.#gaps.splice(0, passed);
    return text + this.#bytes.toString("utf8", from, end);
  }

  /** Goes behind a text; true when it is too long for a batch, and then stands at its beginning. */
  #skipText(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    const most = start + this.#batchBytes;
    let at = start + 1;
    for (; at < most; at++) {
      const byte = bytes[at];
      if (byte === quote) {
        this.#at = at + 1;
        return false;
      }
      if (byte === backslash) at++;
      else if (byte === undefined) this.#malformed(bytes.length);
    }
    return true;
  }

  /** Goes behind white space, colons and words, for a while. */
  #skipRest(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    const most = Math.min(start + this.#batchBytes, bytes.length);
    let at = start;
    while (at < most && isSpace(bytes[at] as number)) at++;
    if (at - start < longSpace) {
      at = Math.max(at, start + 1);
      while (at < most && isRest(bytes[at] as number)) at++;
    } else {
      const last = this.#gaps.at(-1);
      if (last?.to === start) last.to = at;
      else this.#gaps.push({ from: start + 1, to: at });
    }
    this.#at = at;
  }

  #skipNumber(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start + 1;
    let hasExponent = false;
    for (let byte = bytes[at]; byte !== undefined && isOfNumber(byte); byte = bytes[at]) {
      if (++at - start > maxJsonNumberBytes) throw new JsonRefusal("numberBytes", start);
      if ((byte | 0x20) === letterE) hasExponent = true;
    }
    const { keepsDigits: areKept = false, refusesLostDigits: isStrict = false } = this.#bounds;
    if (areKept ? !this.#hasRawNumber : isStrict && (hasExponent || at - start > digitsOfDouble)) {
      const text = bytes.toString("latin1", start, at);
      const value = Number(text);
      const isLost = !keepsDigits(text, value);
      if (areKept) this.#hasRawNumber = isLost;
      else if (isLost && /[.eE]/.test(text) && !Number.isNaN(value)) throw new JsonRefusal("lostDigits", start);
    }
    this.#at = at;
  }

  /** Builds a long text from parts. */
  *#longText(): Steps<void> {
    const bytes = this.#bytes;
    const begin = this.#at;
    const parts: string[] = [];
    let at = begin + 1;
    while (bytes[at] !== quote) {
      const start = at;
      if (this.#backslash < at) this.#backslash = placeOf(bytes, backslash, at);
      const isPlain = this.#backslash >= at + this.#batchBytes;
      at = isPlain ? this.#endOfPlain(at) : this.#endOfEscaped(at);
      if (at >= bytes.length) this.#malformed(bytes.length);
      parts.push(this.#parsed(`"${bytes.toString("utf8", start, at)}"`, start) as string);
      if (this.#stretch.isOver(at - start)) yield;
    }
    let next = at + 1;
    for (const end = next; isSpace(bytes[next] ?? 0); next++) {
      if ((next - end) % 1024 === 1023 && this.#stretch.isOver(1024)) yield;
    }
    if (bytes[next] === colon) throw new JsonRefusal("keyBytes", begin);
    this.#putText(begin, at + 1, parts.join(""));
  }

  /** Where a part of a text without escapes ends. */
  #endOfPlain(start: number): number {
    if (this.#quote < start) this.#quote = placeOf(this.#bytes, quote, start);
    const most = start + this.#batchBytes;
    return this.#quote <= most ? this.#quote : this.#characterAt(most);
  }

  /** Where any part of a text ends; no escape is cut in two. */
  #endOfEscaped(start: number): number {
    const bytes = this.#bytes;
    const most = start + this.#batchBytes;
    let at = start;
    while (at < most && at < bytes.length && bytes[at] !== quote) {
      if (bytes[at] !== backslash) at++;
      else at += bytes[at + 1] === letterU ? 6 : 2;
    }
    return bytes[at] === quote ? at : this.#characterAt(at);
  }

  /** The same place, or behind the character in which it lies. */
  #characterAt(place: number): number {
    let at = place;
    while (((this.#bytes[at] ?? 0) & 0xc0) === 0x80) at++;
    return at;
  }

  #putText(begin: number, end: number, text: string): void {
    this.#build();
    const frame = this.#top;
    this.#begin(frame, begin);
    put(frame, text);
    frame.start = end;
    this.#at = end;
  }

  #malformed(position: number): never {
    throw new JsonRefusal("malformed", position);
  }
}

function frameFrom(start: number, isRecord: boolean, awaitsKey: boolean): Frame {
  return { isRecord, start, value: undefined, key: "", commas: 0, isFull: false, awaitsKey, keys: noKeys, lastKey: "" };
}

/** The last key of a record's text that ends in `:null}`. */
function lastKeyOf(text: string): string {
  const end = text.lastIndexOf('"');
  let begin = end - 1;
  while (text[begin] !== '"' || isEscaped(text, begin)) begin--;
  return JSON.parse(text.slice(begin, end + 1)) as string;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === "\\") first--;
  return (at - first) % 2 === 1;
}

function put(frame: Frame, value: unknown): void {
  if (frame.isRecord) addKey(frame.value as Record<string, unknown>, frame.key, value);
  else ((frame.value ??= []) as unknown[]).push(value);
  frame.isFull = true;
}

function addRecord(record: Record<string, unknown>, part: Record<string, unknown>): void {
  for (const key of Object.keys(part)) addKey(record, key, part[key]);
}

/** Where a byte stands next; infinitely far where it does not. */
function placeOf(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at === -1 ? Number.POSITIVE_INFINITY : at;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Whether a byte neither begins nor ends anything that is counted. */
function isRest(byte: number): boolean {
  return byte === 0x20 || byte === colon || (byte >= 0x61 && byte <= 0x7a) || byte < 0x20;
}

function isOfNumber(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x65 || byte === 0x45 || byte === 0x2b || byte === 0x2d
  );
}
