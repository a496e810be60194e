// What is measured of the database.
import { codeOf } from "../kernel/fault.ts";
import { diskBuckets, secondsSince } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Durability } from "./database.ts";
import { dbCodes } from "./errors.ts";

/** Counts what the database does. */
export type DbMetrics = ReturnType<typeof dbMetrics>;

const durabilities: readonly Durability[] = ["durable", "shared", "relaxed"];

/** The metrics of one database. */
export function dbMetrics(meter: Meter) {
  let running = 0;
  const durations = meter.histogram({
    name: "charter_db_transaction_duration_seconds",
    help: "Time from asking for a transaction to its commit, waiting included; the count is that of transactions committed.",
    unit: "seconds",
    buckets: diskBuckets,
    labels: { durability: durabilities },
  });
  const errors = meter.counter({
    name: "charter_db_transaction_errors_total",
    help: "Transactions that changed nothing, by code; `other` for those that their own work gave up.",
    labels: { error_type: Object.keys(dbCodes) },
  });
  const conflicts = meter
    .counter({
      name: "charter_db_conflicts_total",
      help: "Transactions that PostgreSQL broke off because of a conflict, which were tried again.",
    })
    .with({});
  const commits = meter
    .histogram({
      name: "charter_db_commit_duration_seconds",
      help: "Time of one commit of SQLite, which several transactions share; the count is that of commits.",
      unit: "seconds",
      buckets: diskBuckets,
    })
    .with({});
  meter.observe(
    { name: "charter_db_pending_transactions", help: "Transactions that were asked for and have not ended." },
    () => running,
  );
  const seconds = {
    durable: durations.with({ durability: "durable" }),
    shared: durations.with({ durability: "shared" }),
    relaxed: durations.with({ durability: "relaxed" }),
  };
  return {
    /** Measures one transaction. */
    async transaction<T>(durability: Durability, run: () => Promise<T>): Promise<T> {
      const startMs = performance.now();
      running++;
      try {
        const value = await run();
        seconds[durability].observe(secondsSince(startMs));
        return value;
      } catch (error) {
        errors.with({ error_type: codeOf(error) }).add();
        throw error;
      } finally {
        running--;
      }
    },
    /** A transaction met a conflict. */
    conflicted(): void {
      conflicts.add();
    },
    /** A commit was made that was begun at `startMs` of `performance.now()`. */
    committed(startMs: number): void {
      commits.observe(secondsSince(startMs));
    },
  };
}
