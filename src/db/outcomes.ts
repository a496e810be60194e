// What a unit of work did to memory follows its transaction: it is told how that ended.
import type { Transaction } from "kysely";

type EndListener = (isCommitted: boolean) => void;

const listeners = new WeakMap<object, EndListener[]>();

/**
 * Calls back once the unit has been committed or undone; a unit that is run again is told of each run. On SQLite a unit that
 * throws is told before the next unit begins. When the connection was lost during the commit, it is told that it was undone.
 */
export function onEnd<T>(tx: Transaction<T>, tell: EndListener): void {
  const list = listeners.get(tx);
  if (list === undefined) throw new Error("only Database.transact tells how a transaction ended");
  list.push(tell);
}

/** Lets `run` run a unit of work in a transaction, once, and tells those who asked in it how that ended. */
export async function telling<T>(
  work: (tx: Transaction<unknown>) => Promise<T>,
  run: (unit: (tx: Transaction<unknown>) => Promise<T>) => Promise<T>,
): Promise<T> {
  const list: EndListener[] = [];
  const undone = (error: unknown): never => {
    for (const tell of list.splice(0).toReversed()) tell(false);
    throw error;
  };
  const unit = async (tx: Transaction<unknown>): Promise<T> => {
    listeners.set(tx, list);
    return work(tx);
  };
  const value = await run((tx) => unit(tx).catch(undone)).catch(undone);
  for (const tell of list.splice(0)) tell(true);
  return value;
}
