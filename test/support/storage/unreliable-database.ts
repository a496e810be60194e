// A database that fails around commits, as one does whose connection is lost: it commits and then rejects, or rejects and has
// committed nothing.
import type { CompiledQuery, QueryResult } from "kysely";
import type { Database, Durability, Migration } from "../../../src/db/index.ts";
import { dbFault } from "../../../src/db/errors.ts";

/** What becomes of one commit: only its answer is lost, or the connection before it. */
export type Trouble = "answer" | "commit";

/** The error of a connection that was lost. */
export function lostConnection() {
  return dbFault("db.unavailable", "the connection was lost", { retryAfterSeconds: 1 }, new Error("lost"));
}

/** A database whose next commits fail as it is told; like the database behind it afterwards. */
export class UnreliableDatabase implements Database {
  readonly #inner: Database;
  readonly #read: Database["read"];
  #failingReads = 0;
  #troubles: (Trouble | undefined)[] = [];

  constructor(inner: Database) {
    this.#inner = inner;
    this.#read = inner.read.withPlugin({
      transformQuery: ({ node }) => {
        if (this.#failingReads > 0) {
          this.#failingReads--;
          throw lostConnection();
        }
        return node;
      },
      transformResult: async ({ result }) => result,
    });
  }

  /** The next so many reads that were built by the query builder fail. */
  failReads(count: number): void {
    this.#failingReads = count;
  }

  /** Does something whose next commits fail, one after the other; undefined stands for one that succeeds. */
  losing<T>(troubles: readonly (Trouble | undefined)[], work: () => Promise<T>): Promise<T> {
    this.#troubles = [...troubles];
    return work().finally(() => (this.#troubles = []));
  }

  get dialect(): Database["dialect"] {
    return this.#inner.dialect;
  }

  get read(): Database["read"] {
    return this.#read;
  }

  transact: Database["transact"] = async (work, durability) => {
    const trouble = this.#troubles.shift();
    if (trouble !== "commit") {
      const value = await this.#inner.transact(work, durability);
      if (trouble === "answer") throw lostConnection();
      return value;
    }
    return this.#inner.transact(async (tx) => {
      await work(tx).catch(() => {});
      throw lostConnection();
    }, durability);
  };

  async once<Row>(query: CompiledQuery, durability: Exclude<Durability, "shared">): Promise<QueryResult<Row>> {
    const trouble = this.#troubles.shift();
    if (trouble === "commit") throw lostConnection();
    const result = await this.#inner.once<Row>(query, durability);
    if (trouble === "answer") throw lostConnection();
    return result;
  }

  flushed(): Promise<void> {
    return this.#inner.flushed();
  }

  tables<Narrowed>(): Database<Narrowed> {
    return this as unknown as Database<Narrowed>;
  }

  migrate(migrations: readonly Migration[]): Promise<void> {
    return this.#inner.migrate(migrations);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }
}
