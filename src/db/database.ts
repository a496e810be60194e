// The database port: one committed view for reading, one gate for writing, on SQLite and on PostgreSQL.
//
// 1. `transact` resolves only after the commit is durable (SQLite: WAL with synchronous=FULL; PostgreSQL: synchronous_commit).
//    A `relaxed` unit resolves when it is committed: the end of the process does not undo it, a power cut may, if no durable
//    commit came after it. It is for what can be lost without a promise being broken. A `shared` unit resolves like a durable
//    one; on PostgreSQL it gives back its locks, and others see what it wrote, just before it is durable (early lock release),
//    and units that end together share one wait for the disk. It is for units that meet on the same few rows.
// 2. `read` sees committed state only, never the inside of another transaction.
// 3. A unit of work that throws changes nothing, and no other unit that shared its commit notices.
// 4. Drivers may differ in this alone: SQLite runs units one after another and lets waiting units share one commit;
//    PostgreSQL runs them concurrently at READ COMMITTED, so a unit must make its checks in the statement that writes
//    (`update ... where held + n <= limit`), never by reading first.
// 5. A unit awaits its own queries and nothing else, never another `transact`, and has no effects outside `tx`: on SQLite it
//    holds the only writer while it runs, and PostgreSQL runs it again after a deadlock.
// 6. Integers are JavaScript numbers; one beyond 2^53-1 is refused in both directions.
// 7. Rejects with `db.full` when there is no room and with `db.unavailable` when the database cannot be reached, is locked or
//    is closed. Only in the last case, and only when the connection was lost during the commit, may the unit have been applied.
import type { CompiledQuery, Kysely, QueryResult, Transaction } from "kysely";
import type { Dialect, Migration } from "../kernel/module.ts";

export type { Dialect, Migration } from "../kernel/module.ts";

/** What a commit survives: a power cut (`durable`, `shared`), or only the end of the process (`relaxed`). */
export type Durability = "durable" | "shared" | "relaxed";

/**
 * Makes sure, inside the transaction of an effect, that what was decided before it still holds; without a transaction for an
 * effect that lies in memory only, which must follow at once. A unit calls it before it changes anything and passes on what it
 * rejects with. What it has read cannot change until the transaction ends.
 */
export type Confirm = <T>(tx?: Transaction<T>) => Promise<void>;

/** How an act takes effect. */
export interface Effect {
  /**
   * Opens the act's one transaction: confirms, runs the work and notes the effect, so that all of it becomes durable together
   * or nothing does. Rejects with what `confirm` or the work rejects with; then nothing was changed.
   */
  transact<T, Tables = unknown>(
    work: (tx: Transaction<Tables>) => Promise<T>,
    durability?: Exclude<Durability, "relaxed">,
  ): Promise<T>;
  /** Its first step, for a transaction that acts share; without one for an effect that lies in memory only. */
  readonly confirm: Confirm;
  /** Its last step, for a transaction that acts share: notes that the act takes effect with it, once. */
  note<T>(tx: Transaction<T>): Promise<void>;
}

/** An open database. `Tables` is what the holder may name; each domain narrows it with `tables<T>()`. */
export interface Database<Tables = unknown> extends AsyncDisposable {
  readonly dialect: Dialect;
  /** Committed state, for reading only. */
  readonly read: Kysely<Tables>;
  /** Runs one unit of work in a transaction; resolves with its value when the commit is durable, or relaxed when asked to. */
  transact<T>(work: (tx: Transaction<Tables>) => Promise<T>, durability?: Durability): Promise<T>;
  /**
   * Runs one statement, which is a transaction of its own, so that no lock waits for this process. On PostgreSQL a relaxed one
   * turns `synchronous_commit` off itself.
   */
  once<Row>(query: CompiledQuery, durability: Exclude<Durability, "shared">): Promise<QueryResult<Row>>;
  /** Resolves when all that shared units have committed is durable. */
  flushed(): Promise<void>;
  /** The same database seen through a domain's own tables. */
  tables<Narrowed>(): Database<Narrowed>;
  /** Applies the steps that have not run yet; refuses when an applied step has disappeared. */
  migrate(migrations: readonly Migration[]): Promise<void>;
}
