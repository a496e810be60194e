// What can be wrong with a request about keys, as callers may read it.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of this domain, each with its HTTP status and its public meaning. */
export const identityCodes = {
  "key.not_found": [404, "There is no such key."],
  "key.product_required": [400, "A key of this kind belongs to one product, which must be named."],
  "key.label_invalid": [400, "A key's label is 1 to 100 printable characters."],
  "key.scope_invalid": [400, "A key's operations, networks or expiry cannot be used; `at` names which."],
  "key.owner_not_found": [400, "There is no user or client that the key could belong to."],
  "key.exists": [409, "A key with this id exists already; make another one."],
} as const;

/** Makes a fault of this domain. */
export const identityFault = faultsOf(identityCodes);
