// The operations of the gate.
import { change, read } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

/** What can be asked of the gate. */
export const governanceOperations = {
  "governance.info": read("metrics.view"),
  "halt.list": read("metrics.view"),
  "halt.clear": change("escalation.resolve"),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof governanceOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
