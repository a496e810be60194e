// One of several processes that share the budgets of a database: says it is ready, reserves as often as it is told once a
// line comes in, gives every third reservation back, settles every other one, spread over a time, and prints how much it was admitted and used.
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { openDatabase } from "../../../src/db/index.ts";
import { openBudgets } from "../../../src/budgets/index.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";

const [product = "", calls = "0", tokens = "1", ending = "hold", spreadMs = "0"] = process.argv.slice(2);
const url = process.env["CHARTER_TEST_BUDGET_URL"] ?? "";
await using db = await openDatabase({ kind: "postgres", url }, silentLog);
await using budgets = openBudgets({ db, clock: systemClock, log: silentLog, defaultTokens: 0 });
process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.destroy();
const counts = { admitted: 0, refused: 0, used: 0 };
await Promise.all(
  Array.from({ length: Number(calls) }, async (_, i) => {
    // Not all in one batch: the processes are to meet each other's half-done work.
    for (let turns = i % 7; turns > 0; turns--) await new Promise(setImmediate);
    if (spreadMs !== "0") await setTimeout(Math.random() * Number(spreadMs));
    const request = { product, key: `key_${i % 3}`, model: "small", tokens: Number(tokens) } as const;
    const admitted = await budgets.admit({ ...request, microdollars: null }).catch(() => undefined);
    const held = admitted?.held;
    if (held === undefined) {
      counts.refused++;
      return;
    }
    counts.admitted++;
    if (ending === "hold") return;
    if (i % 3 === 0) await budgets.giveBack(held);
    else {
      await budgets.charge(held, Number(tokens), null);
      counts.used += Number(tokens);
    }
  }),
);
process.stdout.write(`${JSON.stringify(counts)}\n`);
