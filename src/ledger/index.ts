// The entry point of the ledger: open it, repair it, export it, and the words its callers share.
export { leafKinds, outcomes } from "./leaf.ts";
export type { Leaf, LeafFacts, LeafKind, Outcome } from "./leaf.ts";
export type { LeafJson } from "./leaf-json.ts";
export type { Entry, EntryQuery, Ledger, LedgerCondition } from "./ledger.ts";
export { openLedger } from "./disk/disk.ts";
export type { DiskLedger, LedgerOptions } from "./disk/disk.ts";
export { indexedEntries, ledgerMigrations } from "./index-store.ts";
export { ledgerFault } from "./errors.ts";
export { acceptedLosses } from "./disk/accepted.ts";
export { tilePath, tilesBetween, tileWidth } from "./tiles.ts";
export { repairLedger } from "./disk/repair.ts";
export type { FoundDamage, RepairOptions, RepairReport } from "./disk/repair.ts";
