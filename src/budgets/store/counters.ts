// Counters: what each slot has used and holds in one window.
//
// 1. A counter is the sum of what the calls of its slot and window have used and hold: a counter that is not there is made
//    from those sums, and every change of a reservation changes all counters that are there.
// 2. A counter is made while no other batch runs (`lockAlone`), so that no change falls between the sum and the counter.
// 3. Counters are locked in the order of their names, whoever locks them.
import { sql } from "kysely";
import type { Kysely } from "kysely";
import type { Dialect } from "../../db/index.ts";
import type { BudgetUnit } from "../budget.ts";
import type { Limit } from "../limit-book.ts";
import { windowEnd, windowStart } from "../window.ts";
import { RowsStatement } from "./statement.ts";
import type { BudgetTx } from "./statement.ts";
import { counterName } from "./tables.ts";
import type { BudgetTables } from "./tables.ts";
import { sumOf } from "./usage.ts";

/** Key of the PostgreSQL advisory lock between batches and whoever changes limits or makes counters: "chbudget" shortened. */
const lockKey = 0x6368_6275_6467;

/** Lets batches run side by side, but none beside a change of the limits. SQLite has one writer anyway. */
export async function lockShared(tx: BudgetTx, dialect: Dialect): Promise<void> {
  if (dialect === "postgres") await sql`select pg_advisory_xact_lock_shared(${lockKey})`.execute(tx);
}

/** Waits until no batch runs and keeps others out until the transaction ends. */
export async function lockAlone(tx: BudgetTx, dialect: Dialect): Promise<void> {
  if (dialect === "postgres") await sql`select pg_advisory_xact_lock(${lockKey})`.execute(tx);
}

/** One counter: a limit in one of its windows. */
export interface Counter {
  readonly name: string;
  readonly limit: Limit;
  readonly startMs: number;
}

/** The counter of a limit in the window that holds a moment. */
export function counterOf(limit: Limit, atMs: number): Counter {
  const startMs = windowStart(limit.window, atMs);
  return { name: counterName(limit.slot, startMs), limit, startMs };
}

/** Used and held, in the unit of the counter. */
export interface Counted {
  readonly used: number;
  readonly held: number;
}

/** What changes in one counter. */
export interface CounterChange {
  readonly name: string;
  readonly usedMore: number;
  readonly heldMore: number;
  /** Where something is newly held: the most that may be used and held afterwards. */
  readonly ceiling: number | null;
}

/** The statements on counters that every batch runs. */
export class CounterStatements {
  readonly #lock: RowsStatement<{ name: string; used: number; held: number }>;
  readonly #change: RowsStatement;

  constructor(dialect: Dialect) {
    // "C" compares bytes, as the program does when it sorts names before it sends them.
    const locked = dialect === "postgres" ? ` order by name collate "C" for update` : "";
    this.#lock = new RowsStatement(
      dialect,
      (rows) => `select name, used, held from budget_counters where name in (${rows})${locked}`,
      "?",
      [""],
    );
    this.#change = new RowsStatement(
      dialect,
      (rows) => `with v (counter, used_more, held_more, ceiling) as (values ${rows})
        update budget_counters as c set used = c.used + v.used_more, held = c.held + v.held_more from v
        where c.name = v.counter
          and (v.ceiling is null or c.used + c.held + v.used_more + v.held_more <= v.ceiling)`,
      "(cast(? as text), cast(? as bigint), cast(? as bigint), cast(? as bigint))",
      ["", 0, 0, null],
    );
  }

  /** Locks counters and tells what they hold; those that are not there are missing from the answer. */
  async lock(tx: BudgetTx, names: readonly string[]): Promise<ReadonlyMap<string, Counted>> {
    const { rows } = await this.#lock.run(
      tx,
      names.toSorted().map((name) => [name]),
    );
    return new Map(rows.map(({ name, used, held }) => [name, { used, held }]));
  }

  /** Locks counters, makes those that are not there, and tells what all of them hold. Nobody else may change any meanwhile. */
  async ensured(tx: BudgetTx, counters: readonly Counter[]): Promise<ReadonlyMap<string, Counted>> {
    const names = counters.map(({ name }) => name);
    const there = await this.lock(tx, names);
    if (there.size === names.length) return there;
    await makeCounters(
      tx,
      counters.filter(({ name }) => !there.has(name)),
    );
    return this.lock(tx, names);
  }

  /** Changes counters that the transaction has locked. @throws Error when one would pass its ceiling or is not there. */
  async change(tx: BudgetTx, changes: readonly CounterChange[]): Promise<void> {
    const rows = changes.map(({ name, usedMore, heldMore, ceiling }) => [name, usedMore, heldMore, ceiling]);
    const { changed } = await this.#change.run(tx, rows);
    if (changed !== changes.length) throw new Error("a counter that was locked did not take its change");
  }
}

/** Makes counters that are not there, from what their calls have used and hold. */
async function makeCounters(tx: BudgetTx, counters: readonly Counter[]): Promise<void> {
  for (const counter of counters) {
    const { used, held } = await sums(tx, counter);
    await tx
      .insertInto("budget_counters")
      .values({ name: counter.name, slot: counter.limit.slot, start_ms: counter.startMs, used, held })
      .onConflict((conflict) => conflict.column("name").doNothing())
      .execute();
  }
}

/** What the calls of a counter's slot and window have used and hold, added up from the calls themselves. */
export async function sums(db: Kysely<BudgetTables>, counter: Counter): Promise<Counted> {
  return {
    used: await sumIn(db, counter, "budget_usage"),
    held: await sumIn(db, counter, "budget_reservations"),
  };
}

async function sumIn(
  db: Kysely<BudgetTables>,
  { limit: { unit, window, scope }, startMs }: Counter,
  table: "budget_usage" | "budget_reservations",
): Promise<number> {
  const held = table === "budget_reservations";
  const time = sql.ref(held ? "created_ms" : "hour_ms");
  const endMs = windowEnd(window, startMs);
  const conditions = [
    sql`${time} >= ${startMs}`,
    ...(endMs === null ? [] : [sql`${time} < ${endMs}`]),
    ...(held ? [sql`state = 'held'`] : []),
    ...(scope.product === undefined ? [] : [sql`product = ${scope.product ?? ""}`]),
    ...(scope.project === undefined ? [] : [sql`project = ${scope.project}`]),
    ...(scope.key === undefined ? [] : [sql`key_id = ${scope.key}`]),
    ...(scope.model === undefined ? [] : [sql`model = ${scope.model}`]),
  ];
  const { rows } = await sql<Partial<Record<BudgetUnit, number>>>`
    select ${sumOf(unit)} from ${sql.table(table)} where ${sql.join(conditions, sql` and `)}`.execute(db);
  return rows[0]?.[unit] ?? 0;
}
