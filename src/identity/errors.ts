// What can be wrong with a request about keys, as callers may read it.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of this domain, each with its public sentence. */
export const identityCodes = {
  "key.not_found": "There is no such key.",
  "key.product_required": "A key of this kind belongs to one product, which must be named.",
  "key.label_invalid": "A key's label is 1 to 100 printable characters.",
  "key.scope_invalid": "A key's operations, networks or expiry cannot be used; `at` names which.",
  "key.owner_not_found": "There is no user or client that the key could belong to.",
  "key.exists": "A key with this id exists already; make another one.",
} as const;

/** Makes a fault of this domain. */
export const identityFault = faultsOf(identityCodes);
