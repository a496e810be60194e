// Every way the ledger refuses or fails, as stable codes with one public sentence each.
import { faultsOf } from "../kernel/fault.ts";

/** The ledger's fault codes. */
export const ledgerCodes = {
  "ledger.leaf_too_large": [400, "A ledger leaf has no canonical form or is larger than 65535 bytes."],
  "ledger.batch_too_large": [500, "More leaves were given at once than one commit may hold."],
  "ledger.busy": [503, "Too many leaves are waiting to be made durable; try again shortly."],
  "ledger.full": [503, "The disk of the ledger is full, so nothing new may begin."],
  "ledger.unavailable": [503, "The ledger could not be written, so nothing happened."],
  "ledger.damaged": [503, "The ledger is damaged and takes no leaves until an operator decides."],
  "ledger.closed": [503, "The ledger has been closed."],
  "ledger.locked": [503, "Another process has this ledger open."],
  "ledger.key_unusable": [503, "The signing key of this ledger is missing or does not belong to it."],
  "ledger.no_such_entry": [404, "The ledger has no entry with this index."],
  "ledger.entry_lost": [410, "The bytes of this entry were lost; its hash is still part of the tree."],
} as const;

/** Makes one of the ledger's faults. */
export const ledgerFault = faultsOf(ledgerCodes);
