// Waits together, commits together: reservations that are made or end at the same time share one transaction.
//
// 1. A result is given only when the transaction that holds it is durable; for a model call when it is committed, because
//    what the caller is told of a call stands in the ledger, and a power cut costs a counter its last moment at most.
// 2. One batch runs at a time; what comes meanwhile is the next one, at most `maxBatch` of each kind.
// 3. An intent that may not be carried out any more is rejected alone, and the rest of its batch goes on.
// 4. A transaction that fails rejects everything in its batch; nothing of it has been changed, unless the connection was lost
//    while it was committed. Ending the same reservation again is safe.
import type { BudgetAct } from "./reservation.ts";
import type { Transaction } from "kysely";
import type { Database, Durability } from "../db/index.ts";
import { Fault } from "../kernel/fault.ts";
import { Batches, MissingCounters } from "./store/batch.ts";
import type { BatchResult, Ended, Opening } from "./store/batch.ts";
import type { Ending, Opened } from "./store/tally.ts";
import { lockAlone, lockShared } from "./store/counters.ts";
import type { StoredLimits } from "./store/limits.ts";
import type { Reservation } from "./reservation.ts";
import type { LimitBook } from "./limit-book.ts";
import type { BudgetTables } from "./store/tables.ts";

/** Most openings, and most endings, in one batch; bounds what one failed transaction takes down. */
const maxBatch = 256;

interface Waiting<Asked, Answer> {
  readonly asked: Asked;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: unknown) => void;
}

interface Batch {
  readonly openings: readonly Waiting<Opening, Opened>[];
  readonly endings: readonly Waiting<Ending, Ended>[];
}

/** The queue in front of the tables. */
export class Batcher implements AsyncDisposable {
  readonly #db: Database<BudgetTables>;
  readonly #limits: StoredLimits;
  readonly #batches: Batches;
  #openings: Waiting<Opening, Opened>[] = [];
  #endings: Waiting<Ending, Ended>[] = [];
  #book: LimitBook | undefined;
  #pump: Promise<void> | undefined;

  constructor(db: Database<BudgetTables>, limits: StoredLimits) {
    this.#db = db;
    this.#limits = limits;
    this.#batches = new Batches(db.dialect);
  }

  /** Makes a reservation, or tells why not. */
  open(opening: Opening): Promise<Opened> {
    const { promise, resolve, reject } = Promise.withResolvers<Opened>();
    this.#openings.push({ asked: opening, resolve, reject });
    this.#start();
    return promise;
  }

  /** Ends a reservation. */
  end(ending: Ending): Promise<Ended> {
    const { promise, resolve, reject } = Promise.withResolvers<Ended>();
    this.#endings.push({ asked: ending, resolve, reject });
    this.#start();
    return promise;
  }

  /** Waits for everything that was asked. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#pump !== undefined) await this.#pump;
  }

  #start(): void {
    this.#pump ??= this.#drain();
  }

  async #drain(): Promise<void> {
    do await this.#commit();
    while (this.#openings.length > 0 || this.#endings.length > 0);
    this.#pump = undefined;
  }

  /** Takes as late as can be: what was asked until the transaction begins is in it, if that is durable enough for it. */
  #take(durability: Durability): Batch {
    if (durability === "durable" || !this.#asksDurable()) {
      return { openings: this.#openings.splice(0, maxBatch), endings: this.#endings.splice(0, maxBatch) };
    }
    const [openings, endings] = [this.#openings, this.#endings];
    this.#openings = openings.filter(({ asked }) => isClaim(asked.made, asked));
    this.#endings = endings.filter(({ asked }) => isClaim(asked.ended, asked));
    return {
      openings: openings.filter(({ asked }) => !isClaim(asked.made, asked)),
      endings: endings.filter(({ asked }) => !isClaim(asked.ended, asked)),
    };
  }

  /** Whether anything that waits must survive a power cut. */
  #asksDurable(): boolean {
    return (
      this.#openings.some(({ asked }) => isClaim(asked.made, asked)) ||
      this.#endings.some(({ asked }) => isClaim(asked.ended, asked))
    );
  }

  async #commit(): Promise<void> {
    let batch: Batch | undefined;
    const durability = this.#asksDurable() ? "durable" : "relaxed";
    const attempt = (alone: boolean) =>
      this.#db.transact(async (tx) => {
        batch ??= this.#take(durability);
        const { held, refused } = await confirmed(tx, batch);
        await (alone ? lockAlone : lockShared)(tx, this.#db.dialect);
        const version = await this.#limits.version(tx);
        const book = this.#book?.version === version ? this.#book : await this.#limits.book(tx);
        const openings = held.openings.map(({ asked }) => asked);
        const endings = held.endings.map(({ asked }) => asked);
        if (alone) await this.#batches.makeCounters(tx, book, openings, endings);
        return { book, held, refused, result: await this.#batches.run(tx, book, openings, endings) };
      }, durability);
    try {
      const done = await attempt(false).catch((error: unknown) => {
        // A counter is made while no other batch runs, so that nothing falls between its sum and its first change.
        if (error instanceof MissingCounters) return attempt(true);
        throw error;
      });
      this.#book = done.book;
      for (const reject of done.refused) reject();
      answer(done.held, done.result);
    } catch (error) {
      const { openings, endings } = batch ?? this.#take(durability);
      for (const { reject } of [...openings, ...endings]) reject(error);
    }
  }
}

/** Whether a reservation, or its end, is what a caller of the API is told: that must be durable first. */
function isClaim({ kind }: Pick<Reservation, "kind">, { act }: { readonly act?: BudgetAct | undefined }): boolean {
  return kind === "claim" || act !== undefined;
}

/** The part of a batch whose intents may still be carried out, and how to tell the others. */
async function confirmed(
  tx: Transaction<BudgetTables>,
  batch: Batch,
): Promise<{ readonly held: Batch; readonly refused: readonly (() => void)[] }> {
  const refused: (() => void)[] = [];
  const those = async <One extends Waiting<{ readonly act?: BudgetAct | undefined }, never>>(
    waiting: readonly One[],
  ): Promise<One[]> => {
    const held: One[] = [];
    for (const each of waiting) {
      try {
        await each.asked.act?.confirm(tx);
        held.push(each);
      } catch (error) {
        // Only what was refused; a transaction that is lost is lost for all.
        if (!(error instanceof Fault) || error.code.startsWith("db.")) throw error;
        refused.push(() => each.reject(error));
      }
    }
    return held;
  };
  return { held: { openings: await those(batch.openings), endings: await those(batch.endings) }, refused };
}

function answer(batch: Batch | undefined, { opened, ended }: BatchResult): void {
  for (const [i, { resolve, reject }] of (batch?.openings ?? []).entries()) {
    const one = opened[i];
    if (one === undefined) reject(new Error("a batch left an opening out"));
    else resolve(one);
  }
  for (const [i, { resolve, reject }] of (batch?.endings ?? []).entries()) {
    const one = ended[i];
    if (one === undefined) reject(new Error("a batch left an ending out"));
    else resolve(one);
  }
}
