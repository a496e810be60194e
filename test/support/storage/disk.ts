// A database whose writes and reads fail when a test says so.
import type { Database, Durability } from "../../../src/db/index.ts";
import { dbFault } from "../../../src/db/errors.ts";

/** A database whose disk can be full or broken. */
export class Disk {
  isFull = false;
  /** What becomes of the next units; those beyond it are written. */
  next: ("early" | "late" | "written")[] = [];
  isUnreadable = false;
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The database on it. */
  database<Narrowed = unknown>(): Database<Narrowed> {
    const db = this.#db.tables<Narrowed>();
    return {
      dialect: db.dialect,
      read: db.read.withPlugin({
        transformQuery: ({ node }) => {
          if (this.isUnreadable) throw dbFault("db.unavailable", "The disk cannot be read.");
          return node;
        },
        transformResult: async ({ result }) => result,
      }),
      tables: () => this.database(),
      migrate: (migrations) => db.migrate(migrations),
      transact: async (work, durability?: Durability) => {
        const fate = this.isFull ? "early" : this.next.shift();
        const full = dbFault("db.full", "The database has no room left.");
        if (fate === "early") throw full;
        return db.transact(async (tx) => {
          const value = await work(tx);
          if (fate === "late") throw full;
          return value;
        }, durability);
      },
      once: (query, durability) => db.once(query, durability),
      flushed: () => db.flushed(),
      [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
    };
  }
}
