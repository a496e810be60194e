// What the engine asks of a database: a lease to count under, notes of what was counted, and exact decisions beyond it.
import type { Ended, Entry, Lease, Opened } from "../lease.ts";
import type { InMemory } from "../metrics.ts";
import type { Flex, Reservation } from "../reservation.ts";
import type { BudgetTx } from "./statement.ts";

/** A reservation that is to be made. */
export interface Opening {
  readonly made: Reservation;
  readonly flex?: Flex | undefined;
}

/** What is to be decided at once. Endings come first: what they free may be given to openings. */
export interface Question {
  readonly openings: readonly Opening[];
  readonly endings: readonly Reservation[];
}

/** The answers, in the order of what was asked. */
export interface Decided {
  /** Undefined where memory is to be asked again, which was not sure before; never in a caller's transaction. */
  readonly opened: readonly (Opened | undefined)[];
  readonly ended: readonly Ended[];
}

/** The tables, and who may count in memory what is not in them yet. */
export interface Store extends AsyncDisposable {
  readonly inMemory: InMemory;
  /** What memory may count now; undefined when it may not. */
  readonly lease: Lease | undefined;
  /** Memory knows what no commit holds: calls may end there, but none may begin. */
  readonly isBehind: boolean;
  /**
   * Notes what memory has counted under a lease; resolves with true when that is in a relaxed commit, with false when the lease
   * has ended and nothing has happened.
   */
  note(lease: Lease, entry: Entry): Promise<boolean>;
  /** Decides in the caller's transaction, or in a relaxed one of its own. */
  decide(tx: BudgetTx | undefined, question: Question): Promise<Decided>;
  /** Resolves when the tables hold everything that has happened by now, in whatever process; ends all leases. */
  fold(): Promise<void>;
  /** Resolves when the tables and views hold it (`budget_usage_now`, `budget_counters_now`); no lease ends. */
  show(): Promise<void>;
  /** Ends every lease in the transaction that changes the limits, and grants none before that ends. */
  endLeases(tx: BudgetTx): Promise<void>;
}
