// What the guards and the parsers of model output refuse.
import { faultsOf } from "../../kernel/fault.ts";

/** The codes of the guards, each with its public meaning. */
export const guardCodes = {
  "guard.denied": "The product's policy refuses text like that which a guard found in the call or the reply.",
  "output.refused": "What the model answered does not have the form that was asked for, and is not passed on as data.",
  "schema.refused":
    "The JSON Schema for the reply cannot be used: it is too large, too deep or not of the supported kind.",
} as const;

/** Makes a guard fault. */
export const guardFault = faultsOf(guardCodes);
