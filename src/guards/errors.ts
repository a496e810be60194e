// What the guards refuse.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of the guards, each with its HTTP status and its public meaning. */
export const guardCodes = {
  "guard.denied": [403, "The product's policy refuses text like that which a guard found in the call or the reply."],
} as const;

/** Makes a guard fault. */
export const guardFault = faultsOf(guardCodes);
