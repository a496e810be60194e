// What decoded bytes say: text in UTF-8 or UTF-16, what is compressed, and otherwise the stretches of ASCII that they hold.
import { isUtf8 } from "node:buffer";
import { inflateRawSync, inflateSync, gunzipSync } from "node:zlib";
import type { DecodingRoom } from "./room.ts";

/** Text from bytes. */
export interface DecodedText {
  readonly text: string;
  /** The bytes are not text: what stands in them is pieces between other bytes. */
  readonly isBinary: boolean;
}

/** Shortest stretch of ASCII in bytes that is looked at: no rule matches less. */
export const shortestPiece = 16;
/** What beginning to inflate counts for, in decoded characters. */
const inflatingWork = 2048;
/** How many bytes tell whether they are UTF-16. */
const sampleBytes = 256;

// oxlint-disable-next-line no-control-regex -- text holds none of these
const control = /[\0-\x08\x0E-\x1A\x1C-\x1F\x7F]/;
// oxlint-disable-next-line no-control-regex -- what is not printable parts the pieces
const unprintable = /[^\t\n\r\x20-\x7E]+/g;

/** Kinds of bytes: what stands in pieces, what else stands in text, and what stands in neither. */
const inPiece = 2;
const inText = 1;
const kinds = new Uint8Array(256).fill(inText);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (control.test(character)) kinds[code] = 0;
  else if (character.replace(unprintable, "") !== "") kinds[code] = inPiece;
}

/** How bytes are inflated that begin as a stream of gzip or zlib, or a zip file, does. */
function inflaterOf(bytes: Buffer): ((bytes: Buffer, most: number) => Buffer) | undefined {
  const first = bytes[0] ?? 0;
  const second = bytes[1] ?? 0;
  if (first === 0x1f && second === 0x8b) return (all, most) => gunzipSync(all, optionsOf(most));
  if (first === 0x78 && (first * 256 + second) % 31 === 0) return (all, most) => inflateSync(all, optionsOf(most));
  // The local header of a zip file, with what it holds compressed behind it.
  if (first !== 0x50 || second !== 0x4b || bytes[2] !== 3 || bytes[3] !== 4 || bytes.length < 31) return undefined;
  if (bytes.readUInt16LE(8) !== 8) return undefined;
  const from = 30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
  return (all, most) => inflateRawSync(all.subarray(from), optionsOf(most));
}

/** A stream that is cut off says what it holds up to there. */
const optionsOf = (most: number) => ({ maxOutputLength: most, finishFlush: 2 }) as const;

/** Whether bytes may say anything; quick, for most of what is decoded is drawn at random. */
export function maySay(bytes: Uint8Array, length = bytes.length): boolean {
  if (length < shortestPiece) return false;
  const first = bytes[0] as number;
  if (first === 0x1f || first === 0x78 || first === 0x50) return true;
  let run = 0;
  let zeros = 0;
  let isText = true;
  for (let i = 0; i < length; i++) {
    const kind = kinds[bytes[i] as number] as number;
    if (kind === inPiece) {
      if (++run >= shortestPiece) return true;
      continue;
    }
    run = 0;
    if (kind === 0) {
      isText = false;
      if (i < sampleBytes && bytes[i] === 0) zeros++;
    }
    // No piece that is long enough can follow.
    if (!isText && length - i <= shortestPiece) {
      if (zeros === 0 && (length - i) * 4 < Math.min(length, sampleBytes)) return false;
    }
  }
  return isText || zeros * 4 >= Math.min(length, sampleBytes);
}

/** What bytes say; empty when they say nothing that could be looked at. Without room nothing is inflated. */
export function textsIn(bytes: Buffer, room?: DecodingRoom): readonly DecodedText[] {
  if (!maySay(bytes)) return [];
  if (isUtf8(bytes)) {
    const text = bytes.toString("utf8");
    if (!control.test(text)) return [{ text, isBinary: false }];
  }
  const inflated = room === undefined ? undefined : inflatedOf(bytes, room);
  if (inflated !== undefined) {
    const all = textsIn(inflated);
    // What is said takes its own room.
    if (all.length === 0) room?.take(inflated.length);
    return all;
  }
  return [...wide(bytes), ...(holdsPiece(bytes) ? pieces(bytes.toString("latin1")) : [])];
}

/** Whether bytes hold a stretch of ASCII that is long enough; those drawn at random hold none. */
function holdsPiece(bytes: Buffer): boolean {
  let run = 0;
  for (let i = 0; i < bytes.length; i++) {
    run = kinds[bytes[i] as number] === inPiece ? run + 1 : 0;
    if (run >= shortestPiece) return true;
  }
  return false;
}

function inflatedOf(bytes: Buffer, room: DecodingRoom): Buffer | undefined {
  if (bytes.length < 31) return undefined;
  const inflate = inflaterOf(bytes);
  if (inflate === undefined) return undefined;
  if (!room.take(inflatingWork)) return undefined;
  try {
    const inflated = inflate(bytes, room.inflatable);
    // What compressed bytes hold is not inflated again: each layer could be a thousand times the one around it.
    return inflaterOf(inflated) === undefined ? inflated : undefined;
  } catch (error) {
    // What grew too large was worked on; other bytes only begin alike.
    if (error instanceof RangeError) room.outgrown();
    return undefined;
  }
}

/** UTF-16 of ASCII has a zero in every second byte. */
function wide(bytes: Buffer): readonly DecodedText[] {
  const length = Math.min(bytes.length, sampleBytes);
  let zeros = 0;
  for (let i = 0; i < length; i++) if (bytes[i] === 0) zeros++;
  if (zeros * 4 < length) return [];
  const from = bytes[0] === 0 ? 1 : 0;
  // Copied, and even: Node 24 writes past its own buffer when it reads UTF-16 from an odd address and an odd length.
  const pairs = Buffer.from(bytes.subarray(from, bytes.length - ((bytes.length - from) % 2)));
  return pieces(pairs.toString("utf16le"));
}

function pieces(text: string): readonly DecodedText[] {
  const kept = text
    .split(unprintable)
    .filter((piece) => piece.length >= shortestPiece)
    .join("\n");
  return kept === "" ? [] : [{ text: kept, isBinary: true }];
}
