// The operations of the HTTP door itself.
import { open } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

const probes = "probes carry no credential and the answer names no product";

/** What can be asked of the HTTP door itself. */
export const doorOperations = {
  "index.read": open("a signpost: names the API and where its description is", "control"),
  "index.head": open("clients ask it to see whether the server answers", "probe"),
  "openapi.read": open("the API's description holds no data", "control"),
  "health.read": open(probes, "probe"),
  "ready.read": open(probes, "probe"),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof doorOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
