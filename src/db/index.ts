// The entry point of src/db: open a database, SQLite or PostgreSQL, behind one port.
import type { Log } from "../kernel/ctx.ts";
import { silentMeter } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Database } from "./database.ts";
import { dbMetrics } from "./metrics.ts";
import { openPostgres } from "./postgres.ts";
import type { PostgresOptions } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";
import type { SqliteOptions } from "./sqlite.ts";

export type { Confirm, Database, Dialect, Durability, Effect, Migration } from "./database.ts";
export { Effects } from "./effects.ts";
export { onEnd } from "./outcomes.ts";
export { changed, statement } from "./statement.ts";
export type { Statement, Value } from "./statement.ts";
export { DatabaseProbe } from "./probe.ts";
export { aloneAt, sharedPlace, takeTurn } from "./turns.ts";

/** Which database to open. */
export type DatabaseOptions = SqliteOptions | PostgresOptions;

/**
 * Opens a database. Rejects with `db.unavailable` when it does not answer. The caller disposes of it. Nothing is measured when
 * there is no meter.
 */
export function openDatabase(options: DatabaseOptions, log: Log, meter: Meter = silentMeter): Promise<Database> {
  const metrics = dbMetrics(meter);
  return options.kind === "sqlite" ? openSqlite(options, log, metrics) : openPostgres(options, log, metrics);
}
