// Reserves and settles in the transactions of acts until it is killed, beside calls that are admitted without one. Says "ready"
// after the first. Each reservation names the intent of its act.
import { openDatabase } from "../../../src/db/index.ts";
import type { DatabaseOptions } from "../../../src/db/index.ts";
import { openBudgets } from "../../../src/budgets/index.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import { actOn } from "./acts.ts";

const [product = "", options = "", round = "0"] = process.argv.slice(2);
const db = await openDatabase(JSON.parse(options) as DatabaseOptions, silentLog);
const budgets = openBudgets({ db, clock: systemClock, log: silentLog, defaultTokens: 0 });
const call = { product, key: "key_1", model: "small", tokens: 3, microdollars: null } as const;

let intent = Number(round) * 1_000_000;

async function act(): Promise<void> {
  const [reserving, settling] = [intent++, intent++];
  const held = await actOn(db, reserving).transact((tx) =>
    budgets.reserve(tx, { ...call, kind: "claim", intentIndex: reserving }),
  );
  await actOn(db, settling).transact((tx) => budgets.settle(tx, held, 2, null));
}

async function modelCall(): Promise<void> {
  const { held, kept } = await budgets.admit(call);
  await kept;
  await budgets.charge(held, 2, null);
}

await act();
process.stdout.write("ready\n");
await Promise.all([
  ...Array.from({ length: 8 }, async () => {
    for (;;) await act();
  }),
  (async () => {
    for (;;) await modelCall();
  })(),
]);
