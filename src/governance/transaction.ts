// The one transaction of an act.
import type { Transaction } from "kysely";
import type { Confirm, Database, Effect, Effects } from "../db/index.ts";
import { Fault } from "../kernel/fault.ts";

/** What is known of an act's transaction. It outlasts what becomes of the act in the hands of its run. */
export interface Fate {
  /** It was committed. */
  isApplied?: boolean;
  /** Whether it was committed cannot be asked now. */
  doubt?: UnknownEffect;
}

/** Opens the one transaction of an act, in which its intent is noted as having taken effect, and puts down what becomes of it. */
export function transaction(
  database: Database,
  effects: Effects,
  {
    intentIndex,
    confirm,
    fate = {},
  }: { readonly intentIndex: number; readonly confirm: Confirm; readonly fate?: Fate },
): Effect["transact"] {
  let isOpened = false;
  return async <T, Tables>(
    work: (tx: Transaction<Tables>) => Promise<T>,
    durability: "durable" | "shared" = "durable",
  ): Promise<T> => {
    if (isOpened) throw new Error("an act has one transaction");
    isOpened = true;
    let done: { readonly value: T } | undefined;
    try {
      const value = await database.tables<Tables>().transact(async (tx) => {
        done = undefined;
        await confirm(tx);
        const value = await work(tx);
        await effects.note(tx, intentIndex);
        done = { value };
        return value;
      }, durability);
      fate.isApplied = true;
      return value;
    } catch (error) {
      if (done === undefined || !(error instanceof Fault) || error.code !== "db.unavailable") throw error;
      // The connection was lost: the commit may have been done and only its answer lost on the way.
      fate.isApplied = await isKnownToApply(effects, intentIndex, error).catch((unknown: unknown) => {
        if (unknown instanceof UnknownEffect) fate.doubt = unknown;
        throw unknown;
      });
      if (fate.isApplied) return done.value;
      throw error;
    }
  };
}

async function isKnownToApply(effects: Effects, intentIndex: number, lost: Fault): Promise<boolean> {
  try {
    return (await effects.among([intentIndex])).has(intentIndex);
  } catch {
    throw new UnknownEffect(lost);
  }
}

/** Whether the act has taken effect is not known, and cannot be asked now. */
export class UnknownEffect extends Error {
  /** What the connection was lost by, for the caller. */
  readonly fault: Fault;

  constructor(fault: Fault) {
    super("whether the act has taken effect cannot be asked now", { cause: fault });
    this.fault = fault;
  }
}
