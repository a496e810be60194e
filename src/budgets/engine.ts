// What counts calls: in memory where one process has the database for itself (SQLite), in memory against a lease and in the database
// beyond it where processes share it (PostgreSQL). Both promise what `budgets.ts` says.
import type { InMemory } from "./metrics.ts";
import type { Flex, Reservation } from "./reservation.ts";
import type { BudgetTx } from "./store/statement.ts";
import type { Opened } from "./store/counter-state.ts";

/** What became of a call's request, and when that is certain to outlive the process. */
export interface Admission {
  readonly opened: Opened;
  readonly kept: Promise<void>;
}

/** What became of an ending: whether it took place, and the record as it stands now; undefined when there is none. */
export interface Ended {
  readonly applied: boolean;
  readonly reservation: Reservation | undefined;
}

/** An engine. */
export interface Engine extends AsyncDisposable {
  readonly inMemory: InMemory;
  /** Admits a call that asks for the first time, or tells why not; `kept` is in a relaxed commit. */
  open(made: Reservation, flex?: Flex): Promise<Admission>;
  /** Ends a reservation; resolves when that is in a relaxed commit. */
  end(ended: Reservation): Promise<Ended>;
  /** Makes a reservation in the caller's transaction, with which it comes true or not. */
  openIn(tx: BudgetTx, made: Reservation): Promise<Opened>;
  /** Ends a reservation in the caller's transaction. */
  endIn(tx: BudgetTx, ended: Reservation): Promise<Ended>;
  /** Resolves when the tables hold everything that has happened by now. */
  save(): Promise<void>;
  /** Runs what changes the limits. */
  changing<T>(work: () => Promise<T>): Promise<T>;
}
