// Looks for hidden characters in a value stretch by stretch, so that a long one need not be read in one go; what comes out
// does not depend on where the stretches end. What is honest and what is not is told in hidden-text.ts.

/** What is wrong with a piece of text, or undefined. */
export type HiddenText = "bidi_control" | "zero_width" | "control_character" | "lone_surrogate" | undefined;

/** A stretch of hidden characters. */
export interface HiddenRun {
  readonly start: number;
  readonly end: number;
}

// Units that a candidate may begin with; most text has none and is done after one quick pass.
// oxlint-disable-next-line no-control-regex, no-misleading-character-class -- these are the characters that are looked for
const units = /[\0\u061C\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFE00-\uFE0F\uFEFF\uDB40]/;
// Any candidate at all.
// oxlint-disable-next-line no-control-regex -- these are the characters that are looked for
const suspicious = /[\0\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E007F}]|\p{VS}{2}/u;
// The flag of a region as one thing, and otherwise one candidate at a time.
const candidates =
  // oxlint-disable-next-line no-control-regex -- these are the characters that are looked for
  /\u{1F3F4}[\u{E0030}-\u{E0039}\u{E0061}-\u{E007A}]{3,6}\u{E007F}|[\0\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E007F}]|(?<=\p{VS})\p{VS}/gu;
const hidden =
  /[\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E007F}]{1,1000}|\p{VS}{2,1000}/uy;
const bidi = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/;
const directions = /[\n\r\u0085\u2028\u2029\u202A-\u202E\u2066-\u2069]/g;

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

const blackFlag = "\u{1F3F4}";
/** More units than a flag has: what a stretch must see beyond its borders. */
const margin = 32;

const isHigh = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;
const isLow = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

/** The code point that ends at a place, as text. */
function characterBefore(text: string, at: number): string {
  const isPair = at > 1 && isLow(text.charCodeAt(at - 1)) && isHigh(text.charCodeAt(at - 2));
  return text.slice(Math.max(0, at - (isPair ? 2 : 1)), at);
}

/** The code point that begins at a place, as text; empty at the end. */
function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
}

/** Whether a text holds anything that a closer look could find fault with; most texts do not. */
export function mayHide(text: string): boolean {
  return !text.isWellFormed() || (units.test(text) && suspicious.test(text));
}

/** A look for hidden characters that is under way. */
export class HiddenSearch {
  /** The first stretches of hidden characters, as many as were asked for, whether they are honest or not. */
  readonly runs: HiddenRun[] = [];
  readonly #text: string;
  readonly #mostRuns: number;
  #at = 0;
  #runsEnd = 0;
  #isWellFormed = true;
  #isSuspicious = false;
  #hasNul = false;
  #hasBidi = false;
  #hasRightToLeft = false;
  /** What would close the direction controls that are open. */
  #open: string[] = [];
  #isDirected = true;
  #isPlaced = true;

  constructor(text: string, mostRuns = 0) {
    this.#text = text;
    this.#mostRuns = mostRuns;
  }

  /** What is hidden in the part that has been looked at. */
  get kind(): HiddenText {
    if (!this.#isWellFormed) return "lone_surrogate";
    if (!this.#isSuspicious) return undefined;
    if (this.#hasNul) return "control_character";
    const isHonest = !this.#hasBidi || (this.#hasRightToLeft && this.#isDirected && this.#open.length === 0);
    if (!isHonest) return "bidi_control";
    return this.#isPlaced ? undefined : "zero_width";
  }

  /** Looks on, up to `end`; the last time up to the end of the text. */
  advance(end: number): void {
    const text = this.#text;
    const from = this.#at;
    // A pair is not cut in two.
    const to = isHigh(text.charCodeAt(end - 1)) && isLow(text.charCodeAt(end)) ? end - 1 : end;
    if (to <= from) return;
    this.#at = to;
    const isWhole = from === 0 && to === text.length;
    const piece = isWhole ? text : text.slice(from, to);
    this.#isWellFormed &&= piece.isWellFormed();
    const isSuspicious = units.test(piece) && suspicious.test(isWhole ? piece : text.slice(Math.max(0, from - 2), to));
    if (isSuspicious) this.#judge(from, to);
    const hasBidi = isSuspicious && bidi.test(piece);
    this.#hasBidi ||= hasBidi;
    // Letters count wherever they stand, also before the first control.
    if (!this.#hasRightToLeft && (this.#hasBidi || !isWhole)) this.#hasRightToLeft = rightToLeft.test(piece);
    if (this.#isDirected && (hasBidi || this.#open.length > 0)) this.#direct(piece);
  }

  /** Direction controls are honest in text that has right-to-left letters, without overrides, every opener closed in its line. */
  #direct(piece: string): void {
    const open = this.#open;
    for (const [character] of piece.matchAll(directions)) {
      if (character === "\u202A" || character === "\u202B") open.push("\u202C");
      else if (character >= "\u2066" && character <= "\u2068") open.push("\u2069");
      else if (character === "\u202C" || character === "\u2069") this.#isDirected &&= open.pop() === character;
      else if (character === "\u202D" || character === "\u202E" || open.length > 0) this.#isDirected = false;
      if (!this.#isDirected) return;
    }
  }

  /** Whether every invisible character of a stretch stands where its script or an emoji sequence puts it. */
  #judge(from: number, to: number): void {
    const text = this.#text;
    const base = Math.max(0, from - margin);
    let flagEnd = -1;
    for (const { 0: found, index } of text.slice(base, to + margin).matchAll(candidates)) {
      const isFlag = found.startsWith(blackFlag);
      // Of a flag only the letters behind it are hidden.
      const at = base + index + (isFlag ? blackFlag.length : 0);
      const end = base + index + found.length;
      if (at >= to) break;
      if (at >= from) {
        this.#isSuspicious = true;
        this.#hasNul ||= found === "\0";
        this.#collect(at, found);
        if (this.#isPlaced && !isFlag) {
          // A reader sees the flag, not the letters that make it one.
          const before = at === flagEnd ? blackFlag : characterBefore(text, at);
          this.#isPlaced = isInPlace(found, before, characterAt(text, end));
        }
      }
      if (isFlag) flagEnd = end;
    }
  }

  #collect(at: number, found: string): void {
    if (this.runs.length >= this.#mostRuns || found === "\0") return;
    const start = variation.test(found) ? at - characterBefore(this.#text, at).length : at;
    if (start < this.#runsEnd) return;
    hidden.lastIndex = start;
    if (!hidden.test(this.#text)) return;
    this.#runsEnd = hidden.lastIndex;
    this.runs.push({ start, end: this.#runsEnd });
  }
}

function isInPlace(character: string, before: string, after: string): boolean {
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
      return !neverHonest.test(character) && !variation.test(character);
  }
}
