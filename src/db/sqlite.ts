// SQLite through node:sqlite: one writer whose waiting units share a commit, one read-only handle for everyone else.
// The file belongs to one process and must not lie on a network file system.
import {
  DefaultQueryExecutor,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  Transaction,
} from "kysely";
import type {
  CompiledQuery,
  DatabaseConnection,
  Dialect as KyselyDialect,
  Driver,
  KyselyProps,
  QueryCompiler,
  QueryResult,
} from "kysely";
import { closeSync, openSync } from "node:fs";
import type { Log } from "../kernel/ctx.ts";
import { privateFileMode } from "../kernel/file-modes.ts";
import type { Database, Durability, Migration } from "./database.ts";
import type { DbMetrics } from "./metrics.ts";
import { applyMigrations } from "./migrator.ts";
import { telling } from "./outcomes.ts";
import { Checkpoints } from "./sqlite-checkpoints.ts";
import { commitLimits, GroupCommits } from "./sqlite-commits.ts";
import { SqliteConnection } from "./sqlite-connection.ts";

/**
 * Settings of the writer. FULL makes a WAL commit durable; recursive triggers let a REPLACE meet the triggers that refuse
 * deletion; the rest bounds the size of the log and memory. Checkpoints are made while the writer works (sqlite-checkpoints.ts);
 * 40 000 pages, 160 MB, is where it makes one itself.
 */
const writerPragmas = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma wal_autocheckpoint = 40000;
  pragma journal_size_limit = 67108864;
  pragma cache_size = -32768;
  pragma temp_store = memory;
  pragma recursive_triggers = on;
`;
const readerPragmas = `
  pragma query_only = on;
  pragma cache_size = -32768;
  pragma temp_store = memory;
`;

/** Where the SQLite database lies. */
export interface SqliteOptions {
  readonly kind: "sqlite";
  /** Path of the file; it is made when it does not exist. Not `:memory:`, because reader and writer are two handles. */
  readonly file: string;
}

/** Opens a SQLite database. Rejects with `db.full`, `db.unavailable` or `db.damaged`. */
export async function openSqlite(options: SqliteOptions, log: Log, metrics: DbMetrics): Promise<Database> {
  makePrivate(options.file);
  const writer = new SqliteConnection(options.file, "write");
  try {
    writer.exec(writerPragmas);
    const reader = new SqliteConnection(options.file, "read");
    reader.exec(readerPragmas);
    return new SqliteDatabase({ writer, reader, checkpoints: new Checkpoints(options.file, log), log, metrics });
  } catch (error) {
    writer.close();
    throw error;
  }
}

/** Makes the file before SQLite does, which would use 0644; the log and the shared memory next to it get the file's mode. */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, "a", privateFileMode));
  } catch {
    // SQLite meets the same and says what it is.
  }
}

/** What an open database consists of. */
interface SqliteParts {
  readonly writer: SqliteConnection;
  readonly reader: SqliteConnection;
  readonly checkpoints: Checkpoints;
  readonly log: Log;
  readonly metrics: DbMetrics;
}

class SqliteDatabase implements Database {
  readonly dialect = "sqlite";
  readonly read: Kysely<unknown>;
  readonly #writer: SqliteConnection;
  readonly #reader: SqliteConnection;
  readonly #commits: GroupCommits;
  readonly #checkpoints: Checkpoints;
  readonly #metrics: DbMetrics;
  readonly #compiler = new SqliteQueryCompiler();
  #closing: Promise<void> | undefined;

  constructor({ writer, reader, checkpoints, log, metrics }: SqliteParts) {
    this.#metrics = metrics;
    this.#writer = writer;
    this.#reader = reader;
    this.#checkpoints = checkpoints;
    this.#commits = new GroupCommits(writer, log, commitLimits, (startMs) => {
      metrics.committed(startMs);
      checkpoints.committed();
    });
    this.read = new Kysely<unknown>(propsOver(reader, this.#compiler));
  }

  transact<T>(work: (tx: Transaction<unknown>) => Promise<T>, durability: Durability = "durable"): Promise<T> {
    return this.#metrics.transaction(durability, () =>
      telling(work, (unit) =>
        this.#commits.run(
          (connection) => unit(new Transaction<unknown>(propsOver(connection, this.#compiler))),
          durability === "relaxed" ? "relaxed" : "durable",
        ),
      ),
    );
  }

  once<Row>(query: CompiledQuery, durability: Durability): Promise<QueryResult<Row>> {
    return this.transact((tx) => tx.executeQuery<Row>(query), durability);
  }

  // What others can see is durable here.
  async flushed(): Promise<void> {}

  tables<Narrowed>(): Database<Narrowed> {
    return this as unknown as Database<Narrowed>;
  }

  migrate(migrations: readonly Migration[]): Promise<void> {
    return applyMigrations(this, migrations);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.close();
    await this.#checkpoints[Symbol.asyncDispose]();
    this.#reader.close();
    this.#writer.close();
  }
}

/** Everything kysely needs to speak to one connection. SQLite answers at once, so there is nothing to queue for. */
function propsOver(connection: DatabaseConnection, compiler: QueryCompiler): KyselyProps {
  const executor = new DefaultQueryExecutor(compiler, adapter, {
    provideConnection: (consumer) => consumer(connection),
  });
  return { config: { dialect }, dialect, driver: noTransactions, executor };
}

const adapter = new SqliteAdapter();

const refuse = async (): Promise<never> => {
  throw new Error("transactions are opened with Database.transact");
};

/** Kysely's own transactions would bypass the queue of the writer; they are refused. */
const noTransactions: Driver = {
  init: async () => {},
  acquireConnection: refuse,
  beginTransaction: refuse,
  commitTransaction: refuse,
  rollbackTransaction: refuse,
  releaseConnection: async () => {},
  destroy: refuse,
};

const dialect: KyselyDialect = {
  createAdapter: () => adapter,
  createDriver: () => noTransactions,
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
};
