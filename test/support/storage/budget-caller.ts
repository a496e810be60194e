// Calls of models, many at a time, until the standard input ends or the process is killed. Says each thing once it is certain:
// "admit ID TOKENS" when a call was admitted, "ask ID TOKENS" before it is charged, "charge ID TOKENS" when it was charged.
import { writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { openDatabase } from "../../../src/db/index.ts";
import { openBudgets } from "../../../src/budgets/index.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";

const [product = "", url = ""] = process.argv.slice(2);
await using db = await openDatabase({ kind: "postgres", url }, silentLog);
await using budgets = openBudgets({ db, clock: systemClock, log: silentLog, defaultTokens: 0 });
process.stdin.resume();

/** One call after another; every seventh takes some time, so that its lease may have ended before it does. */
async function calls(worker: number): Promise<void> {
  for (let i = 0; !process.stdin.readableEnded; i++) {
    const tokens = 1 + ((worker + i) % 5);
    const request = { product, key: `key_${worker % 3}`, model: "small", tokens, microdollars: null } as const;
    const admitted = await budgets.admit(request).catch(() => undefined);
    if (admitted === undefined) continue;
    await admitted.kept;
    writeSync(1, `admit ${admitted.held.id} ${tokens}\n`);
    if ((worker + i) % 7 === 0) await setTimeout(Math.random() * 200);
    writeSync(1, `ask ${admitted.held.id} ${tokens}\n`);
    const { reservation } = await budgets.charge(admitted.held, tokens, null);
    writeSync(1, `charge ${admitted.held.id} ${reservation?.settledTokens ?? 0}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, worker) => calls(worker)));
