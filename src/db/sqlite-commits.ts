// Units of work that wait together are committed together: one fsync for all of them.
//
// 1. A unit resolves only after the commit that holds it is on disk; a commit of relaxed units alone does not wait for that.
// 2. Each unit runs alone, inside its own savepoint; one that throws is undone and rejects, the others do not notice.
// 3. A commit that fails rejects every unit it would have held, and none of them has changed anything.
// 4. A unit that outlives its time is undone and rejected, and its later queries are refused: it holds the only writer.
import type { CompiledQuery, DatabaseConnection, QueryResult } from "kysely";
import type { Log } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { GroupCommit } from "../kernel/group-commit.ts";
import type { CommitLine, Pending } from "../kernel/group-commit.ts";
import { dbFault } from "./errors.ts";
import type { Durability } from "./database.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

/** The bounds of the queue. */
export interface CommitLimits {
  /** Most units in one commit; bounds how much one failed commit takes down. */
  readonly maxUnits: number;
  /** How long one commit gathers units, milliseconds; bounds the time the first unit waits for the last. */
  readonly maxGatherMs: number;
  /** How long one unit may take, milliseconds. A unit awaits its own queries and nothing else, so this is generous. */
  readonly maxUnitMs: number;
  /** How long to try for the write lock that another process holds, milliseconds. */
  readonly lockWaitMs: number;
}

/** The bounds that a served database runs with. */
export const commitLimits: CommitLimits = { maxUnits: 256, maxGatherMs: 20, maxUnitMs: 10_000, lockWaitMs: 5_000 };

/** The pause between two tries for the write lock, milliseconds. */
const lockPauseMs = 25;

/** The writer as one unit sees it; refuses once the unit is over, so that a forgotten query cannot join another unit. */
class UnitConnection implements DatabaseConnection {
  readonly #writer: SqliteConnection;
  #over = false;

  constructor(writer: SqliteConnection) {
    this.#writer = writer;
  }

  end(): void {
    this.#over = true;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#over) throw new Error("a query was sent after its unit of work had ended");
    return this.#writer.executeSync<R>(query);
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    return this.#writer.streamQuery<R>();
  }
}

interface Unit {
  readonly work: (connection: DatabaseConnection) => Promise<unknown>;
  readonly durability: Durability;
}

interface FinishedUnit {
  readonly unit: Pending<Unit, unknown>;
  readonly value: unknown;
}

/** The queue in front of the one writer. */
export class GroupCommits {
  readonly #writer: SqliteConnection;
  readonly #log: Log;
  readonly #limits: CommitLimits;
  readonly #onCommit: (startMs: number) => void;
  readonly #queue = new GroupCommit<Unit, unknown>({ commit: (line) => this.#commit(line) });
  #closed = false;
  /** What the writer's next commit survives. */
  #durability: Durability = "durable";

  /** @param onCommit Called after a commit, with the moment of `performance.now()` at which it was begun. */
  constructor(
    writer: SqliteConnection,
    log: Log,
    limits: CommitLimits = commitLimits,
    onCommit: (startMs: number) => void = () => {},
  ) {
    this.#onCommit = onCommit;
    this.#writer = writer;
    this.#log = log;
    this.#limits = limits;
  }

  /** Runs a unit of work; resolves with its value once the commit is on disk. */
  run<T>(work: (connection: DatabaseConnection) => Promise<T>, durability: Durability = "durable"): Promise<T> {
    if (this.#closed) return Promise.reject(dbFault("db.unavailable", "The database is closed."));
    return this.#queue.submit({ work, durability }) as Promise<T>;
  }

  /** Refuses new units and waits for those that were accepted. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.drain();
  }

  async #commit(line: CommitLine<Unit, unknown>): Promise<void> {
    const finished: FinishedUnit[] = [];
    let startMs = 0;
    try {
      // One unit that must be durable makes the whole commit so.
      this.#promise(line.waiting.every(({ item }) => item.durability === "relaxed") ? "relaxed" : "durable");
      await this.#begin();
      const gatherUntil = performance.now() + this.#limits.maxGatherMs;
      // The first unit runs however late it is: a busy machine may stop this thread for longer than it gathers.
      for (let isFirst = true; isFirst || performance.now() < gatherUntil; isFirst = false) {
        if (finished.length >= this.#limits.maxUnits) break;
        // One that came meanwhile and must be durable has the next commit.
        if (line.waiting[0]?.item.durability === "durable" && this.#durability === "relaxed") break;
        const unit = line.take();
        if (unit === undefined) break;
        await this.#runOne(unit, finished);
      }
      startMs = performance.now();
      this.#writer.exec("commit");
    } catch (error) {
      this.#undoAll();
      this.#log.error({ err: error, units: finished.length }, "a group of writes could not be committed");
      throw error;
    }
    for (const { unit, value } of finished) unit.resolve(value);
    this.#onCommit(startMs);
  }

  /** Throws only when the shared transaction itself is lost. */
  async #runOne(unit: Pending<Unit, unknown>, finished: FinishedUnit[]): Promise<void> {
    this.#writer.exec("savepoint unit");
    const connection = new UnitConnection(this.#writer);
    try {
      const value = await inTime(unit.item.work(connection), this.#limits.maxUnitMs);
      connection.end();
      this.#writer.exec("release unit");
      finished.push({ unit, value });
    } catch (error) {
      connection.end();
      unit.reject(error);
      if (!this.#writer.inTransaction) throw error;
      this.#writer.exec("rollback to unit; release unit");
    }
  }

  /** Says what the next commit must survive. In WAL mode, NORMAL differs from FULL in the fsync after each commit alone. */
  #promise(durability: Durability): void {
    if (durability === this.#durability) return;
    this.#writer.exec(`pragma synchronous = ${durability === "durable" ? "full" : "normal"}`);
    this.#durability = durability;
  }

  async #begin(): Promise<void> {
    const giveUpAt = performance.now() + this.#limits.lockWaitMs;
    for (;;) {
      try {
        this.#writer.exec("begin immediate");
        return;
      } catch (error) {
        const locked = error instanceof Fault && error.code === "db.unavailable";
        if (!locked || performance.now() >= giveUpAt) throw error;
      }
      await new Promise((resume) => setTimeout(resume, lockPauseMs));
    }
  }

  #undoAll(): void {
    try {
      if (this.#writer.inTransaction) this.#writer.exec("rollback");
    } catch (error) {
      this.#log.error({ err: error }, "rolling back a failed commit failed");
    }
  }
}

/** The value of the work, or `db.unavailable` when it takes longer than `maxUnitMs`. */
async function inTime<T>(work: Promise<T>, maxUnitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(dbFault("db.unavailable", "A unit of work took too long and was undone.", { limit: "maxUnitMs" }));
    }, maxUnitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
