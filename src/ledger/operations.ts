// The operations of the ledger.
import { open, read } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

const strangers = "a stranger must be able to verify the log; hashes and signatures reveal no record";

/** What can be asked of the ledger. */
export const ledgerOperations = {
  "ledger.checkpoint": open(strangers, "public"),
  "ledger.verifier_key": open(strangers, "public"),
  "ledger.public_key": open(strangers, "public"),
  "ledger.tile": open(strangers, "public"),
  "ledger.proof": open(strangers, "public"),
  "ledger.bundle": read("metrics.view", "data"),
  "ledger.entries": read("metrics.view", "data"),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof ledgerOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
