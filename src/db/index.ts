// The door of src/db: open a database, SQLite or PostgreSQL, behind one port.
import type { Log } from "../kernel/ctx.ts";
import type { Database } from "./database.ts";
import { openPostgres } from "./postgres.ts";
import type { PostgresOptions } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";
import type { SqliteOptions } from "./sqlite.ts";

export type { Confirm, Database, Dialect, Durability, Migration } from "./database.ts";
export { dbCodes } from "./errors.ts";
export { aloneAt, sharedPlace, takeTurn } from "./turns.ts";

/** Which database to open. */
export type DatabaseOptions = SqliteOptions | PostgresOptions;

/** Opens a database. Rejects with `db.unavailable` when it does not answer. The caller disposes of it. */
export function openDatabase(options: DatabaseOptions, log: Log): Promise<Database> {
  return options.kind === "sqlite" ? openSqlite(options, log) : openPostgres(options, log);
}
