// One pass over a prompt that counts what the features are made of: words and their groups, numbers, signs, sentences,
// and the hashed words and pairs of words that tell subjects apart.
//
// Work is bounded by the length of the excerpt. No part of the text is kept.
import { choicesOf } from "./choices.ts";
import type { Choices } from "./choices.ts";
import { excerptOf } from "./excerpt.ts";
import type { Excerpt } from "./excerpt.ts";
import { hashPair, hashStart, hashUnit } from "./hash.ts";
import { groupsOf, wordGroups } from "./lexicon.ts";

/** Hashed words and pairs fall into 2^15 buckets: 32 KiB per table of weights. */
export const gramBuckets = 1 << 15;
/** Buckets in which distinct words are counted; far more than an excerpt has words. */
const wordBuckets = 1 << 14;
/** Upper bound of grams in an excerpt: five for each character would be far too many already. */
const maxGrams = 1 << 15;

/** What was counted. */
export interface Reading {
  readonly excerpt: Excerpt;
  readonly choices: Choices;
  words: number;
  stemWords: number;
  letters: number;
  longWords: number;
  capitalised: number;
  singleLetters: number;
  distinctWords: number;
  wordsSeenOnce: number;
  startsLower: boolean;
  sentences: number;
  firstSentenceWords: number;
  lastSentenceWords: number;
  numbers: number;
  distinctNumbers: number;
  decimals: number;
  fractions: number;
  years: number;
  /** Decimal logarithm of the largest number, plus one. */
  magnitude: number;
  commandsOfTex: number;
  operators: number;
  foreign: number;
  ideographs: number;
  /** How often each ASCII sign stands in the text, by code. */
  readonly signs: Uint16Array;
  /** How often a word of each group stands in the text. */
  readonly groups: Uint16Array;
  /** Distinct buckets of words and pairs; valid until the next reading. */
  grams: Int32Array;
}

/** Reads prompts, one after the other, into buffers of its own. */
export class Reader {
  readonly #gramStamps = new Int32Array(gramBuckets);
  readonly #gramBuffer = new Int32Array(maxGrams);
  readonly #wordStamps = new Int32Array(wordBuckets);
  readonly #wordCounts = new Uint16Array(wordBuckets);
  #generation = 0;
  #gramCount = 0;
  #previous = 0;
  #sentenceWords = 0;

  /** Reads a prompt. */
  read(prompt: string): Reading {
    const excerpt = excerptOf(prompt);
    const reading = emptyReading(excerpt);
    this.#generation = this.#generation === 0x7fffffff ? 1 : this.#generation + 1;
    this.#gramCount = 0;
    this.#previous = 0x1234567;
    this.#sentenceWords = 0;
    const { text } = excerpt;
    const numbers = new Set<number>();
    for (let i = 0; i < text.length;) {
      const unit = text.charCodeAt(i);
      if (isDigit(unit)) i = this.#number(reading, text, i, numbers);
      else if (isLetter(unit)) i = this.#word(reading, text, i);
      else i = this.#sign(reading, text, i, unit);
    }
    this.#endSentence(reading);
    reading.distinctNumbers = numbers.size;
    reading.grams = this.#gramBuffer.subarray(0, this.#gramCount);
    return reading;
  }

