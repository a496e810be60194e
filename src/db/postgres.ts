// PostgreSQL through pg: one pool for units of work, one read-only pool, so that neither starves the other.
//
// 1. Units run concurrently at READ COMMITTED; one that the server aborts for a conflict is run again, a bounded number of
//    times, so a unit has no effects but those of its transaction.
// 2. Every wait is bounded: for a connection, for a statement, for a transaction that sits idle; but for that of a migration, which has
//    a connection of its own.
// 3. A shared unit commits with `synchronous_commit = off`, so that its locks end at once, and then waits for a durable commit
//    that comes after it: the log is written in order, so what was committed before is durable with it. One such commit serves
//    all units that wait.
// 4. A lost connection is `db.unavailable`. When it is lost during the commit, the unit may have been applied.
import { Kysely, PostgresDialect, sql } from "kysely";
import type {
  CompiledQuery,
  PostgresCursor,
  PostgresPool,
  PostgresPoolClient,
  PostgresQueryResult,
  QueryResult,
  Transaction,
} from "kysely";
import { Pool, TypeOverrides, types } from "pg";
import type { PoolClient } from "pg";
import type { Log } from "../kernel/ctx.ts";
import { GroupCommit } from "../kernel/group-commit.ts";
import type { Database, Durability, Migration } from "./database.ts";
import { dbFault } from "./errors.ts";
import type { DbMetrics } from "./metrics.ts";
import { applyMigrations } from "./migrator.ts";
import { telling } from "./outcomes.ts";
import { breaks, isConflict, publicFault } from "./postgres-errors.ts";

/** Where the PostgreSQL database lies and how hard Charter may lean on it. */
export interface PostgresOptions {
  readonly kind: "postgres";
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** Connections for writing, and as many again for reading. Default 10. */
  readonly poolSize?: number;
  /** Longest statement, milliseconds. Default 15 000. */
  readonly statementTimeoutMs?: number;
  /** Longest wait for a free connection, milliseconds. Default 5 000. */
  readonly connectTimeoutMs?: number;
}

/** Runs of one unit before a conflict is reported to the caller. */
const maxTries = 5;

/** How long a transaction may sit without a statement, milliseconds; the same bound as a unit has on SQLite. */
const idleInTransactionMs = 10_000;

/** What the client adds to the server's statement timeout before it gives up on a silent server, milliseconds. */
const silentServerMs = 5_000;

/** Opens a PostgreSQL database and proves that it answers. Rejects with `db.unavailable`. */
export async function openPostgres(options: PostgresOptions, log: Log, metrics: DbMetrics): Promise<Database> {
  const database = new PostgresDatabase(options, log, metrics);
  try {
    await database.transact(async () => {});
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
  return database;
}

class PostgresDatabase implements Database {
  readonly dialect = "postgres";
  readonly read: Kysely<unknown>;
  readonly #write: Kysely<unknown>;
  readonly #units = new Set<Promise<unknown>>();
  readonly #metrics: DbMetrics;
  readonly #log: Log;
  readonly #openPatient: () => PostgresDatabase;
  /** Writes one record to the log, whose commit waits for the disk. */
  readonly #flushes = new GroupCommit<undefined, void>({
    commit: async (line) => {
      const waiting = line.takeWhile(() => true);
      await sql`select pg_logical_emit_message(true, 'charter', '')`.execute(this.#write);
      for (const { resolve } of waiting) resolve();
    },
  });
  #closing: Promise<void> | undefined;

  /** A patient one waits for a statement as long as it takes. */
  constructor(options: PostgresOptions, log: Log, metrics: DbMetrics, isPatient = false) {
    const open = (access: "read" | "write"): Kysely<unknown> =>
      new Kysely({ dialect: new PostgresDialect({ pool: openPool(options, access, log, isPatient) }) });
    this.#metrics = metrics;
    this.#log = log;
    this.#write = open("write");
    this.read = open("read");
    this.#openPatient = () => new PostgresDatabase({ ...options, poolSize: 1 }, log, metrics, true);
  }

  transact<T>(work: (tx: Transaction<unknown>) => Promise<T>, durability: Durability = "durable"): Promise<T> {
    const unit = durability === "durable" ? work : withoutWaiting(work);
    const run = () => telling(unit, (told) => this.#write.transaction().execute(told));
    return this.#running(durability, run);
  }

  once<Row>(query: CompiledQuery, durability: Durability): Promise<QueryResult<Row>> {
    return this.#running(durability, () => this.#write.executeQuery<Row>(query));
  }

  async flushed(): Promise<void> {
    try {
      await this.#flushes.submit(undefined);
    } catch (error) {
      throw publicFault(error);
    }
  }

  tables<Narrowed>(): Database<Narrowed> {
    return this as unknown as Database<Narrowed>;
  }

  async migrate(migrations: readonly Migration[]): Promise<void> {
    // An index on a large table takes longer than any statement that serves a caller.
    await using patient = this.#openPatient();
    const waits = (): void => this.#log.warn({}, "another process changes the schema of the database; waiting for it");
    await applyMigrations(patient, migrations, waits);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Runs a unit, again after a conflict; closing waits for it. */
  async #running<T>(durability: Durability, run: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw dbFault("db.unavailable", "The database is closed.");
    const running = this.#metrics.transaction(durability, async () => {
      const value = await this.#tryOften(run);
      if (durability === "shared") await this.flushed();
      return value;
    });
    this.#units.add(running);
    try {
      return await running;
    } finally {
      this.#units.delete(running);
    }
  }

  async #tryOften<T>(run: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await run();
      } catch (error) {
        if (!isConflict(error)) throw publicFault(error);
        this.#metrics.conflicted();
        if (tries >= maxTries) {
          throw dbFault("db.unavailable", "The write collided with others too often.", { retryAfterSeconds: 1 }, error);
        }
      }
    }
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#units);
    await this.#write.destroy();
    await this.read.destroy();
  }
}

