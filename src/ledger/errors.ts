// Every way the ledger refuses or fails, as stable codes with one public sentence each.
import { faultsOf } from "../kernel/fault.ts";

/** The ledger's fault codes. */
export const ledgerCodes = {
  "ledger.leaf_too_large": "A ledger leaf has no canonical form or is larger than 65535 bytes.",
  "ledger.batch_too_large": "More leaves were given at once than one commit may hold.",
  "ledger.busy": "Too many leaves are waiting to be made durable; try again shortly.",
  "ledger.full": "The disk of the ledger is full, so nothing new may begin.",
  "ledger.unavailable": "The ledger could not be written, so nothing happened.",
  "ledger.damaged": "The ledger is damaged and takes no leaves until an operator decides.",
  "ledger.closed": "The ledger has been closed.",
  "ledger.locked": "Another process has this ledger open.",
  "ledger.key_unusable": "The signing key of this ledger is missing or does not belong to it.",
  "ledger.no_such_entry": "The ledger has no entry with this index.",
  "ledger.entry_lost": "The bytes of this entry were lost; its hash is still part of the tree.",
} as const;

/** Makes one of the ledger's faults. */
export const ledgerFault = faultsOf(ledgerCodes);
