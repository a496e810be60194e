// The operations of deliberation.
import { change, modelRead, reachingOut } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

/** What can be asked of deliberation. */
export const deliberationOperations = {
  "consciousness.process": reachingOut(change("task.create", "deliberation")),
  "consciousness.state": modelRead(),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof deliberationOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
