// Acts that no gate decided, for suites of stores alone: every transaction is that of an act of its own.
import type { Database, Effect } from "../../../src/db/index.ts";
import { Effects } from "../../../src/db/index.ts";
import { transaction } from "../../../src/governance/transaction.ts";

/** Ledger indexes far from those that suites name themselves. */
let intents = 5_000_000;

/** An act on a database; with an intent it is one act, without one every transaction is another. */
export function actOn(db: Database, intent?: number): Effect {
  const effects = new Effects(db);
  const next = (): number => intent ?? intents++;
  const confirm = async (): Promise<void> => {};
  return {
    confirm,
    note: (tx) => effects.note(tx, next()),
    transact: (work) => transaction(db, effects, { intentIndex: next(), confirm })(work),
  };
}

/** Which of these intents have taken effect, in their order. */
export async function appliedOf(db: Database, intents: readonly number[]): Promise<readonly boolean[]> {
  const applied = await new Effects(db).among(intents);
  return intents.map((intent) => applied.has(intent));
}