/** The unit, whose commit does not wait for the write-ahead log. */
function withoutWaiting<T>(work: (tx: Transaction<unknown>) => Promise<T>): (tx: Transaction<unknown>) => Promise<T> {
  return async (tx) => {
    await sql`set local synchronous_commit = off`.execute(tx);
    return work(tx);
  };
}

function openPool(options: PostgresOptions, access: "read" | "write", log: Log, isPatient: boolean): PostgresPool {
  const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
  const timeouts = { statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + silentServerMs };
  const pool = new Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    application_name: `charter-${access}`,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    ...(isPatient ? {} : timeouts),
    idle_in_transaction_session_timeout: idleInTransactionMs,
    keepAlive: true,
    options: access === "read" ? "-c default_transaction_read_only=on" : "-c synchronous_commit=on",
    types: exactIntegers(),
  });
  // Without listeners a lost connection ends the process: idle clients report to the pool, busy ones to themselves.
  const lost = (error: Error) => log.warn({ err: error, access }, "a database connection was lost");
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
  return withPublicFaults(pool);
}

/** The pool as kysely wants it; whatever fails on a connection is told in this domain's words. */
function withPublicFaults(pool: Pool): PostgresPool {
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      try {
        return new GuardedClient(await pool.connect());
      } catch (error) {
        throw publicFault(error);
      }
    },
  };
}

/** One borrowed connection. One that failed is not given back. */
class GuardedClient implements PostgresPoolClient {
  readonly #client: PoolClient;
  #broken = false;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    text: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof text !== "string") throw new Error("cursors are not used: read keyset pages");
    return this.#run(text, parameters);
  }

  release(destroy?: boolean): void {
    this.#client.release(this.#broken || destroy);
  }

  async #run<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      const result: unknown = await this.#client.query(text, parameters.map(safeParameter));
      return result as PostgresQueryResult<R>;
    } catch (error) {
      const fault = publicFault(error);
      this.#broken ||= breaks(fault);
      throw fault;
    }
  }
}

/** The same refusal as on SQLite: an integer that JavaScript has already rounded must not be stored. */
function safeParameter(value: unknown): unknown {
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new RangeError(`the integer ${value} is beyond 2^53-1`);
  }
  return value;
}

/** Set per client, because the setting of the pg module would change every other user of it in this process. */
function exactIntegers(): TypeOverrides {
  const overrides = new TypeOverrides();
  overrides.setTypeParser(types.builtins.INT8, safeInteger);
  return overrides;
}

function safeInteger(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new RangeError(`the integer ${text} is beyond 2^53-1`);
  return number;
}
