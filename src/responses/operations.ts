// The operations of kept responses. They are the callers' who may have them made.
import { change, client, modelRead, reachingOut } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

/** What can be asked of kept responses. */
export const responseOperations = {
  "response.compact": reachingOut(client(change("task.create", "data"))),
  "response.read": client(modelRead()),
  "response.read_input": client(modelRead()),
  "response.cancel": client(change("task.create", "data")),
  "response.delete": client(change("task.create", "data")),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof responseOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
