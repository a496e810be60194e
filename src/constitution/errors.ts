// What can be wrong with a constitution, or with a question put to it.
import { faultsOf } from "../kernel/fault.ts";

/** Codes of the constitution's faults, each with its public sentence. */
export const constitutionCodes = {
  "constitution.unreadable": "A file of the constitution cannot be read.",
  "constitution.invalid": "The constitution breaks its own form; each problem is named with file, line and column.",
  "constitution.articles_changed": "The articles or the schema are not those that this program was built with.",
  "decision.malformed": "The question is not one that the constitution can be asked.",
  "limit.not_a_number": "A measured value is negative, not finite or too large to be exact.",
  "retention.class_unknown": "The constitution has no such retention class.",
} as const;

/** Makes a fault of the constitution. */
export const constitutionFault = faultsOf(constitutionCodes);
