// Loaded into a server before its own code (`node --import`): kills the process at a place in the life of an act, which the
// file that is named by CHARTER_TEST_KILL says: an operation and `before` or `after` its effect.
//
// - `before`: its intent is durable, and nothing of it has been done.
// - `after`: all of it has been done, and its outcome is about to be written.
import { readFileSync } from "node:fs";
import { DiskLog } from "../../../src/ledger/disk/log.ts";

const file = process.env["CHARTER_TEST_KILL"];

function isAt(moment: string, kind: string, leaves: Parameters<DiskLog["append"]>[0]): boolean {
  const [operation, wanted] = readFileSync(file ?? "", "utf8").split(" ");
  return wanted === moment && leaves.some((leaf) => leaf.kind === kind && leaf.operation === operation);
}

if (file !== undefined) {
  // oxlint-disable-next-line typescript/unbound-method -- called with `this` below
  const append = DiskLog.prototype.append;
  DiskLog.prototype.append = async function killing(this: DiskLog, leaves) {
    if (isAt("after", "outcome", leaves)) process.kill(process.pid, "SIGKILL");
    const index = await append.call(this, leaves);
    if (isAt("before", "intent", leaves)) process.kill(process.pid, "SIGKILL");
    return index;
  };
}
