// The encodings that Node's Buffer does not read.

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The bytes of base32 (RFC 4648). */
export function bytesOfBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let count = 0;
  for (const character of text) {
    const value = base32.indexOf(character);
    if (value < 0) break;
    bits = ((bits << 5) | value) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push((bits >> count) & 255);
  }
  return Buffer.from(bytes);
}

/** The bytes of numbers that stand one behind the other. */
export function bytesOfNumbers(text: string, radix: 2 | 10): Buffer {
  const numbers = text.match(radix === 2 ? /[01]{8}/g : /\d+/g) ?? [];
  return Buffer.from(numbers.map((each) => Number.parseInt(each, radix)));
}

/** A text of ASCII from its end to its beginning. */
export function reversed(text: string): string {
  return text.split("").toReversed().join("");
}

/** A text with every letter thirteen places on (ROT13). */
export function rotated(text: string): string {
  return text.replaceAll(/[A-Za-z]/g, (letter) => {
    const first = letter < "a" ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - first + 13) % 26) + first);
  });
}