  #word(reading: Reading, text: string, start: number): number {
    const first = text.charCodeAt(start);
    let hash = hashStart;
    let prefix = 0;
    let end = start;
    if (isIdeograph(first)) {
      hash = hashUnit(hash, first);
      end++;
      reading.ideographs++;
      reading.foreign++;
    } else {
      for (; end < text.length; end++) {
        let unit = text.charCodeAt(end);
        if (!isLetter(unit) || isIdeograph(unit)) {
          const joins = unit === 0x27 || unit === 0x2d || unit === 0x2019;
          if (!joins || !isLatin(text.charCodeAt(end + 1))) break;
          if (unit === 0x2019) unit = 0x27;
        }
        if (unit >= 65 && unit <= 90) unit |= 32;
        hash = hashUnit(hash, unit);
        if (end - start === 4) prefix = hash;
        if (unit >= 128) reading.foreign++;
      }
    }
    hash |= 0;
    const length = end - start;
    this.#countWord(reading, hash, first, start, length);
    if (length > 5) this.#gram(hashPair(prefix, 0x51));
    if (length > 4) {
      const [a, b, c] = [text.charCodeAt(end - 3), text.charCodeAt(end - 2), text.charCodeAt(end - 1)];
      this.#gram(hashPair((a | 32) * 65_536 + (b | 32) * 256 + (c | 32), 0x52));
    }
    this.#token(hash);
    return end;
  }

  #countWord(reading: Reading, hash: number, first: number, start: number, length: number): void {
    reading.words++;
    this.#sentenceWords++;
    reading.letters += length;
    if (start < reading.excerpt.stemEnd) reading.stemWords++;
    if (first >= 65 && first <= 90 && this.#sentenceWords > 1) reading.capitalised++;
    if (length >= 8) reading.longWords++;
    // "a" and "I" are words; other single letters are names of quantities.
    if (length === 1 && first !== 97 && first !== 65 && first !== 73) reading.singleLetters++;
    if (reading.words === 1) reading.startsLower = first >= 97 && first <= 122;
    if (reading.words <= 3) this.#gram(hashPair(hash, 77 + reading.words));
    for (const group of groupsOf(hash) ?? []) reading.groups[group] = (reading.groups[group] ?? 0) + 1;
    const bucket = (hash ^ (hash >>> 14)) & (wordBuckets - 1);
    const count = this.#wordStamps[bucket] === this.#generation ? (this.#wordCounts[bucket] ?? 0) : 0;
    this.#wordStamps[bucket] = this.#generation;
    this.#wordCounts[bucket] = count + 1;
    if (count === 0) reading.distinctWords++;
    if (count < 2) reading.wordsSeenOnce += count === 0 ? 1 : -1;
  }

  #number(reading: Reading, text: string, start: number, numbers: Set<number>): number {
    let end = start;
    let value = 0;
    let digits = 0;
    let isDecimal = false;
    for (; end < text.length; end++) {
      const unit = text.charCodeAt(end);
      if (isDigit(unit)) {
        digits++;
        if (!isDecimal) value = value * 10 + (unit - 48);
      } else if ((unit === 46 || unit === 44) && isDigit(text.charCodeAt(end + 1))) isDecimal ||= unit === 46;
      else break;
    }
    reading.numbers++;
    numbers.add(value);
    if (isDecimal) reading.decimals++;
    if (Number.isFinite(value)) reading.magnitude = Math.max(reading.magnitude, Math.log10(1 + value));
    if (!isDecimal && digits === 4 && value >= 1000 && value <= 2100) reading.years++;
    if (text.charCodeAt(end) === 47 || text.charCodeAt(start - 1) === 47) reading.fractions++;
    // Numbers are alike when they have as many digits.
    this.#token(0x7000 + Math.min(5, digits) * 2 + (isDecimal ? 1 : 0));
    return end;
  }

  #sign(reading: Reading, text: string, at: number, unit: number): number {
    if (unit < 128) reading.signs[unit] = (reading.signs[unit] ?? 0) + 1;
    else reading.foreign++;
    if (unit === 92 && isLatin(text.charCodeAt(at + 1))) reading.commandsOfTex++;
    // + < = > * ^
    if (unit === 43 || (unit >= 60 && unit <= 62) || unit === 42 || unit === 94) reading.operators++;
    // . ! ? at the end of a word, and their full-width forms
    const ends = unit === 46 || unit === 33 || unit === 63;
    if ((ends && !(text.charCodeAt(at + 1) > 32)) || unit === 0x3002 || unit === 0xff1f) this.#endSentence(reading);
    const isPlain = unit <= 32 || unit === 44 || unit === 46;
    if (!isPlain) this.#token(0x9000 + unit);
    return at + 1;
  }

  #endSentence(reading: Reading): void {
    if (this.#sentenceWords === 0) return;
    reading.sentences++;
    if (reading.sentences === 1) reading.firstSentenceWords = this.#sentenceWords;
    reading.lastSentenceWords = this.#sentenceWords;
    this.#sentenceWords = 0;
  }

  #token(hash: number): void {
    this.#gram(hash);
    this.#gram(hashPair(this.#previous, hash));
    this.#previous = hash;
  }

  #gram(hash: number): void {
    const bucket = (hash ^ (hash >>> 15)) & (gramBuckets - 1);
    if (this.#gramStamps[bucket] === this.#generation) return;
    this.#gramStamps[bucket] = this.#generation;
    this.#gramBuffer[this.#gramCount++] = bucket;
  }
}

function emptyReading(excerpt: Excerpt): Reading {
  return {
    excerpt,
    choices: choicesOf(excerpt),
    words: 0,
    stemWords: 0,
    letters: 0,
    longWords: 0,
    capitalised: 0,
    singleLetters: 0,
    distinctWords: 0,
    wordsSeenOnce: 0,
    startsLower: false,
    sentences: 0,
    firstSentenceWords: 0,
    lastSentenceWords: 0,
    numbers: 0,
    distinctNumbers: 0,
    decimals: 0,
    fractions: 0,
    years: 0,
    magnitude: 0,
    commandsOfTex: 0,
    operators: 0,
    foreign: 0,
    ideographs: 0,
    signs: new Uint16Array(128),
    groups: new Uint16Array(wordGroups.length),
    grams: new Int32Array(0),
  };
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57;
}

function isLatin(unit: number): boolean {
  const lower = unit | 32;
  return lower >= 97 && lower <= 122;
}

/** Letters of any script; signs, arrows, box drawing and full-width punctuation are none, and neither are surrogates. */
function isLetter(unit: number): boolean {
  if (unit < 0xc0) return isLatin(unit);
  if (unit >= 0x2000 && unit <= 0x2bff) return false;
  if (unit >= 0x3000 && unit <= 0x303f) return false;
  return unit < 0xd800 || (unit >= 0xf900 && unit < 0xfe00);
}

/** Characters that are words by themselves: kana and Han. */
function isIdeograph(unit: number): boolean {
  return unit >= 0x3040 && unit <= 0x9fff;
}
