// The engine: memory counts calls of models under a lease, and the store decides whatever memory is not sure of.
//
// 1. A lease is room that this process alone may give out: the whole of every budget where no one else uses the database
//    (SQLite), a part of what is free where processes share it (PostgreSQL). `store/` grants it, and ends it.
// 2. A call that fits into the lease is counted in memory, and a note of it is in a relaxed commit before anything of its answer
//    is seen. Notes are folded into the tables later; a call that began and ended in between is never a row.
// 3. What memory is not sure of (no lease, near the limit of a part, calls that began elsewhere, whatever is done in a caller's
//    transaction) the store decides exactly. What is asked at the same time shares one decision.
// 4. A note that comes after its lease has ended is refused: nothing of it has happened, and the store decides the call.
import { GroupCommit } from "../kernel/group-commit.ts";
import type { CommitLine } from "../kernel/group-commit.ts";
import type { Flex, Reservation } from "./reservation.ts";
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

  constructor(store: Store) {
    this.#store = store;
  }

  /** Admits a call that asks for the first time, or tells why not; `kept` is in a relaxed commit. */
  async open(made: Reservation, flex?: Flex): Promise<Admission> {
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
  async end(ending: Reservation): Promise<Ended> {
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
