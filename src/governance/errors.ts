// Codes of refusals that the gate itself makes.
import { faultsOf } from "../kernel/fault.ts";
import type { Fault } from "../kernel/fault.ts";

/** The gate's codes, each with its HTTP status and its public meaning. */
export const governanceCodes = {
  "governance.denied": [403, "The constitution does not allow this; `articles` and `policies` name what decided."],
  "approval.required": [
    403,
    "The constitution allows this only with an approval, which `remedy` names; nothing was done.",
  ],
  "permission.denied": [
    403,
    "The caller's role lacks the permission, or its credential is not good for this operation.",
  ],
  "governance.threat": [403, "A threat detector blocked the request; `findings` say what it saw."],
  "governance.throttled": [
    429,
    "A threat detector asks the caller to slow down; try again after `Retry-After` seconds.",
  ],
  "storage.halted": [503, "Storage is used up and writes are halted; reads go on."],
  "governance.halted": [403, "Writes are halted by a governance lock until an owner clears it with a recorded reason."],
  "credential.ended": [
    401,
    "The credential was revoked, expired or lost its owner while the request was open; what had not taken effect is not done.",
  ],
  "constitution.changed": [409, "Another constitution came into force while the request was open; nothing was done."],
  "credential.suspended": [403, "The credential is suspended until an admin clears that with a recorded reason."],
  "governance.no_such_halt": [404, "There is no halt in force for this scope."],
  "product.not_found": [404, "There is no such product, or it is not one that the caller may know of."],
} as const;

/** Makes a governance fault. */
export const governanceFault = faultsOf(governanceCodes);

/** The refusal of a product that the constitution does not register, for a caller who may know which it does. */
export function unknownProduct(products: Readonly<Record<string, unknown>>): Fault {
  const remedy = `choose one of these: ${Object.keys(products).join(", ")}`;
  return governanceFault("product.not_found", "there is no such product", { remedy });
}
