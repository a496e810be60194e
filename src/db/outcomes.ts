// What a unit of work did to memory follows its transaction: it is told how that ended.
import type { Transaction } from "kysely";

type Told = (isCommitted: boolean) => void;

const told = new WeakMap<object, Told[]>();

/**
 * Calls back once the unit has been committed or undone; a unit that is run again is told of each run. On SQLite a unit that
 * throws is told before the next unit begins. When the connection was lost during the commit, it is told that it was undone.
 */
export function onEnd<T>(tx: Transaction<T>, tell: Told): void {
  const list = told.get(tx);
  if (list === undefined) throw new Error("only Database.transact tells how a transaction ended");
  list.push(tell);
}

/** Who is to be told how one run of a unit ended; the last one is told first when it was undone. */
export class Outcome {
  readonly #told: Told[] = [];

  /** From now on `onEnd` takes the transaction. */
  follow<Tx extends object>(tx: Tx): Tx {
    told.set(tx, this.#told);
    return tx;
  }

  /** Tells everybody; nobody is told twice. */
  tell(isCommitted: boolean): void {
    const all = this.#told.splice(0);
    for (const tell of isCommitted ? all : all.toReversed()) tell(isCommitted);
  }
}
