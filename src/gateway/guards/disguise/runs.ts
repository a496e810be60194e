// Finds stretches of a text that may be something else in an encoding, and says what bytes they come to. Every pattern runs in
// time that grows with the text only.
import type { Span } from "./view.ts";
import { bytesOfBase32, bytesOfNumbers, reversed, rotated } from "./encodings.ts";

/** An encoded stretch and what it may come to. */
export interface EncodedRun {
  readonly start: number;
  readonly end: number;
  readonly decoded: readonly (Buffer | string)[];
}

/** Shortest run of base64 that is looked at: 18 bytes, less than the shortest token in base64. */
const leastBase64 = 24;
/** Longest run that is also read backwards and by rotated letters, as tokens may be. */
const longestTurned = 300;

/** Base64 in either alphabet, in lines of at least 16 characters, or in pieces that a program joins. */
const joint = String.raw`(?:[ \t]{0,4}(?:\r?\n|\\r?\\n|\\n)[ \t>]{0,80}|["'\x60][ \t]{0,4}[+.,\\]?[ \t]{0,4}(?:\r?\n)?[ \t]{0,80}["'\x60])`;
const base64 = new RegExp(String.raw`[A-Za-z0-9+/_-]{16,}(?:={1,2}|(?:${joint}[A-Za-z0-9+/_-]{2,})*={0,2})`, "g");
/** Base64 in short lines. */
const shortLines =
  /(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{4,15}[ \t]{0,4}\r?\n[ \t]{0,80}){2,}[A-Za-z0-9+/_-]{2,}={0,2}/g;
/** Pairs of hexadecimal digits, with or without something between them. */
const hex = /(?<![0-9A-Za-z])(?:(?:0x)?[0-9a-f]{2}[\s:,;-]{0,3}){16,}/gi;
/** Bytes as decimal numbers. */
const decimals = /(?<![\d.])(?:1?\d{2}[\s,;]{1,4}){15,}1?\d{2}(?!\d)/g;
/** Bytes as binary numbers. */
const binary = /(?<!\d)(?:[01]{8}[\s,;]{0,3}){16,}/g;
const base32 = /[A-Z2-7]{32,}={0,6}/g;
/** A run without a break, which may be a token turned round. */
const token = /^[\w+/=.~-]+$/;

const joints = new RegExp(joint, "g");
const notBase64 = /[^A-Za-z0-9+/_-]+/g;

/** Every encoded run of a text. */
export function* encodedRuns(text: string): Generator<EncodedRun> {
  let past = 0;
  for (const { 0: found, index } of matchesOf(base64, text)) {
    const run = found.replaceAll(joints, "").replaceAll(notBase64, "");
    // Text in base64 has letters in either case; words and names mostly do not.
    const isMixed = /[a-z]/.test(run) && /[A-Z]/.test(run);
    if (!isMixed && !/\d/.test(run)) continue;
    if (isMixed && run.length >= leastBase64) {
      yield { start: index, end: index + found.length, decoded: aligned(run) };
    }
    if (found.length > longestTurned || !token.test(found)) continue;
    const { start, end } = wholeToken(text, index, found);
    if (start >= past) yield { start, end, decoded: turned(text.slice(start, end), isMixed) };
    past = end;
  }
  if (text.includes("\n")) {
    for (const { 0: found, index } of matchesOf(shortLines, text)) {
      yield { start: index, end: index + found.length, decoded: aligned(found.replaceAll(notBase64, "")) };
    }
  }
  for (const { 0: found, index } of matchesOf(hex, text)) {
    const digits = found.replaceAll(/0x|[^0-9a-f]/gi, "");
    const decoded = [Buffer.from(digits, "hex"), Buffer.from(digits.slice(1), "hex")];
    yield { start: index, end: index + bare(found).length, decoded };
  }
  for (const [pattern, radix] of [[decimals, 10] as const, [binary, 2] as const]) {
    for (const { 0: found, index } of matchesOf(pattern, text)) {
      yield { start: index, end: index + bare(found).length, decoded: [bytesOfNumbers(found, radix)] };
    }
  }
  for (const { 0: found, index } of matchesOf(base32, text)) {
    yield { start: index, end: index + found.length, decoded: [bytesOfBase32(found)] };
  }
}

/** A run may have a beginning that is not part of what is encoded, so that each of four alignments is tried. */
function aligned(run: string): Buffer[] {
  return [0, 1, 2, 3].map((from) => Buffer.from(from === 0 ? run : run.slice(from), "base64"));
}

/** A run with the marks around it that tokens hold and base64 does not. */
function wholeToken(text: string, index: number, found: string): Span {
  let start = index;
  let end = index + found.length;
  while (start > 0 && index - start < longestTurned && marks.test(text[start - 1] as string)) start--;
  while (end < text.length && end - index < 2 * longestTurned && marks.test(text[end] as string)) end++;
  return { start, end };
}

const marks = /[\w+/=.:~-]/;

/** A token backwards, by rotated letters, and as base64 backwards. */
function turned(found: string, isMixed: boolean): (Buffer | string)[] {
  const back = reversed(found);
  return [back, rotated(found), ...(isMixed ? aligned(back.replace(/^=+/, "")) : [])];
}

function* matchesOf(pattern: RegExp, text: string): Generator<RegExpExecArray> {
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const at = pattern.lastIndex;
    yield found;
    // Others may have used the pattern meanwhile.
    pattern.lastIndex = at;
  }
}

/** Without what only stands between two bytes. */
function bare(found: string): string {
  return found.replace(/[\s:,;-]{1,4}$/, "");
}
