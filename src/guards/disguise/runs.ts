// Finds stretches of a text that may be something else in an encoding, and says what bytes they come to. One pass finds where
// characters of an encoding stand in a row; patterns are tried only there. All takes time that grows with the text only.
import { keywordScan } from "../keyword-scan.ts";
import { strictRules } from "../rule-book.ts";
import { maySay } from "./decoded-text.ts";
import { bytesOfBase32, bytesOfBase64, bytesOfNumbers, hexDigits, reversed, rotated } from "./encodings.ts";

/** An encoded stretch and what it may come to; nothing for most. */
export interface EncodedRun {
  /** The way that was tried. */
  readonly as: "base64" | "backwards" | "short lines" | "hex" | "decimal" | "binary" | "base32" | "turned";
  readonly start: number;
  readonly end: number;
  readonly decoded: readonly (Buffer | string)[];
}

/** Shortest run of base64 that is looked at: 18 bytes, less than the shortest token in base64. */
const leastBase64 = 24;
/** Longest run that is also read backwards and by rotated letters, as tokens may be. */
const longestTurned = 300;
/** Fewest characters in a row that may be base64, base32, hexadecimal digits, and bytes as numbers. */
const shortestRun = 16;
const shortestBase32 = 32;
const shortestHex = 32;
const shortestNumbers = 47;

/** Base64 in either alphabet, in lines of at least 16 characters, or in pieces that a program joins. */
const joint = String.raw`(?:[ \t]{0,4}(?:\r?\n|\\r?\\n|\\n)[ \t>]{0,80}|["'\x60][ \t]{0,4}[+.,\\]?[ \t]{0,4}(?:\r?\n)?[ \t]{0,80}["'\x60])`;
const base64 = new RegExp(String.raw`[A-Za-z0-9+/_-]{16,}(?:={1,2}|(?:${joint}[A-Za-z0-9+/_-]{2,})*={0,2})`, "y");
/** Base64 in short lines. */
const shortLines =
  /(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{4,15}[ \t]{0,4}\r?\n[ \t]{0,80}){2,}[A-Za-z0-9+/_-]{2,}={0,2}/g;
const mayBeShortLines = /[\w+/-]{4}[ \t]{0,4}\r?\n[ \t]{0,80}[\w+/-]{4,15}[ \t]{0,4}\r?\n/;
/** Pairs of hexadecimal digits, with or without something between them. */
const hex = /(?<![0-9A-Za-z])(?:(?:0x)?[0-9a-f]{2}[\s:,;-]{0,3}){16,}/gi;
/** Bytes as decimal numbers. */
const decimals = /(?<![\d.])(?:1?\d{2}[\s,;]{1,4}){15,}1?\d{2}(?!\d)/g;
/** Bytes as binary numbers. */
const binary = /(?<!\d)(?:[01]{8}[\s,;]{0,3}){16,}/g;
/** A run without a break, which may be a token turned round. */
const token = /^[\w+/=.~-]+$/;

const joints = new RegExp(joint, "g");
const notBase64 = /[^A-Za-z0-9+/_-]+/g;

/** What characters stand in. */
const inBase64 = 1;
const inBase32 = 2;
const inHex = 4;
const inNumbers = 8;
const aroundToken = 16;
const kinds = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  kinds[code] =
    (/[A-Za-z0-9+/_-]/.test(character) ? inBase64 : 0) |
    (/[A-Z2-7]/.test(character) ? inBase32 : 0) |
    (/[0-9a-fx\s:,;-]/i.test(character) ? inHex : 0) |
    (/[\d\s,;]/.test(character) ? inNumbers : 0) |
    (/[\w+/=.:~-]/.test(character) ? aroundToken : 0);
}
/** A run is followed by one of these where it may go on. */
const goesOn = /[=\s\\"'`]/;

/** Stretches of a text where characters of an encoding stand in a row: pairs of where each begins and ends. */
interface Rows {
  readonly base64: number[];
  readonly base32: number[];
  readonly hex: number[];
  readonly numbers: number[];
}

function rowsOf(text: string): Rows {
  const rows: Rows = { base64: [], base32: [], hex: [], numbers: [] };
  let [inBase64From, inBase32From, inHexFrom, inNumbersFrom] = [0, 0, 0, 0];
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 128;
    const kind = code > 127 ? 0 : (kinds[code] as number);
    if ((kind & inBase64) === 0) {
      if (i - inBase64From >= shortestRun) rows.base64.push(inBase64From, i);
      inBase64From = i + 1;
    }
    if ((kind & inBase32) === 0) {
      if (i - inBase32From >= shortestBase32) rows.base32.push(inBase32From, i);
      inBase32From = i + 1;
    }
    if ((kind & inHex) === 0) {
      if (i - inHexFrom >= shortestHex) rows.hex.push(inHexFrom, i);
      inHexFrom = i + 1;
    }
    if ((kind & inNumbers) === 0) {
      if (i - inNumbersFrom >= shortestNumbers) rows.numbers.push(inNumbersFrom, i);
      inNumbersFrom = i + 1;
    }
  }
  return rows;
}

