// The operations of the depository.
import { change, read } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

/** What can be asked of the depository. */
export const depositoryOperations = {
  "storage.capacity": read("metrics.view"),
  "artifact.create": change("task.create", "data"),
  "bucket.write": change("task.create", "data"),
  "artifact.list": read("task.view", "data"),
  "artifact.read": read("task.view", "data"),
  "artifact.head": read("task.view", "data"),
  "artifact.content": read("task.view", "data"),
  "artifact.content_head": read("task.view", "data"),
  "artifact.proof": read("task.view", "data"),
  "artifact.lineage": read("task.view", "data"),
  "artifact.hold": change("escalation.resolve"),
  "artifact.replace": change("task.update"),
  "artifact.update": change("task.update"),
  "artifact.delete": change("task.delete"),
  "product.list": read("task.view"),
  "depository.scrub": read("metrics.view"),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof depositoryOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
