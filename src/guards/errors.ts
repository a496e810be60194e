// What the guards refuse.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of the guards, each with its public meaning. */
export const guardCodes = {
  "guard.denied": "The product's policy refuses text like that which a guard found in the call or the reply.",
} as const;

/** Makes a guard fault. */
export const guardFault = faultsOf(guardCodes);
