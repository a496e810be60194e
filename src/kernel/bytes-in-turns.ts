// Long runs of bytes, put together and looked at with turns for everyone else in between.
import { isUtf8 } from "node:buffer";
import { inTurns, TimeSlice } from "./time-slice.ts";
import type { Steps } from "./time-slice.ts";

/** Bytes that are copied or looked at in one go; less than a millisecond. */
const partBytes = 512 * 1024;
/** What a part counts for, in characters that are looked at meanwhile. */
const partWork = 4096;

/**
 * Pieces as one. Each piece is taken off the list as soon as it is copied, so that long ones are not in memory twice; a
 * single piece is given as it is.
 */
export function joinInTurns(pieces: Buffer[], sizeBytes: number): Buffer | Promise<Buffer> {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  if (sizeBytes <= partBytes) return Buffer.concat(pieces, sizeBytes);
  const stretch = new TimeSlice();
  return inTurns(joinSteps(pieces, sizeBytes, stretch), stretch);
}

/** The steps of `joinInTurns`. */
export function* joinSteps(pieces: Buffer[], sizeBytes: number, stretch: TimeSlice): Steps<Buffer> {
  const whole = Buffer.allocUnsafeSlow(sizeBytes);
  let at = 0;
  for (const [i, piece] of pieces.entries()) {
    at += piece.copy(whole, at);
    pieces[i] = nothing;
    if (stretch.isOver((partWork * piece.length) / partBytes)) yield;
  }
  return whole;
}

const nothing = Buffer.alloc(0);

/** Whether bytes are valid UTF-8. */
export function* utf8Steps(bytes: Buffer, stretch: TimeSlice): Steps<boolean> {
  for (let start = 0, end = 0; start < bytes.length; start = end) {
    end = Math.min(start + partBytes, bytes.length);
    end = characterBefore(bytes, end);
    if (!isUtf8(bytes.subarray(start, end))) return false;
    if (stretch.isOver(partWork)) yield;
  }
  return true;
}

/** The text of bytes; those that are to be UTF-8 must be valid. */
export function* textSteps(bytes: Buffer, encoding: "utf8" | "utf16le" | "latin1", stretch: TimeSlice): Steps<string> {
  let text = "";
  for (let start = 0, end = 0; start < bytes.length; start = end) {
    end = Math.min(start + partBytes, bytes.length);
    if (encoding === "utf8") end = characterBefore(bytes, end);
    text += bytes.toString(encoding, start, end);
    if (stretch.isOver(partWork)) yield;
  }
  return text;
}

/** The same place, or before the character in which it lies; what is not a character there is found with the next part. */
function characterBefore(bytes: Buffer, place: number): number {
  let end = place;
  for (let back = 0; back < 3 && end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80; back++) end--;
  return end;
}
