// Characters that make text look like something it is not, told apart from the same characters in honest writing.
//
// How the context decides:
// - Names (keys) hold no invisible or control character at all: two names that look the same must be the same.
// - Values may hold zero-width joiners inside emoji sequences, joiners after a letter of a script that joins (Arabic,
//   Indic and their neighbours; after RFC 5892 appendix A.1 and A.2), zero-width spaces next to scripts that write without
//   spaces, direction marks in text with right-to-left letters, and embeddings or isolates that are closed again in the
//   same line of such text. Overrides, which show letters in another order than they are read ("Trojan Source",
//   CVE-2021-42574), are never honest in data.
// - Tag characters are accepted only as the three to six letters of a flag, variation selectors only one at a time:
//   longer runs carry text that people do not see and models read.
import { HiddenSearch, mayHide } from "./hidden-search.ts";
import type { HiddenText } from "./hidden-search.ts";

const invisibleInName = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;
const bidi = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;

/** What is hidden in the name of a field. */
export function hiddenInName(name: string): HiddenText {
  if (!name.isWellFormed()) return "lone_surrogate";
  if (!invisibleInName.test(name)) return undefined;
  if (bidi.test(name)) return "bidi_control";
  return /\p{Cc}/u.test(name) ? "control_character" : "zero_width";
}

/** What is hidden in a value; time grows with its length only. */
export function hiddenInValue(text: string): HiddenText {
  if (!mayHide(text)) return undefined;
  const search = new HiddenSearch(text);
  search.advance(text.length);
  return search.kind;
}
