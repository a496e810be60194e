// Bytes that a call holds as base64: pictures, sounds and documents, which pass as they are when their bytes begin as such a
// thing begins, and everything else, which is text in an encoding and is looked at like any other.
import { joinSteps, textSteps, utf8Steps } from "../kernel/bytes-in-turns.ts";
import type { Steps, TimeSlice } from "./stretch.ts";

/** Bytes as they stand in a call. */
export interface Medium {
  /** What stands before the base64: the head of a `data:` URL, or nothing. */
  readonly head: string;
  /** The media type that was said; empty when none was. */
  readonly type: string;
  readonly base64: string;
}

/** Text that was held as bytes, and how it was written. */
export interface HeldText {
  readonly text: string;
  readonly encoding: "utf8" | "utf16le" | "latin1";
}

const dataUrl = /^data:(?<type>[\w.+/-]{0,120})(?:;[\w.+-]{1,40}=[^;,]{0,120}){0,8};base64,/i;

/** Reads what stands in a place for media; undefined for a URL that names bytes elsewhere, and for text. */
export function mediumOf(value: string, key: string, holder: object): Medium | undefined {
  const fields = holder as Readonly<Record<string, unknown>>;
  const match = dataUrl.exec(value);
  if (match !== null) {
    return { head: match[0], type: (match.groups?.["type"] ?? "").toLowerCase(), base64: value.slice(match[0].length) };
  }
  if (key === "url" || key === "image_url" || /^data:/i.test(value)) return undefined;
  const mediaType = fields["media_type"] ?? fields["mediaType"];
  const format = fields["format"];
  const type = typeof mediaType === "string" ? mediaType : typeof format === "string" ? `audio/${format}` : "";
  return { head: "", type: type.toLowerCase(), base64: value };
}

/** Whether a value is nothing but base64, in lines or not. */
export function* isBase64({ base64 }: Medium, stretch: TimeSlice): Steps<boolean> {
  for (let at = 0; at < base64.length; at += decodedChars) {
    if (other.test(base64.slice(at, at + decodedChars))) return false;
    if (stretch.isOver(Math.min(decodedChars, base64.length - at))) yield;
  }
  return true;
}

const other = /[^A-Za-z0-9+/=_\s-]/;

/** How bytes of a kind begin, in hexadecimal digits. */
const beginnings: readonly (readonly [family: RegExp, form: RegExp])[] = [
  [
    /^image\//,
    /^(?:89504e470d0a1a0a|ffd8ff|47494638[37][79]61|52494646.{8}57454250|424d.{8}0000|49492a00|4d4d002a|00000100)/,
  ],
  [/^(?:image|video|audio)\//, /^.{8}66747970/],
  [
    /^audio\//,
    /^(?:52494646.{8}57415645|494433|fff[1-9a-d]|ffe[2-7]|4f676753|664c6143|464f524d.{8}414946|1a45dfa3|2321414d52)/,
  ],
  [/^video\//, /^(?:1a45dfa3|4f676753|000001b)/],
  [/^application\/(?:x-)?pdf$/, /^255044462d3[12]2e3/],
  [/^application\/(?:zip|vnd\.|msword|epub|x-zip)/, /^(?:504b0304|d0cf11e0a1b11ae1)/],
];

/** Types of media whose bytes a caller gives without saying the type, or only that they are bytes. */
const untyped = /^(?:|application\/octet-stream|binary\/octet-stream)$/;

/** Whether bytes begin as a thing of the said type does, or, where no type is said, as any does. */
export function isBinaryMedium({ type, base64 }: Medium): boolean {
  const begin = Buffer.from(base64.slice(0, 64), "base64").toString("hex");
  const isPdf = begin.startsWith("25504446");
  for (const [family, form] of beginnings) {
    if (!form.test(begin)) continue;
    if (family.test(type)) return true;
    if (untyped.test(type)) return true;
    // Clients often name a picture's type wrongly, but they do not take a document for text.
    if (/^(?:image|audio|video)\//.test(type) && !isPdf && type !== "image/svg+xml") return true;
  }
  return false;
}

/** Characters of base64 that are decoded in one go; whole groups of four. */
const decodedChars = 65_536;
const notBase64 = /[^A-Za-z0-9+/_-]+/g;

/** The bytes, piece by piece, each a whole number of groups of base64. */
export function* bytesOf({ base64 }: Medium, stretch: TimeSlice, take: (bytes: Buffer) => void): Steps<void> {
  let rest = "";
  for (let at = 0; at < base64.length; at += decodedChars) {
    const letters = rest + base64.slice(at, at + decodedChars).replaceAll(notBase64, "");
    const whole = at + decodedChars >= base64.length ? letters.length : letters.length - (letters.length % 4);
    rest = letters.slice(whole);
    take(Buffer.from(letters.slice(0, whole), "base64"));
    if (stretch.isOver(Math.min(decodedChars, base64.length - at))) yield;
  }
}

/** The text that bytes are, in the encoding that they seem to be in. */
export function* textOf(medium: Medium, stretch: TimeSlice): Steps<HeldText> {
  const pieces: Buffer[] = [];
  yield* bytesOf(medium, stretch, (bytes) => pieces.push(bytes));
  const sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const bytes = yield* joinSteps(pieces, sizeBytes, stretch);
  const encoding = isWide(bytes) ? "utf16le" : (yield* utf8Steps(bytes, stretch)) ? "utf8" : "latin1";
  return { text: yield* textSteps(bytes, encoding, stretch), encoding };
}

/** UTF-16 has a mark at its beginning, or, in ASCII, a zero in every second byte. */
function isWide(bytes: Buffer): boolean {
  if (bytes.length % 2 === 1) return false;
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return true;
  let zeros = 0;
  const sample = Math.min(bytes.length, 256);
  for (let i = 1; i < sample; i += 2) if (bytes[i] === 0) zeros++;
  return zeros * 4 > sample;
}

/** The place's value with other text in it. */
export function withText({ head }: Medium, { encoding }: HeldText, text: string): string {
  return head + Buffer.from(text, encoding).toString("base64");
}
