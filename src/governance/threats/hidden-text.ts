// Characters that make text look like something it is not, told apart from the same characters in honest writing.
//
// How the context decides:
// - Names (keys) hold no invisible or control character at all: two names that look the same must be the same.
// - Values may hold zero-width joiners inside emoji sequences, joiners after a letter of a script that joins (Arabic,
//   Indic and their neighbours; after RFC 5892 appendix A.1 and A.2), zero-width spaces beside scripts that write without
//   spaces, direction marks in text with right-to-left letters, and embeddings or isolates that are closed again in the
//   same line of such text. Overrides, which show letters in another order than they are read ("Trojan Source",
//   CVE-2021-42574), are never honest in data.
// - Tag characters are accepted only as the three to six letters of a flag, variation selectors only one at a time:
//   longer runs carry text that people do not see and models read.

/** What is wrong with a piece of text, or undefined. */
export type HiddenText = "bidi_control" | "zero_width" | "control_character" | "lone_surrogate" | undefined;

// Any candidate at all; most text has none and is done after one pass.
// oxlint-disable-next-line no-control-regex -- these are the characters that are looked for
const suspicious = /[\0\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E007F}]|\p{VS}{2}/u;
const invisibleInName = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;
const bidi = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;

const rightToLeft =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Hanifi_Rohingya}]/u;
const joiningScript =
  /[\p{scx=Arabic}\p{scx=Syriac}\p{scx=Mongolian}\p{scx=Nko}\p{scx=Adlam}\p{scx=Devanagari}\p{scx=Bengali}\p{scx=Gurmukhi}\p{scx=Gujarati}\p{scx=Oriya}\p{scx=Tamil}\p{scx=Telugu}\p{scx=Kannada}\p{scx=Malayalam}\p{scx=Sinhala}\p{scx=Khmer}\p{scx=Myanmar}\p{scx=Tibetan}\p{scx=Balinese}\p{scx=Javanese}]/u;
const unspacedScript =
  /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Javanese}\p{Script=Balinese}]/u;
const emojiEnd = /[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F\u20E3]/u;
const emojiStart = /\p{Extended_Pictographic}/u;
const mongolian = /\p{Script=Mongolian}/u;
const variation = /\p{VS}/u;
const neverHonest = /[\u2060-\u2065\u206A-\u206F\uFEFF\u{E0000}-\u{E007F}]/u;
const flagOfRegion = /\u{1F3F4}[\u{E0030}-\u{E0039}\u{E0061}-\u{E007A}]{3,6}\u{E007F}/gu;

/** What is hidden in the name of a field. */
export function hiddenInName(name: string): HiddenText {
  if (!name.isWellFormed()) return "lone_surrogate";
  if (!invisibleInName.test(name)) return undefined;
  if (bidi.test(name)) return "bidi_control";
  return /\p{Cc}/u.test(name) ? "control_character" : "zero_width";
}

/** What is hidden in a value; time grows with its length only. */
export function hiddenInValue(text: string): HiddenText {
  if (!text.isWellFormed()) return "lone_surrogate";
  if (!suspicious.test(text)) return undefined;
  if (text.includes("\0")) return "control_character";
  if (bidi.test(text) && !honestBidi(text)) return "bidi_control";
  return honestZeroWidth(text.replace(flagOfRegion, "\u{1F3F4}")) ? undefined : "zero_width";
}

/** Direction controls are honest in text that has right-to-left letters, without overrides, every opener closed in its line. */
function honestBidi(text: string): boolean {
  if (!rightToLeft.test(text)) return false;
  const open: string[] = [];
  for (const character of text) {
    if (character === "\u202D" || character === "\u202E") return false;
    if (character === "\u202A" || character === "\u202B") open.push("\u202C");
    else if (character >= "\u2066" && character <= "\u2068") open.push("\u2069");
    else if (character === "\u202C" || character === "\u2069") {
      if (open.pop() !== character) return false;
    } else if (/[\n\r\u0085\u2028\u2029]/u.test(character) && open.length > 0) return false;
  }
  return open.length === 0;
}

/** Every invisible character stands where its script or an emoji sequence puts it. */
function honestZeroWidth(text: string): boolean {
  const characters = Array.from(text);
  return characters.every((character, i) => {
    const before = characters[i - 1] ?? "";
    const after = characters[i + 1] ?? "";
    switch (character) {
      case "\u200B":
        return unspacedScript.test(before) || unspacedScript.test(after);
      case "\u200C":
        return joiningScript.test(before);
      case "\u200D":
        return joiningScript.test(before) || (emojiEnd.test(before) && emojiStart.test(after));
      case "\u180E":
        return mongolian.test(before);
      default:
        return !(neverHonest.test(character) || (variation.test(character) && variation.test(before)));
    }
  });
}
