// The form of a prompt, told by its shape alone: what makes a question hard differs from form to form, so each has its
// own weights.
import { featureNames } from "./features.ts";
import type { FeatureName } from "./features.ts";

/** A question with options, a question about quantities in plain words, and all others. */
export const forms = ["options", "quantities", "other"] as const;
/** The name of a form. */
export type Form = (typeof forms)[number];

/** Least logarithm of one more than the distinct numbers of a question about quantities: there are two. */
const fewestNumbers = Math.log1p(2);
/** Share of formulae from which a text is mathematics rather than plain words. */
const formulaeShare = 0.1;

const place = (name: FeatureName) => featureNames.indexOf(name);
const [options, numbers, questions, formulae] = [
  place("options"),
  place("distinctNumbers"),
  place("questions"),
  place("formulae"),
];

/** The form of a prompt, by its dense features. */
export function formOf(features: Float64Array): Form {
  if ((features[options] ?? 0) > 0) return "options";
  const asksOfNumbers = (features[numbers] ?? 0) >= fewestNumbers && (features[questions] ?? 0) > 0;
  return asksOfNumbers && (features[formulae] ?? 0) < formulaeShare ? "quantities" : "other";
}
