// The engine: memory counts calls of models under a lease, and the store decides whatever memory is not sure of.
//
// 1. A lease is room that this process alone may give out: the whole of every budget where no one else uses the database
//    (SQLite), a part of what is free where processes share it (PostgreSQL). `store/` grants it, and ends it.
// 2. A call that fits into the lease is counted in memory, and a note of it is in a relaxed commit before anything of its answer
//    is seen. Notes are folded into the tables later; a call that began and ended in between is never a row.
// 3. What memory is not sure of (no lease, near the limit of a part, calls that began elsewhere, whatever is done in a caller's
//    transaction) the store decides exactly. What is asked at the same time shares one decision.
// 4. A note that comes after its lease has ended is refused: nothing of it has happened, and the store decides the call.
// 5. A caller that was told of a lost connection holds no room: what may have been held for it all the same is released, and an end
//    that may not have taken place is asked for again.
import { GroupCommit } from "../kernel/group-commit.ts";
import type { CommitLine } from "../kernel/group-commit.ts";
import { Fault } from "../kernel/fault.ts";
import { ended } from "./reservation.ts";
import type { Flex, Reservation } from "./reservation.ts";
import { LaterEnds } from "./later-ends.ts";
import type { Ended, Opened } from "./lease.ts";
import type { BudgetTx } from "./store/statement.ts";
import type { Decided, Question, Store } from "./store/store.ts";

/** Most calls in one decision; bounds what one failure takes down. */
const maxBatch = 256;

/** What became of a call's request, and when that is certain to outlive the process. */
export interface Admission {
  readonly opened: Opened;
  readonly kept: Promise<unknown>;
}

/** Counts what budgets promise and charge; keeps what `budgets.ts` says. */
export class Engine implements AsyncDisposable {
  readonly #store: Store;
  readonly #undecided = new GroupCommit<Question, Decided>({ commit: (line) => this.#decide(line) });
  readonly #later = new LaterEnds((ending) => this.#end(ending));

  constructor(store: Store) {
    this.#store = store;
  }

  /** Admits a call that asks for the first time, or tells why not; `kept` is in a relaxed commit. */
  open(made: Reservation, flex?: Flex): Promise<Admission> {
    return this.#orLater(this.#open(made, flex), ended(made, { to: "released" }));
  }

  async #open(made: Reservation, flex?: Flex): Promise<Admission> {
    for (;;) {
      const lease = this.#store.isBehind ? undefined : this.#store.lease;
      const begun = lease?.begin(made, flex);
      if (lease !== undefined && begun !== undefined) {
        const { opened, counters } = begun;
        if (opened.outcome !== "admitted") return { opened, kept: atOnce };
        const noted = this.#store.note(lease, { reservation: opened.reservation, counters });
        if (lease.isWhole) return { opened, kept: noted };
        if (await noted) return { opened, kept: atOnce };
      }
      const { opened } = await this.#undecided.submit({ openings: [{ made, flex }], endings: [] });
      if (opened[0] !== undefined) return { opened: opened[0], kept: atOnce };
    }
  }

  /** Ends a reservation; resolves when that is in a relaxed commit. */
  end(ending: Reservation): Promise<Ended> {
    return this.#orLater(this.#end(ending), ending);
  }

  /** Passes on what was asked; where a connection was lost, the reservation is ended later, unless it has been by then. */
  async #orLater<T>(asked: Promise<T>, ending: Reservation): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      if (error instanceof Fault && error.code === "db.unavailable") this.#later.add(ending);
      throw error;
    }
  }

  async #end(ending: Reservation): Promise<Ended> {
    const { lease } = this.#store;
    const entry = lease?.end(ending);
    if (lease !== undefined && entry !== undefined && (await this.#store.note(lease, entry))) {
      return { applied: true, reservation: entry.reservation };
    }
    return only((await this.#undecided.submit({ openings: [], endings: [ending] })).ended);
  }

  /** Makes a reservation in the caller's transaction, with which it comes true or not. */
  async openIn(tx: BudgetTx, made: Reservation): Promise<Opened> {
    return only((await this.#store.decide(tx, { openings: [{ made }], endings: [] })).opened);
  }

  /** Ends a reservation in the caller's transaction. */
  async endIn(tx: BudgetTx, ending: Reservation): Promise<Ended> {
    return only((await this.#store.decide(tx, { openings: [], endings: [ending] })).ended);
  }

  /** Waits for everything that was asked. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#later[Symbol.asyncDispose]();
    await this.#undecided.drain();
    await this.#store[Symbol.asyncDispose]();
  }

  async #decide(line: CommitLine<Question, Decided>): Promise<void> {
    let count = 0;
    const taken = line.takeWhile(() => count++ < maxBatch);
    const openings = taken.flatMap(({ item }) => item.openings);
    const endings = taken.flatMap(({ item }) => item.endings);
    const { opened, ended } = await this.#store.decide(undefined, { openings, endings });
    let [firstOpened, firstEnded] = [0, 0];
    for (const { item, resolve } of taken) {
      resolve({
        opened: opened.slice(firstOpened, (firstOpened += item.openings.length)),
        ended: ended.slice(firstEnded, (firstEnded += item.endings.length)),
      });
    }
  }
}

const atOnce = Promise.resolve();

function only<Answer>(answers: readonly (Answer | undefined)[]): Answer {
  const [answer] = answers;
  if (answer === undefined) throw new Error("a decision left something out");
  return answer;
}
