// Undoes disguises of single characters: forms that Unicode holds equal (NFKD), letters and digits that only look like ASCII,
// marks on letters, and characters that no one sees. Ordinary text of other scripts folds to itself or to nothing that a
// rule looks for, since the rules ask for words and forms of ASCII.
import { confusables } from "./confusables.ts";
import { asItIs, ViewBuilder } from "./view.ts";
import type { View } from "./view.ts";

const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{M}\p{Cc}\p{Co}\p{Cs}]/u;
const marks = /[\p{M}\p{Default_Ignorable_Code_Point}]/gu;
const digit = /\p{Nd}/u;
const space = /[\p{Zs}\p{Zl}\p{Zp}]/u;

/** A pattern of dots without a dot. */
const blankBraille = 0x2800;

/** What characters fold to, by blocks of 256 code points that are worked out when a text first holds one of them. */
const blocks: (readonly (string | undefined)[] | undefined)[] = [];

function blockOf(index: number): readonly (string | undefined)[] {
  const block = Array.from({ length: 256 }, (_, i) => foldedOf(index * 256 + i));
  blocks[index] = block;
  return block;
}

/** What a character folds to; undefined for itself. */
function foldedOf(code: number): string | undefined {
  if (isPlain(code)) return undefined;
  // Tags carry ASCII that no one sees.
  if (code >= 0xe0020 && code <= 0xe007e) return String.fromCodePoint(code - 0xe0000);
  const enclosed = enclosedOf(code);
  if (enclosed !== undefined) return enclosed;
  const character = String.fromCodePoint(code);
  if (unseen.test(character)) return "";
  if (space.test(character) || code === blankBraille) return " ";
  const looksLike = confusables.get(code);
  if (looksLike !== undefined) return looksLike;
  const bare = character.normalize("NFKD").replaceAll(marks, "");
  if (digit.test(character)) return String(digitOf(code));
  const folded = Array.from(bare, (each) => confusables.get(each.codePointAt(0) as number) ?? each).join("");
  return folded === character ? undefined : folded;
}

/** Letters in black circles and squares, and those that make flags, which have no decomposition. */
function enclosedOf(code: number): string | undefined {
  for (const first of [0x1f150, 0x1f170, 0x1f1e6]) {
    if (code >= first && code < first + 26) return String.fromCharCode(65 + code - first);
  }
  return undefined;
}

/** Decimal digits of every script stand in tens. */
function digitOf(code: number): number {
  const decomposed = String.fromCodePoint(code).normalize("NFKD");
  if (/^\d$/.test(decomposed)) return Number(decomposed);
  let below = 0;
  while (digit.test(String.fromCodePoint(code - below - 1))) below++;
  return below % 10;
}

/** Printable ASCII, tab and line breaks. */
function isPlain(code: number): boolean {
  return (code > 31 && code < 127) || code === 9 || code === 10 || code === 13;
}

/** The text with every character folded; undefined when all fold to themselves. */
export function folded(text: string, parent: View["origin"] = asItIs): View | undefined {
  const builder = new ViewBuilder(text);
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (isPlain(code)) continue;
    const start = i;
    if (code >= 0xd800 && code < 0xdc00) {
      code = text.codePointAt(i) as number;
      if (code > 0xffff) i++;
    }
    const by = (blocks[code >> 8] ?? blockOf(code >> 8))[code & 255];
    if (by !== undefined) builder.replace(start, i + 1, by);
  }
  return builder.build(parent);
}
