// One open handle on a SQLite file, spoken to through kysely.
//
// 1. Integers come and go as JavaScript numbers; one beyond 2^53-1 is refused in both directions, never rounded.
// 2. A full disk is the fault `db.full`; a lock that does not come free or a file that cannot be reached is `db.unavailable`; a
//    broken file is `db.damaged`. Other errors are mistakes in SQL and pass unchanged.
// 3. Statements are prepared once and kept by their text, at most `maxStatements` of them.
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import type { CompiledQuery, DatabaseConnection, QueryResult } from "kysely";
import { BoundedMap } from "../kernel/bounded-map.ts";
import { dbFault } from "./errors.ts";

/** Prepared statements kept per handle: more than Charter has queries, few enough to bound memory. */
const maxStatements = 500;

/** How long SQLite itself waits for a lock, milliseconds. It waits on the event loop's thread, so it must be short. */
const busyTimeoutMs = 100;

/** Result codes of https://sqlite.org/rescode.html (primary code: the low byte). */
const sqliteBusy = 5;
const sqliteLocked = 6;
const sqliteFull = 13;
const sqliteInputOutput = 10;
const sqliteCannotOpen = 14;
const sqliteCorrupt = 11;
const sqliteNotADatabase = 26;

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}

/** One handle on the file: the writer's or the reader's. */
export class SqliteConnection implements DatabaseConnection {
  readonly #handle: DatabaseSync;
  readonly #statements = new BoundedMap<string, Prepared>(maxStatements);

  constructor(file: string, access: "read" | "write") {
    try {
      this.#handle = new DatabaseSync(file, {
        readOnly: access === "read",
        enableForeignKeyConstraints: true,
        timeout: busyTimeoutMs,
      });
    } catch (error) {
      throw publicFault(error);
    }
  }

  /** Runs SQL that has no parameters and no result. */
  exec(text: string): void {
    try {
      this.#handle.exec(text);
    } catch (error) {
      throw publicFault(error);
    }
  }

  /** Whether a transaction is open. SQLite ends one by itself after some errors, such as a full disk. */
  get inTransaction(): boolean {
    return this.#handle.isTransaction;
  }

  /** Runs one statement and gathers its rows. */
  executeSync<R>(query: CompiledQuery): QueryResult<R> {
    const values = query.parameters.map(bindable);
    try {
      const { statement, returnsRows } = this.#prepare(query.sql);
      if (returnsRows) {
        const rows: unknown = statement.all(...values) satisfies Record<string, SQLOutputValue>[];
        return { rows: rows as R[] };
      }
      return { numAffectedRows: BigInt(statement.run(...values).changes), rows: [] };
    } catch (error) {
      throw publicFault(error);
    }
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.executeSync<R>(query);
  }

  // An open cursor would pin this handle to an old snapshot, and later reads on it would not see newer commits.
  // oxlint-disable-next-line require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("streaming a query is not supported on SQLite: read keyset pages");
  }

  close(): void {
    this.#statements.clear();
    this.#handle.close();
  }

  #prepare(text: string): Prepared {
    return this.#statements.getOrMake(text, () => {
      const statement = this.#handle.prepare(text);
      return { statement, returnsRows: statement.columns().length > 0 };
    });
  }
}

/** `node:sqlite` binds every number as a double, so integers go as 64-bit integers explicitly. */
function bindable(value: unknown): SQLInputValue {
  if (typeof value === "number" && Number.isInteger(value)) {
    if (!Number.isSafeInteger(value)) throw new RangeError(`the integer ${value} is beyond 2^53-1`);
    return BigInt(value);
  }
  if (typeof value === "bigint" && BigInt.asIntN(54, value) !== value) {
    throw new RangeError(`the integer ${value} is beyond 2^53-1`);
  }
  return value as SQLInputValue;
}

function publicFault(error: unknown): unknown {
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  switch (code) {
    case sqliteFull:
      return dbFault("db.full", "The database has no room left; nothing was written.", {}, error);
    case sqliteBusy:
    case sqliteLocked:
      return dbFault("db.unavailable", "The database is locked by another process.", { retryAfterSeconds: 1 }, error);
    case sqliteInputOutput:
    case sqliteCannotOpen:
      return dbFault("db.unavailable", "The database file cannot be read or written.", {}, error);
    case sqliteCorrupt:
    case sqliteNotADatabase:
      return dbFault("db.damaged", "The database file is damaged; restore it from a backup.", {}, error);
    default:
      return error;
  }
}
