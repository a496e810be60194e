// The database port with a connection that may be lost around a commit: before it, so that nothing was done, or after it, so that
// only the answer is lost. Both look alike to who waits. This is what a server beyond a network does; the file of SQLite below
// it never does, so units that only SQLite's own driver of the budgets makes, the relaxed ones, are let through.
import { dbFault } from "../../src/db/errors.ts";
import { openDatabase as openReal } from "../../src/db/index.ts";
import type { Database, Durability } from "../../src/db/index.ts";

/** What becomes of a unit of work. */
export type Fate = "lost before" | "lost after" | "answered";

let fateOf: () => Fate = () => "answered";

/** Lets the connection of what is opened from now on meet such fates. */
export function enterDatabase(fates: () => Fate): void {
  fateOf = fates;
}

export { DatabaseProbe } from "../../src/db/index.ts";

/** What `src/app/start.ts` imports in place of its own; `hooks.ts` leads it here. */
export async function openDatabase(...terms: Parameters<typeof openReal>): Promise<Database> {
  return troubled(await openReal(...terms));
}

function troubled<Tables>(db: Database<Tables>): Database<Tables> {
  const through = async <T>(unit: () => Promise<T>, durability: Durability = "durable"): Promise<T> => {
    const fate = durability === "relaxed" ? "answered" : fateOf();
    if (fate === "lost before") throw connectionLost();
    const value = await unit();
    if (fate === "lost after") throw connectionLost();
    return value;
  };
  return {
    dialect: db.dialect,
    read: db.read,
    tables: () => troubled(db.tables()),
    migrate: (migrations) => db.migrate(migrations),
    transact: (work, durability) => through(() => db.transact(work, durability), durability),
    once: (query, durability) => through(() => db.once(query, durability), durability),
    flushed: () => db.flushed(),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}

const connectionLost = (): Error =>
  dbFault("db.unavailable", "The connection to the database was lost.", {}, new Error("simulated"));
