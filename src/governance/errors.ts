// Codes of refusals that the gate itself makes.
import { faultsOf } from "../kernel/fault.ts";

/** The gate's codes, each with its public meaning. */
export const governanceCodes = {
  "governance.denied": "The constitution does not allow this; `articles` and `policies` name what decided.",
  "permission.denied": "The caller's role lacks the permission, or its credential is not good for this operation.",
  "governance.threat": "A threat detector blocked the request; `findings` say what it saw.",
  "governance.throttled": "A threat detector asks the caller to slow down; try again after `Retry-After` seconds.",
  "storage.halted": "Storage is used up and writes are halted; reads go on.",
  "governance.halted": "Writes are halted by a governance lock until an owner clears it with a recorded reason.",
  "credential.ended":
    "The credential was revoked, expired or lost its owner while the request was open; what had not taken effect is not done.",
  "constitution.changed": "Another constitution came into force while the request was open; nothing was done.",
  "credential.suspended": "The credential is suspended until an admin clears that with a recorded reason.",
  "governance.no_such_halt": "There is no halt in force for this scope.",
  "product.not_found": "There is no such product, or it is not one that the caller may know of.",
} as const;

/** Makes a governance fault. */
export const governanceFault = faultsOf(governanceCodes);
