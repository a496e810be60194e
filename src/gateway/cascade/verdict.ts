// Whether the answer of a cheap model is good enough, or a stronger one is asked: by the form that was asked for, by the
// model's own confidence where the provider gives it, and by whether it says the same thing when asked again. Pure.
//
// Votes help mostly where answers are few and short; a form that does not hold outranks them, and so does confidence.
import type { Choice, Reply } from "../../models/index.ts";
import { finalAnswer, words } from "./final-answer.ts";

/** What the verifier says. */
export type Verdict =
  | { readonly kind: "sure"; readonly why: string; /** Which of the replies stands for all. */ readonly chosen: number }
  | { readonly kind: "unsure"; readonly why: string }
  /** One reply is not enough to say. */
  | { readonly kind: "ask_again" };

/** Replies that are asked for in all when confidence is not given; gains of voting are flat soon after. */
export const samples = 3;
/** Share of replies that must say the same. */
const agreementNeeded = 2 / 3;
/** Mean log-probability of a token above which a model counts as sure: 0.9 a token. Chosen. */
const sureLogprob = Math.log(0.9);
/** Mean log-probability below which it counts as unsure: 0.6 a token. Chosen. */
const unsureLogprob = Math.log(0.6);
/** Share of words that two texts must have in common to say the same. Chosen. */
const sharedWords = 0.6;

/** Judges replies to the same call; `fault` is what is wrong with the form of the first one. */
export function verdictOn(replies: readonly Reply[], fault: string | undefined): Verdict {
  const [first] = replies;
  const choice = first?.choices[0];
  if (choice === undefined) return { kind: "unsure", why: "the cheap model answered nothing" };
  if (fault !== undefined) return { kind: "unsure", why: `the form does not hold: ${fault}` };
  if (choice.finish !== "stop" && choice.finish !== "tool_calls") {
    return { kind: "unsure", why: `the cheap model ended with ${choice.finish}` };
  }
  if (choice.meanLogprob !== undefined) return byConfidence(choice.meanLogprob);
  if (replies.length < samples) return { kind: "ask_again" };
  return byAgreement(replies.flatMap(({ choices }) => choices[0] ?? []));
}

function byConfidence(meanLogprob: number): Verdict {
  const percent = (100 * Math.exp(meanLogprob)).toFixed(0);
  if (meanLogprob >= sureLogprob) return { kind: "sure", why: `confidence ${percent} % a token`, chosen: 0 };
  if (meanLogprob < unsureLogprob) return { kind: "unsure", why: `confidence ${percent} % a token` };
  return { kind: "unsure", why: `confidence ${percent} % a token is in between` };
}

function byAgreement(choices: readonly Choice[]): Verdict {
  const answers = choices.map(finalAnswer);
  let best: readonly number[] = [];
  for (const answer of answers) {
    const same = answers.flatMap((other, i) => (agree(answer, other) ? [i] : []));
    if (same.length > best.length) best = same;
  }
  const agreement = `${best.length} of ${answers.length} replies agree`;
  const [chosen] = best;
  const enough = best.length >= agreementNeeded * answers.length - Number.EPSILON;
  return chosen !== undefined && enough && best.length > 1
    ? { kind: "sure", why: agreement, chosen }
    : { kind: "unsure", why: agreement };
}

/** Whether two answers say the same: to the letter, or, where they are only words, by most of them. */
function agree(left: string, right: string): boolean {
  if (left === right) return true;
  if (!left.startsWith("words ") || !right.startsWith("words ")) return false;
  const [a, b] = [new Set(words(left)), new Set(words(right))];
  const shared = [...a].filter((word) => b.has(word)).length;
  return shared / (a.size + b.size - shared) >= sharedWords;
}