/** Every encoded run of a text that says something. */
export function* encodedRuns(text: string): Generator<EncodedRun> {
  const rows = rowsOf(text);
  yield* base64Runs(text, rows.base64);
  if (text.includes("\n") && mayBeShortLines.test(text)) {
    for (const { start, end, found } of matchesOf(shortLines, text, [0, text.length])) {
      yield { as: "short lines", start, end, decoded: bytesOfBase64(found.replaceAll(notBase64, "")) };
    }
  }
  for (const { start, found } of matchesOf(hex, text, rows.hex)) {
    const digits = hexDigits(found);
    const decoded = [Buffer.from(digits, "hex"), Buffer.from(digits.slice(1), "hex")];
    yield { as: "hex", start, end: start + bare(found), decoded: decoded.filter((bytes) => maySay(bytes)) };
  }
  for (const [pattern, radix] of [[decimals, 10] as const, [binary, 2] as const]) {
    const as = radix === 2 ? "binary" : "decimal";
    for (const { start, found } of matchesOf(pattern, text, rows.numbers)) {
      yield { as, start, end: start + bare(found), decoded: [bytesOfNumbers(found, radix)] };
    }
  }
  for (let i = 0; i < rows.base32.length; i += 2) {
    const [start, last] = [rows.base32[i] as number, rows.base32[i + 1] as number];
    let end = last;
    while (end < text.length && end - last < 6 && text.charCodeAt(end) === 61) end++;
    yield { as: "base32", start, end, decoded: [bytesOfBase32(text.slice(start, last))] };
  }
}

function* base64Runs(text: string, rows: readonly number[]): Generator<EncodedRun> {
  const tokens = new TurnedTokens(text);
  let past = 0;
  for (let i = 0; i < rows.length; i += 2) {
    const start = rows[i] as number;
    let end = rows[i + 1] as number;
    // A run before may have gone on over this one.
    if (start < past) continue;
    let run = text.slice(start, end);
    let isWhole = true;
    if (end < text.length && goesOn.test(text[end] as string)) {
      base64.lastIndex = start;
      if (base64.test(text) && base64.lastIndex > end) {
        end = base64.lastIndex;
        const found = text.slice(start, end);
        isWhole = token.test(found);
        run = found.replaceAll(joints, "").replaceAll(notBase64, "");
      }
    }
    past = end;
    // Text in base64 has letters in either case; words and names mostly do not.
    const isMixed = /[a-z]/.test(run) && /[A-Z]/.test(run);
    if (!isMixed && !/\d/.test(run)) continue;
    if (isMixed && run.length >= leastBase64) yield { as: "base64", start, end, decoded: bytesOfBase64(run) };
    if (!isWhole || end - start > longestTurned) continue;
    if (isMixed) yield { as: "backwards", start, end, decoded: bytesOfBase64(reversed(run)) };
    const turned = tokens.around(start, end);
    if (turned !== undefined) yield turned;
  }
}

/** The words that tokens begin with, backwards and with rotated letters. */
const words = [...new Set(strictRules.flatMap(({ keywords }) => keywords))];
const turnedWords = keywordScan([...new Set([...words.map(reversed), ...words.map(rotated)])]);

/** Finds tokens that stand backwards or with rotated letters around runs, with marks that tokens hold and base64 does not. */
class TurnedTokens {
  readonly #text: string;
  #hits: readonly number[] | undefined;
  #hit = 1;
  #past = 0;

  constructor(text: string) {
    this.#text = text;
  }

  around(from: number, to: number): EncodedRun | undefined {
    this.#hits ??= turnedWords.hits(this.#text);
    if (this.#hits.length === 0 || to <= this.#past) return undefined;
    const text = this.#text;
    let start = from;
    let end = to;
    while (start > this.#past && from - start < longestTurned && isAround(text.charCodeAt(start - 1))) start--;
    while (end < text.length && end - from < 2 * longestTurned && isAround(text.charCodeAt(end))) end++;
    const isRest = start === this.#past && start > 0 && isAround(text.charCodeAt(start - 1));
    this.#past = end;
    while ((this.#hits[this.#hit] ?? Infinity) <= start) this.#hit += 2;
    if (isRest || (this.#hits[this.#hit] ?? Infinity) > end) return undefined;
    const found = text.slice(start, end);
    return { as: "turned", start, end, decoded: [reversed(found), rotated(found)] };
  }
}

function isAround(code: number): boolean {
  return code < 128 && ((kinds[code] as number) & aroundToken) !== 0;
}

/** What a pattern finds, a row after the other. */
function* matchesOf(pattern: RegExp, text: string, rows: readonly number[]) {
  for (let i = 0; i < rows.length; i += 2) {
    // With the character before, on which it depends whether a pattern may begin.
    const from = Math.max(0, (rows[i] as number) - 1);
    const row = text.slice(from, (rows[i + 1] as number) + 1);
    pattern.lastIndex = 0;
    for (let found = pattern.exec(row); found !== null; found = pattern.exec(row)) {
      const at = pattern.lastIndex;
      yield { start: from + found.index, end: from + at, found: found[0] };
      // Others may have used the pattern meanwhile.
      pattern.lastIndex = at;
    }
  }
}

/** How long a match is without what only stands between two bytes. */
function bare(found: string): number {
  let end = found.length;
  while (end > 0 && found.length - end < 4 && /[\s:,;-]/.test(found[end - 1] as string)) end--;
  return end;
}
