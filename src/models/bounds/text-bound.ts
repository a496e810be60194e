// The most tokens that a text can be, for any tokenizer that models use. A token of byte-level BPE, or of SentencePiece with
// bytes to fall back on, stands for one byte at least, so a text has no more tokens than bytes in UTF-8. Some tokenizers
// normalise the text first (NFC, NFKC), which makes some characters longer: U+FDFA becomes 33 bytes out of 3. Pure.

import { isAscii } from "node:buffer";
import { yieldToEventLoop, TimeSlice } from "../../kernel/time-slice.ts";

/** The most tokens that a text can be. */
export function mostTokensOfText(text: string): number {
  const bytes = Buffer.byteLength(text);
  // Every normal form leaves ASCII as it is.
  return bytes === text.length ? bytes : bytes + growth(text);
}

/** The same for the bytes of a text of any length, in turns with everyone else. */
export async function mostTokensOfBytes(bytes: Buffer, signal?: AbortSignal): Promise<number> {
  if (isAscii(bytes)) return bytes.length;
  const decoder = new TextDecoder();
  const stretch = new TimeSlice();
  let most = bytes.length;
  for (let at = 0; at < bytes.length; at += slice) {
    most += growth(decoder.decode(bytes.subarray(at, at + slice), { stream: true }));
    if (stretch.isOver(slice)) await yieldToEventLoop(stretch);
    signal?.throwIfAborted();
  }
  return most;
}

/** Bytes that are looked at in one go. */
const slice = 64 * 1024;

/** Blocks of Unicode that hold every character which a normal form makes longer; a test looks for others. */
const growingBlocks = [
  [0xa8, 0xbe],
  [0x13f, 0x149],
  [0x1c4, 0x1c6],
  [0x2d8, 0x2dd],
  [0x344, 0x385],
  [0x587, 0x587],
  [0x675, 0x678],
  [0x958, 0xfb9],
  [0x1fc1, 0x1fee],
  [0x2033, 0x2057],
  [0x2150, 0x2189],
  [0x222c, 0x2230],
  [0x247d, 0x2487],
  [0x2a0c, 0x2adc],
  [0x309b, 0x33fe],
  [0xfa6c, 0xfefc],
  [0x1d15e, 0x1d1c0],
  [0x1f12a, 0x1f248],
] as const;

/** Beyond every character that grows. */
const end = 0x1f249;

let table: Uint8Array | undefined;

/** By how many bytes each character can grow. */
function growthTable(): Uint8Array {
  const made = new Uint8Array(end);
  for (const [from, to] of growingBlocks) {
    for (let code = from; code <= to; code++) {
      const text = String.fromCodePoint(code);
      const longest = Math.max(
        Buffer.byteLength(text.normalize("NFC")),
        Buffer.byteLength(text.normalize("NFKC")),
        Buffer.byteLength(text),
      );
      made[code] = longest - Buffer.byteLength(text);
    }
  }
  return made;
}

/** Normalising as a whole only joins what normalising one by one leaves apart, so the sum is enough. */
function growth(text: string): number {
  const by = (table ??= growthTable());
  let sum = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xa8) continue;
    // A pair's second half is not a character of its own and stands beyond nothing in the table.
    const code = unit >= 0xd800 && unit < 0xdc00 ? (text.codePointAt(i) ?? unit) : unit;
    if (code < end) sum += by[code] ?? 0;
  }
  return sum;
}
