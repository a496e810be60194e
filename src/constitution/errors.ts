// What can be wrong with a constitution, or with a question put to it.
import { faultsOf } from "../kernel/fault.ts";

/** Codes of the constitution's faults, each with its HTTP status and its public meaning. */
export const constitutionCodes = {
  "constitution.unreadable": [500, "A file of the constitution cannot be read."],
  "constitution.invalid": [
    500,
    "The constitution breaks its own form; each problem is named with file, line and column.",
  ],
  "constitution.articles_changed": [500, "The articles or the schema are not those that this program was built with."],
  "decision.malformed": [400, "The question is not one that the constitution can be asked."],
  "limit.not_a_number": [400, "A measured value is negative, not finite or too large to be exact."],
  "retention.class_unknown": [400, "The constitution has no such retention class."],
} as const;

/** Makes a fault of the constitution. */
export const constitutionFault = faultsOf(constitutionCodes);
