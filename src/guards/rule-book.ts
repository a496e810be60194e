// Every rule that stands on a keyword, and the one index of all their keywords, so that a text is read once for all guards.
import { keywordIndex } from "./anchored-rules.ts";
import type { AnchoredRule } from "./anchored-rules.ts";
import { assignmentRules, placeRules } from "./credential-rules.ts";
import { signalRules } from "./injection-rules.ts";
import { tokenRules } from "./secret-rules.ts";

/** Every rule for secrets. */
export const secretRules: readonly AnchoredRule[] = [...tokenRules, ...placeRules, ...assignmentRules];

/** Rules for secrets that have their own form, which bytes drawn at random do not take. */
export const strictRules: readonly AnchoredRule[] = [
  ...tokenRules,
  ...placeRules.filter(({ id }) => id === "private-key" || id === "jwt"),
];

/** Of these, rules for tokens with a mark in them that runs of base64 seldom hold, and never where tokens hold it. */
export const letterRules: readonly AnchoredRule[] = strictRules.filter(({ keywords }) =>
  keywords.every((word) => /[_.:~-]/.test(word)),
);

/** The keywords of all guards. */
export const guardKeywords = keywordIndex([...secretRules, ...signalRules]);
