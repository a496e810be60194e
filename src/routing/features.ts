// The dense features of a prompt: some eighty numbers, each with a name, made from one reading. Counts are logarithms or
// shares, so that no text is far outside what the weights have seen.
import { wordGroups } from "./lexicon.ts";
import type { WordGroup } from "./lexicon.ts";
import type { Reading } from "./reading.ts";

/** The place of the group of numbers that are written as words. */
const numerals = wordGroups.indexOf("numerals");

const shapes = {
  characters: ({ excerpt }) => Math.log1p(excerpt.text.length),
  words: ({ stemWords }) => Math.log1p(stemWords),
  sentences: ({ sentences }) => Math.log1p(sentences),
  lines: ({ excerpt }) => Math.log1p(excerpt.lines.length),
  wordLength: (reading) => share(reading.letters, reading),
  longWords: (reading) => share(reading.longWords, reading),
  distinctWords: (reading) => share(reading.distinctWords, reading),
  wordsSeenOnce: (reading) => share(reading.wordsSeenOnce, reading),
  capitalised: (reading) => share(reading.capitalised, reading),
  startsLower: ({ startsLower }) => (startsLower ? 1 : 0),
  endsWithQuestion: ({ excerpt }) => (/[?？]\s*$/.test(excerpt.text.slice(0, excerpt.stemEnd).slice(-8)) ? 1 : 0),
  firstSentence: ({ firstSentenceWords }) => Math.log1p(firstSentenceWords),
  lastSentence: ({ lastSentenceWords }) => Math.log1p(lastSentenceWords),
  questions: (reading) => Math.min(4, sign(reading, "?")),
  exclamations: (reading) => Math.min(3, sign(reading, "!")),
  colons: (reading) => Math.min(5, sign(reading, ":")),
  semicolons: (reading) => Math.min(5, sign(reading, ";")),
  commas: (reading) => Math.min(2, share(sign(reading, ","), reading)),
  hyphens: (reading) => Math.min(1, share(sign(reading, "-"), reading)),
  quotes: (reading) => Math.log1p(sign(reading, '"') + sign(reading, "'")),
  blanks: (reading) => Math.min(3, sign(reading, "_")),
  parentheses: (reading) => Math.log1p(sign(reading, "(")),
  brackets: (reading) => Math.log1p(sign(reading, "{") + sign(reading, "[")),
  backticks: (reading) => Math.log1p(sign(reading, "`")),
  indentedLines: ({ excerpt }) => Math.log1p(excerpt.lines.filter((line) => line.startsWith("    ")).length),
  dollars: (reading) => Math.log1p(sign(reading, "$")),
  percents: (reading) => Math.log1p(sign(reading, "%")),
  numbers: ({ numbers }) => Math.log1p(numbers),
  distinctNumbers: ({ distinctNumbers }) => Math.log1p(distinctNumbers),
  shareOfNumbers: ({ numbers, words }) => numbers / Math.max(1, words + numbers),
  magnitude: ({ magnitude }) => Math.min(15, magnitude),
  decimals: ({ decimals }) => Math.log1p(decimals),
  fractionSigns: ({ fractions }) => Math.log1p(fractions),
  years: ({ years }) => Math.min(5, years),
  texCommands: ({ commandsOfTex }) => Math.log1p(commandsOfTex),
  quantities: ({ singleLetters }) => Math.log1p(singleLetters),
  operators: ({ operators }) => Math.log1p(operators),
  formulae: (reading) => Math.min(3, share(reading.operators + reading.commandsOfTex + reading.singleLetters, reading)),
  foreignLetters: ({ foreign, excerpt }) => foreign / Math.max(1, excerpt.text.length),
  wordList: (reading) =>
    reading.sentences === 1 && sign(reading, ",") >= 3 && share(sign(reading, ","), reading) > 0.5 ? 1 : 0,
  options: ({ excerpt }) => excerpt.options.length,
  optionLength: ({ excerpt: { options } }) =>
    Math.log1p(options.reduce((sum, option) => sum + option.length, 0) / Math.max(1, options.length)),
  optionSpread: ({ excerpt: { options } }) => {
    const lengths = options.map(({ length }) => length);
    return lengths.length === 0 ? 0 : Math.log1p(Math.max(...lengths) - Math.min(...lengths));
  },
  numericOptions: ({ excerpt: { options } }) =>
    options.filter((option) => /^\W*\d/.test(option)).length / Math.max(1, options.length),
  optionsOnOptions: ({ excerpt: { options } }) =>
    options.some((option) => /\b(?:all|none|both|neither)\b.*\b(?:above|these|and|nor)\b|cannot be/i.test(option))
      ? 1
      : 0,
  optionsInStem: ({ choices }) => choices.inStem,
  optionsAlike: ({ choices }) => choices.alike,
  oneWordOptions: ({ choices }) => choices.oneWord,
  capitalisedOptions: ({ choices }) => choices.capitalised,
  amounts: ({ numbers, groups }) => Math.log1p(numbers + (groups[numerals] ?? 0)),
} as const satisfies Readonly<Record<string, (reading: Reading) => number>>;

type Shape = keyof typeof shapes;

const shapeNames = Object.keys(shapes) as Shape[];
const measures = Object.values(shapes);

/** The name of a dense feature. */
export type FeatureName = Shape | `${WordGroup}Words`;

/** The dense features, in the order of their numbers. */
export const featureNames: readonly FeatureName[] = [
  ...shapeNames,
  ...wordGroups.map((group) => `${group}Words` as const),
];

/** Writes the dense features of a reading into the first places of an array. */
export function measure(reading: Reading, into: Float64Array): void {
  let place = 0;
  for (const shape of measures) into[place++] = shape(reading);
  // A group's weight in a text grows with its share, but a single word among few must not outweigh everything.
  const scale = Math.sqrt(Math.max(1, reading.words));
  for (const count of reading.groups) into[place++] = Math.sqrt(count / scale);
}

function share(count: number, { words }: Reading): number {
  return count / Math.max(1, words);
}

function sign({ signs }: Reading, character: string): number {
  return signs[character.charCodeAt(0)] ?? 0;
}
