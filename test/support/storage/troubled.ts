// A database over a connection that is lost when a test says so: before a commit, so that nothing was done, or after it, so that
// only the answer is lost. Both look alike to anyone who waits, as they do on a network.
import type { Database, Durability } from "../../../src/db/index.ts";
import { dbFault } from "../../../src/db/errors.ts";

/** What becomes of a unit of work: its connection is lost before its commit or after it, or nothing happens to it. */
export type Fate = "lost_before" | "lost_after" | "answered";

/** A database over a connection that can be lost. */
export class TroubledConnection {
  /** What becomes of the next units; those beyond it are answered. */
  next: Fate[] = [];
  /** Nothing can be reached, neither for reading nor for writing. */
  isAway = false;
  /** Units that were begun. */
  units = 0;
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The database behind it. */
  database<Narrowed = unknown>(): Database<Narrowed> {
    const db = this.#db.tables<Narrowed>();
    const through = async <T>(unit: () => Promise<T>): Promise<T> => {
      this.units++;
      const fate = this.isAway ? "lost_before" : this.next.shift();
      if (fate === "lost_before") throw connectionLost();
      const value = await unit();
      if (fate === "lost_after") throw connectionLost();
      return value;
    };
    return {
      dialect: db.dialect,
      read: db.read.withPlugin({
        transformQuery: ({ node }) => {
          if (this.isAway) throw connectionLost();
          return node;
        },
        transformResult: async ({ result }) => result,
      }),
      tables: () => this.database(),
      migrate: (migrations) => db.migrate(migrations),
      transact: (work, durability?: Durability) => through(() => db.transact(work, durability)),
      once: (query, durability) => through(() => db.once(query, durability)),
      flushed: () => db.flushed(),
      [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
    };
  }
}

function connectionLost() {
  return dbFault("db.unavailable", "The connection to the database was lost.", {}, new Error("connection lost"));
}
