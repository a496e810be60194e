// What can be wrong with a catalogue.
import { faultsOf } from "../../kernel/fault.ts";

/** The catalogue's codes, each with its HTTP status and its public meaning. */
export const catalogueCodes = {
  "catalogue.invalid": [500, "The catalogue of models cannot be used as it is written."],
} as const;

/** Makes a catalogue fault. */
export const catalogueFault = faultsOf(catalogueCodes);
