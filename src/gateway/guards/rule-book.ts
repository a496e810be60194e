// Every rule that stands on a keyword, and the one index of all their keywords, so that a text is read once for all guards.
import { keywordIndex } from "./anchored-rules.ts";
import type { AnchoredRule } from "./anchored-rules.ts";
import { assignmentRules, placeRules } from "./credential-rules.ts";
import { signalRules } from "./injection-rules.ts";
import { tokenRules } from "./secret-rules.ts";

/** Every rule for secrets. */
export const secretRules: readonly AnchoredRule[] = [...tokenRules, ...placeRules, ...assignmentRules];

/** The keywords of all guards. */
export const guardKeywords = keywordIndex([...secretRules, ...signalRules]);
