// Appends intents with their outcomes from ten writers until it is killed, and prints every acknowledged index with the
// request it stands for. Started by the test that kills it.
import { DiskLog } from "../../../src/ledger/disk/log.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import { intentLeaf } from "./ledger-folder.ts";

const [dir = "", start = "0"] = process.argv.slice(2);
const log = await DiskLog.open({ dir, origin: "test.example/ledger", clock: systemClock, log: silentLog });
let number = Number(start);
const writer = async (): Promise<never> => {
  for (;;) {
    const mine = number++;
    const index = await log.append([intentLeaf(mine)]);
    process.stdout.write(`${index} request-${mine}\n`);
  }
};
await Promise.all(Array.from({ length: 10 }, writer));
