// Where the database decides, because processes share it: calls that begin or end at the same time share one statement, which decides.
//
// 1. One batch runs at a time; what comes meanwhile is the next one, at most `maxBatch` of each kind.
// 2. A result is given when the batch is committed, not when it is durable: what the caller is told of a call stands in the
//    ledger, and a power cut costs a counter its last moment at most.
// 3. A batch that fails rejects everything in it; nothing of it has been changed, unless the connection was lost while it was
//    committed. Ending the same reservation again is safe.
import type { Database } from "../db/index.ts";
import type { Admission, Ended } from "./engine.ts";
import type { LimitBook } from "./limit-book.ts";
import type { Flex, Reservation } from "./reservation.ts";
import { Batches } from "./store/batch.ts";
import type { Opening } from "./store/batch.ts";
import type { StoredLimits } from "./store/limits.ts";
import type { BudgetTx } from "./store/statement.ts";
import type { BudgetTables } from "./store/tables.ts";
import type { Opened } from "./store/counter-state.ts";

/** Most openings, and most endings, in one batch; bounds what one failure takes down. */
const maxBatch = 256;

interface Waiting<Asked, Answer> extends PromiseWithResolvers<Answer> {
  readonly asked: Asked;
}

/** The queue in front of the tables. */
export class Batcher implements AsyncDisposable {
  readonly #batches: Batches;
  readonly #openings: Waiting<Opening, Opened>[] = [];
  readonly #endings: Waiting<Reservation, Ended>[] = [];
  #pump: Promise<void> | undefined;

  constructor(db: Database<BudgetTables>, limits: StoredLimits) {
    this.#batches = new Batches(db, limits);
  }

  /** The limits as they were last seen. */
  get book(): LimitBook | undefined {
    return this.#batches.book;
  }

  /** Admits a call; resolves when that is in a relaxed commit. */
  async open(made: Reservation, flex?: Flex): Promise<Admission> {
    return { opened: await this.#queued(this.#openings, { made, flex }), kept: Promise.resolve() };
  }

  /** Ends a reservation. */
  end(ended: Reservation): Promise<Ended> {
    return this.#queued(this.#endings, ended);
  }

  /** Makes a reservation in the caller's transaction. */
  async openIn(tx: BudgetTx, made: Reservation): Promise<Opened> {
    const { opened } = await this.#batches.run(tx, [{ made }], []);
    return answered(opened[0]);
  }

  /** Ends one there. */
  async endIn(tx: BudgetTx, ending: Reservation): Promise<Ended> {
    const { ended } = await this.#batches.run(tx, [], [ending]);
    return answered(ended[0]);
  }

  /** Waits for everything that was asked. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#pump !== undefined) await this.#pump;
  }

  #queued<Asked, Answer>(queue: Waiting<Asked, Answer>[], asked: Asked): Promise<Answer> {
    const waiting = { asked, ...Promise.withResolvers<Answer>() };
    queue.push(waiting);
    this.#pump ??= this.#drain();
    return waiting.promise;
  }

  async #drain(): Promise<void> {
    do await this.#commit();
    while (this.#openings.length > 0 || this.#endings.length > 0);
    this.#pump = undefined;
  }

  async #commit(): Promise<void> {
    // What else is asked in this turn of the event loop is in it.
    await Promise.resolve();
    const openings = this.#openings.splice(0, maxBatch);
    const endings = this.#endings.splice(0, maxBatch);
    const asked = [openings.map((each) => each.asked), endings.map((each) => each.asked)] as const;
    try {
      const { opened, ended } = await this.#batches.run(undefined, ...asked);
      for (const [i, { resolve }] of openings.entries()) resolve(answered(opened[i]));
      for (const [i, { resolve }] of endings.entries()) resolve(answered(ended[i]));
    } catch (error) {
      for (const { reject } of [...openings, ...endings]) reject(error);
    }
  }
}

function answered<Answer>(answer: Answer | undefined): Answer {
  if (answer === undefined) throw new Error("a batch left something out");
  return answer;
}
