// What decoded bytes say: text in UTF-8 or UTF-16, what is compressed, and otherwise the stretches of ASCII that they hold.
import { isUtf8 } from "node:buffer";
import { inflateRawSync, inflateSync, gunzipSync } from "node:zlib";

/** Text from bytes. */
export interface Said {
  readonly text: string;
  /** The bytes are no text: what stands in them is pieces between other bytes. */
  readonly isBinary: boolean;
}

/** Most bytes that compressed bytes are let grow to; what grows beyond is not looked at. */
const mostInflatedBytes = 1_048_576;
/** Shortest stretch of ASCII in bytes that is looked at: no rule matches less. */
const shortestPiece = 16;

// oxlint-disable-next-line no-control-regex -- text holds none of these
const control = /[\0-\x08\x0E-\x1A\x1C-\x1F\x7F]/;
// oxlint-disable-next-line no-control-regex -- what is not printable parts the pieces
const unprintable = /[^\t\n\r\x20-\x7E]+/g;

/** Whether a pair of bytes begins a stream of gzip or zlib. */
function inflaterOf(bytes: Buffer): ((bytes: Buffer) => Buffer) | undefined {
  const [first = 0, second = 0] = bytes;
  const options = { maxOutputLength: mostInflatedBytes, finishFlush: 2 } as const;
  if (first === 0x1f && second === 0x8b) return (all) => gunzipSync(all, options);
  if (first === 0x78 && (first * 256 + second) % 31 === 0) return (all) => inflateSync(all, options);
  // The local header of a zip file, with what it holds compressed behind it.
  if (first === 0x50 && second === 0x4b && bytes[2] === 3 && bytes[3] === 4 && bytes.readUInt16LE(8) === 8) {
    const from = 30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
    return (all) => inflateRawSync(all.subarray(from), options);
  }
  return undefined;
}

/** What bytes say; empty when they say nothing that could be looked at. */
export function said(bytes: Buffer): readonly Said[] {
  if (bytes.length < shortestPiece) return [];
  if (isUtf8(bytes)) {
    const text = bytes.toString("utf8");
    if (!control.test(text)) return [{ text, isBinary: false }];
  }
  const inflated = inflatedOf(bytes);
  if (inflated !== undefined) return said(inflated);
  return [...wide(bytes), ...(holdsPiece(bytes) ? pieces(bytes.toString("latin1")) : [])];
}

/** Whether bytes hold a stretch of ASCII that is long enough; those drawn at random hold none. */
function holdsPiece(bytes: Buffer): boolean {
  let run = 0;
  for (const byte of bytes) {
    run = (byte > 31 && byte < 127) || byte === 9 || byte === 10 || byte === 13 ? run + 1 : 0;
    if (run >= shortestPiece) return true;
  }
  return false;
}

function inflatedOf(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 31) return undefined;
  const inflate = inflaterOf(bytes);
  if (inflate === undefined) return undefined;
  try {
    const inflated = inflate(bytes);
    // What compressed bytes hold is not inflated again: each layer could be a thousand times the one around it.
    return inflaterOf(inflated) === undefined ? inflated : undefined;
  } catch {
    return undefined;
  }
}

/** UTF-16 of ASCII has a zero in every second byte. */
function wide(bytes: Buffer): readonly Said[] {
  const sample = bytes.subarray(0, 256);
  let zeros = 0;
  for (const byte of sample) if (byte === 0) zeros++;
  if (zeros * 4 < sample.length) return [];
  const from = bytes[0] === 0 ? 1 : 0;
  // Copied, and even: Node 24 writes past its own buffer when it reads UTF-16 from an odd address and an odd length.
  const pairs = Buffer.from(bytes.subarray(from, bytes.length - ((bytes.length - from) % 2)));
  return pieces(pairs.toString("utf16le"));
}

function pieces(text: string): readonly Said[] {
  const kept = text
    .split(unprintable)
    .filter((piece) => piece.length >= shortestPiece)
    .join("\n");
  return kept === "" ? [] : [{ text: kept, isBinary: true }];
}
