// What the parsers of model output refuse.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of structured output, each with its HTTP status and its public meaning. */
export const outputCodes = {
  "output.refused": [
    422,
    "What the model answered does not have the form that was asked for, and is not passed on as data.",
  ],
  "schema.refused": [
    400,
    "The JSON Schema for the reply cannot be used: it is too large, too deep or not of the supported kind.",
  ],
} as const;

/** Makes a fault of structured output. */
export const outputFault = faultsOf(outputCodes);
