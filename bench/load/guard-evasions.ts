// The evasion set: ordinary ways to write a secret so that a plain look does not see it, each applied to the labelled texts of
// the guard for secrets; and honest texts that look as if something was hidden in them. No secret in it is real.
import { gzipSync } from "node:zlib";
import { guardCases, numbersFrom } from "./guard-cases.ts";
import type { GuardCase, Split } from "./guard-cases.ts";

/** One way to disguise a text. */
export interface Evasion {
  readonly name: string;
  readonly apply: (secret: string, random: () => number) => string;
}

const each = (secret: string, by: (character: string) => string): string => Array.from(secret, by).join("");
const bytes = (secret: string): readonly number[] => [...Buffer.from(secret)];
const base64 = (secret: string): string => Buffer.from(secret).toString("base64");
const hex = (secret: string): string => Buffer.from(secret).toString("hex");
const inPieces = (secret: string, size: number): readonly string[] =>
  secret.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
const between = (secret: string, mark: string): string => Array.from(secret).join(mark);
const shifted = (secret: string, first: string, to: number): string =>
  each(secret, (letter) => {
    const code = letter.charCodeAt(0) - first.charCodeAt(0);
    return code >= 0 && code < 26 ? String.fromCodePoint(to + code) : letter;
  });

/** Letters that look like those of ASCII. */
const homoglyphs: Readonly<Record<string, string>> = {
  a: "а", c: "с", e: "е", i: "і", o: "о", p: "р", s: "ѕ", x: "х", y: "у", A: "Α", B: "Β", E: "Ε", H: "Η", K: "Κ", M: "Μ", T: "Τ",
}; // prettier-ignore

