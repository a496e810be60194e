// What can be wrong with the file of external issuers; found at the start, so that it never reaches a caller.
import { faultsOf } from "../../kernel/fault.ts";

/** The codes of external issuers, each with its public sentence. */
export const issuerCodes = {
  "issuers.invalid": "The file of external issuers cannot be used.",
} as const;

/** Makes a fault about external issuers. */
export const issuerFault = faultsOf(issuerCodes);
