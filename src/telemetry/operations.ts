// The operations of telemetry.
import { read } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

/** What can be asked of telemetry. */
export const telemetryOperations = {
  "metrics.read": read("metrics.view"),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof telemetryOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