/** Every way, by its name. */
export const evasions: readonly Evasion[] = [
  { name: "as it is", apply: (secret) => secret },
  { name: "base64", apply: (secret) => base64(secret) },
  { name: "base64 with words around it", apply: (secret) => base64(`the key is ${secret} as agreed`) },
  { name: "base64url", apply: (secret) => Buffer.from(`token ${secret}`).toString("base64url") },
  { name: "base64 in lines of 76", apply: (secret) => inPieces(base64(`${secret} and what follows it`.repeat(2)), 76).join("\r\n") },
  { name: "base64 in lines of 12", apply: (secret) => inPieces(base64(secret), 12).join("\n") },
  { name: "base64 behind a path", apply: (secret) => `/data/v1/${base64(secret)}` },
  { name: "base64 twice", apply: (secret) => base64(base64(secret)) },
  { name: "base64 of UTF-16", apply: (secret) => Buffer.from(secret, "utf16le").toString("base64") },
  { name: "base64 of gzip", apply: (secret) => gzipSync(`the key is ${secret}`).toString("base64") },
  { name: "base64 that a program joins", apply: (secret) => inPieces(base64(secret), 20).map((piece) => `"${piece}"`).join(" + ") },
  { name: "hex", apply: (secret) => hex(secret) },
  { name: "hex in pairs", apply: (secret) => inPieces(hex(secret), 2).join(" ") },
  { name: "hex as numbers", apply: (secret) => bytes(secret).map((byte) => `0x${byte.toString(16)}`).join(", ") },
  { name: "decimal numbers", apply: (secret) => `[${bytes(secret).join(", ")}]` },
  { name: "binary numbers", apply: (secret) => bytes(secret).map((byte) => byte.toString(2).padStart(8, "0")).join(" ") },
  { name: "percent-encoding", apply: (secret) => bytes(secret).map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("") },
  { name: "percent-encoding of every third", apply: (secret, random) => each(secret, (c) => (random() < 0.34 ? `%${c.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}` : c)) },
  { name: "percent-encoding twice", apply: (secret) => bytes(secret).map((byte) => `%25${byte.toString(16).padStart(2, "0")}`).join("") },
  { name: "JSON escapes", apply: (secret) => each(secret, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`) },
  { name: "JSON escapes of every third", apply: (secret, random) => each(secret, (c) => (random() < 0.34 ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : c)) },
  { name: "\\x escapes", apply: (secret) => bytes(secret).map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("") },
  { name: "octal escapes", apply: (secret) => bytes(secret).map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("") },
  { name: "HTML references", apply: (secret) => each(secret, (c) => `&#${c.codePointAt(0)};`) },
  { name: "HTML references in hex", apply: (secret) => each(secret, (c) => `&#x${c.codePointAt(0)?.toString(16)};`) },
  { name: "quoted-printable", apply: (secret) => bytes(secret).map((byte) => `=${byte.toString(16).padStart(2, "0").toUpperCase()}`).join("") },
  { name: "quoted-printable lines", apply: (secret) => inPieces(secret, 15).join("=\r\n") },
  { name: "zero-width spaces", apply: (secret) => between(secret, "\u200B") },
  { name: "one zero-width joiner", apply: (secret) => `${secret.slice(0, 2)}\u200D${secret.slice(2)}` },
  { name: "soft hyphens", apply: (secret) => between(secret, "\u00AD") },
  { name: "variation selectors", apply: (secret) => between(secret, "\uFE0F") },
  { name: "direction controls", apply: (secret) => `${secret.slice(0, 3)}\u202A${secret.slice(3, 9)}\u202C${secret.slice(9)}` },
  { name: "combining marks", apply: (secret) => between(secret, "\u0301") },
  { name: "tag characters", apply: (secret) => each(secret, (c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))) },
  { name: "full width", apply: (secret) => each(secret, (c) => (c > " " && c <= "~" ? String.fromCharCode(c.charCodeAt(0) + 0xfee0) : c)) },
  { name: "mathematical letters", apply: (secret) => shifted(shifted(secret, "a", 0x1d41a), "A", 0x1d400) },
  { name: "letters in circles", apply: (secret) => shifted(shifted(secret, "a", 0x24d0), "A", 0x24b6) },
  { name: "homoglyphs", apply: (secret) => each(secret, (c) => homoglyphs[c] ?? c) },
  { name: "a blank inside", apply: (secret) => `${secret.slice(0, 14)} ${secret.slice(14)}` },
  { name: "line breaks", apply: (secret) => inPieces(secret, 16).join("\n") },
  { name: "letters one by one", apply: (secret) => between(secret, " ") },
  { name: "letters one by one with bars", apply: (secret) => between(secret, "|") },
  { name: "texts that a program joins", apply: (secret) => inPieces(secret, 13).map((piece) => `"${piece}"`).join(" + ") },
  { name: "items of a list", apply: (secret) => JSON.stringify(inPieces(secret, 13)) },
  { name: "base64 in groups of four", apply: (secret) => inPieces(base64(secret), 4).join(" ") },
  { name: "groups of four with slashes", apply: (secret) => inPieces(secret, 4).join("/") },
  { name: "calls of chr", apply: (secret) => each(secret, (c) => `+chr(${c.charCodeAt(0)})`).slice(1) },
  { name: "marks of a page inside", apply: (secret) => `${secret.slice(0, 3)}<b>${secret.slice(3, 9)}</b>${secret.slice(9)}` },
  { name: "backwards", apply: (secret) => Array.from(secret).toReversed().join("") },
  { name: "rotated letters", apply: (secret) => each(secret, (c) => (/[a-z]/i.test(c) ? String.fromCharCode(((c.charCodeAt(0) - (c < "a" ? 65 : 97) + 13) % 26) + (c < "a" ? 65 : 97)) : c)) },
]; // prettier-ignore

/** Rules whose match is a form that stands for itself; others are known by what stands around them. */
const standing = (secret: string): boolean => secret.length >= 20 && secret.length <= 300 && !/\s/.test(secret);

/** The texts of the guard for secrets with every token in it disguised in one way. */
export function evadedCases({ name, apply }: Evasion, split: Split, rules: ReadonlySet<string>): readonly GuardCase[] {
  const random = numbersFrom(name.length * 7919 + (split === "test" ? 1 : 0));
  return guardCases("secrets", split).flatMap(({ guard, text, planted }) => {
    if (planted === undefined || !rules.has(planted.rule)) return [];
    const secret = text.slice(planted.start, planted.end);
    if (!standing(secret)) return [];
    const disguised = apply(secret, random);
    // What stands directly next to a token would become part of its encoding.
    const [before, after] = [text.slice(0, planted.start), text.slice(planted.end)];
    const { start } = planted;
    return [
      {
        guard,
        text: before + disguised + after,
        planted: { rule: planted.rule, start, end: start + disguised.length },
      },
    ];
  });
}

/** Whether nothing of a disguised token is left when what was found is taken out: no letter and no digit. */
export function isTaken(
  { text, planted }: GuardCase,
  matches: readonly { readonly start: number; readonly end: number }[],
): boolean {
  if (planted === undefined) return false;
  let left = "";
  let at = planted.start;
  for (const { start, end } of matches) {
    if (end <= at) continue;
    left += text.slice(at, Math.max(at, Math.min(start, planted.end)));
    at = Math.max(at, end);
  }
  left += text.slice(at, planted.end);
  return !/[\p{L}\p{N}]/u.test(left);
}
