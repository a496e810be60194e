// How the options of a multiple-choice question relate to its stem and to each other: the more they share, the less a
// glance at them tells, and the more a question has to be understood.
import type { Excerpt } from "./excerpt.ts";

/** What was found in the options; all are shares, and 0 where there are no options. */
export interface Choices {
  /** Share of the options' words that stand in the stem too. */
  readonly inStem: number;
  /** Mean share of words that two options have in common. */
  readonly alike: number;
  /** Share of options that are a single word. */
  readonly oneWord: number;
  /** Share of options that begin with a capital letter. */
  readonly capitalised: number;
}

const none: Choices = { inStem: 0, alike: 0, oneWord: 0, capitalised: 0 };

/** Looks at the options of an excerpt. */
export function choicesOf({ text, stemEnd, options }: Excerpt): Choices {
  if (options.length === 0) return none;
  const stem = wordsOf(text.slice(0, stemEnd));
  const sets = options.map(wordsOf);
  const all = new Set(sets.flatMap((words) => [...words]));
  let pairs = 0;
  let alike = 0;
  for (const [i, left] of sets.entries()) {
    for (const right of sets.slice(0, i)) {
      const common = shared(left, right);
      alike += common / Math.max(1, left.size + right.size - common);
      pairs++;
    }
  }
  return {
    inStem: shared(all, stem) / Math.max(1, all.size),
    alike: alike / Math.max(1, pairs),
    oneWord: options.filter((option) => /^\S+$/.test(option)).length / options.length,
    capitalised: options.filter((option) => /^\p{Lu}/u.test(option)).length / options.length,
  };
}

function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu));
}

function shared(left: ReadonlySet<string>, right: ReadonlySet<string>): number {
  let count = 0;
  for (const word of left) if (right.has(word)) count++;
  return count;
}
