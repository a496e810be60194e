// The schema's history: each step runs once, in order of names, in its own transaction.
//
// 1. Two processes that start together do not run a step twice: the step's transaction holds a lock on the history. The one that
//    comes later asks for the lock again and again, as long as the other one's step takes.
// 2. A step that fails leaves neither its changes nor its entry.
// 3. A database that a newer version has changed is refused before anything runs.
import { sql } from "kysely";
import type { Transaction } from "kysely";
import type { Database, Dialect, Migration } from "./database.ts";
import { effectMigrations } from "./effects.ts";
import { dbFault } from "./errors.ts";

/** The history table. */
interface History {
  charter_migrations: { name: string; applied_at: string };
}

/** Key of the PostgreSQL advisory lock that guards the history: the bytes of "chartr" as a number. */
const historyLock = 0x6368_6172_7472;

/** The pause between two tries for that lock, milliseconds. */
const lockPauseMs = 100;

/**
 * Applies the steps that have not run yet; `waits` is called once when another process is at it. Rejects with `db.newer_schema` when
 * the database knows a step we do not.
 */
export async function applyMigrations(
  database: Database,
  migrations: readonly Migration[],
  waits: () => void = () => {},
): Promise<void> {
  const steps = [...effectMigrations, ...migrations].toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const names = new Set(steps.map((step) => step.name));
  if (names.size !== steps.length) throw new Error("two migrations have the same name");
  const db = database.tables<History>();

  const inTurn = turnsAt(db, waits);
  const unknown = await inTurn(async (tx) => {
    await tx.schema
      .createTable("charter_migrations")
      .ifNotExists()
      .addColumn("name", "text", (column) => column.primaryKey())
      .addColumn("applied_at", "text", (column) => column.notNull())
      .execute();
    return [...(await appliedNames(tx))].filter((name) => !names.has(name));
  });
  if (unknown.length > 0) {
    throw dbFault("db.newer_schema", `The database holds steps this version does not know: ${unknown.join(", ")}.`);
  }
  for (const step of steps) await inTurn((tx) => applyOnce(tx, db.dialect, step));
}

async function applyOnce(tx: Transaction<History>, dialect: Dialect, step: Migration): Promise<void> {
  if ((await appliedNames(tx)).has(step.name)) return;
  await step.up(tx as unknown as Transaction<unknown>, dialect);
  // The moment is for operators only and nothing depends on it, so the database's own clock will do.
  await sql`insert into charter_migrations (name, applied_at) values (${step.name}, ${sql`current_timestamp`})`.execute(
    tx,
  );
}

async function appliedNames(tx: Transaction<History>): Promise<Set<string>> {
  const rows = await tx.selectFrom("charter_migrations").select("name").execute();
  return new Set(rows.map((row) => row.name));
}

/** Runs units while no one else works on the history. */
function turnsAt(db: Database<History>, waits: () => void) {
  let isFirst = true;
  return async <T>(work: (tx: Transaction<History>) => Promise<T>): Promise<T> => {
    for (;;) {
      const done = await db.transact(async (tx) => {
        return (await lockHistory(tx, db.dialect)) ? { value: await work(tx) } : undefined;
      });
      if (done !== undefined) return done.value;
      if (isFirst) waits();
      isFirst = false;
      await new Promise((resume) => setTimeout(resume, lockPauseMs));
    }
  };
}

/** Whether the history is this transaction's alone. */
async function lockHistory(tx: Transaction<History>, dialect: Dialect): Promise<boolean> {
  if (dialect === "sqlite") return true; // The writer's transaction already excludes every other writer.
  await sql`set local statement_timeout = 0`.execute(tx);
  await sql`set local idle_in_transaction_session_timeout = 0`.execute(tx);
  const { rows } = await sql<{ ours: boolean }>`select pg_try_advisory_xact_lock(${historyLock}) as ours`.execute(tx);
  return rows[0]?.ours === true;
}
