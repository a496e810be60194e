// Bytes of encodings, decoded only as far as they may say something, and tokens turned round.
import { maySay } from "./decoded-text.ts";

/** Longest run that is decoded by hand, which is quicker for short ones. */
const longestByHand = 512;
const scratch = Buffer.allocUnsafeSlow(longestByHand);

const base64 = new Int8Array(128).fill(-1);
const base32 = new Int8Array(128).fill(-1);
for (const [i, each] of Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").entries()) {
  base64[each.charCodeAt(0)] = i;
}
base64[45] = 62;
base64[95] = 63;
for (const [i, each] of Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").entries()) base32[each.charCodeAt(0)] = i;

/** What letters of base64 come to; those that say nothing are left out. A run may have a beginning that is not part of what is
 *  encoded, so that each of four alignments is tried. */
export function bytesOfBase64(run: string): readonly Buffer[] {
  const found: Buffer[] = [];
  for (let from = 0; from < 4; from++) {
    if (run.length > longestByHand) {
      const bytes = Buffer.from(from === 0 ? run : run.slice(from), "base64");
      if (maySay(bytes)) found.push(bytes);
      continue;
    }
    const length = decode(run, from);
    if (maySay(scratch, length)) found.push(Buffer.from(scratch.subarray(0, length)));
  }
  return found;
}

function decode(run: string, from: number): number {
  let length = 0;
  let bits = 0;
  let count = 0;
  for (let i = from; i < run.length; i++) {
    bits = ((bits << 6) | (base64[run.charCodeAt(i)] as number)) & 0xfff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    scratch[length++] = (bits >> count) & 255;
  }
  return length;
}

/** The bytes of base32 (RFC 4648). */
export function bytesOfBase32(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(Math.ceil((text.length * 5) / 8));
  let length = 0;
  let bits = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const value = base32[text.charCodeAt(i)] as number;
    if (value < 0) break;
    bits = ((bits << 5) | value) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes[length++] = (bits >> count) & 255;
  }
  return bytes.subarray(0, length);
}

/** The bytes of numbers that stand one behind the other, in decimal digits or eight binary ones each. */
export function bytesOfNumbers(text: string, radix: 2 | 10): Buffer {
  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  let number = 0;
  let digits = 0;
  for (let i = 0; i <= text.length; i++) {
    const digit = i < text.length ? text.charCodeAt(i) - 48 : -1;
    if (digit >= 0 && digit < 10) {
      number = number * radix + digit;
      digits++;
    }
    if (digits > 0 && (radix === 2 ? digits === 8 : digit < 0 || digit > 9)) {
      bytes[length++] = number;
      number = 0;
      digits = 0;
    }
  }
  return bytes.subarray(0, length);
}

/** The hexadecimal digits of pairs with or without something between them. */
export function hexDigits(text: string): string {
  return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? text : text.replaceAll(/0x|[^0-9a-f]/gi, "");
}

/** A text of ASCII from its end to its beginning. */
export function reversed(text: string): string {
  const bytes = Buffer.allocUnsafe(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(bytes.length - 1 - i);
  return bytes.toString("latin1");
}

const turned = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const first = code > 64 && code < 91 ? 65 : code > 96 && code < 123 ? 97 : undefined;
  turned[code] = first === undefined ? code : ((code - first + 13) % 26) + first;
}

/** A text of ASCII with every letter thirteen places on (ROT13). */
export function rotated(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  for (let i = 0; i < bytes.length; i++) bytes[i] = turned[(bytes[i] as number) & 127] as number;
  return bytes.toString("latin1");
}
