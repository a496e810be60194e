// Counters: what each slot has used and holds in one window.
//
// 1. A counter is the sum of what the calls of its slot and window have used and hold: a counter that is not there is made
//    from those sums, and every change of a reservation changes all counters that are there.
// 2. On PostgreSQL `batch-function.ts` makes and changes counters; here is what SQLite needs, which has one writer.
import { sql } from "kysely";
import type { Kysely } from "kysely";
import { maxCounted } from "../budget.ts";
import type { BudgetUnit } from "../budget.ts";
import type { Limit } from "../limit-book.ts";
import { windowEnd, windowStart } from "../window.ts";
import { RowsStatement } from "./statement.ts";
import type { BudgetTx } from "./statement.ts";
import { counterName } from "./tables.ts";
import type { BudgetTables } from "./tables.ts";
import { sumOf } from "./usage.ts";

/** Key of the PostgreSQL advisory lock between batches and changes of limits or new counters: "chbudget" shortened. */
export const lockKey = 0x6368_6275_6467;

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

/** By how much counters change, by name. */
export type Changes = Map<string, { held: number; used: number }>;

/** The statement that changes counters of SQLite. One that is not there is left out: it is made when it is needed. */
export function changeStatement(): RowsStatement {
  return new RowsStatement(
    (rows) => `with v (counter, used_more, held_more) as (values ${rows})
      update budget_counters as c set used = min(c.used + v.used_more, ${maxCounted}), held = c.held + v.held_more
      from v where c.name = v.counter`,
    "(cast(? as text), cast(? as bigint), cast(? as bigint))",
    ["", 0, 0],
  );
}

/** What counters hold; those that are not there are made, from what their calls have used and hold. */
export async function ensured(tx: BudgetTx, counters: readonly Counter[]): Promise<ReadonlyMap<string, Counted>> {
  const names = counters.map(({ name }) => name);
  const rows = await tx
    .selectFrom("budget_counters")
    .select(["name", "used", "held"])
    .where("name", "in", names)
    .execute();
  const counted = new Map<string, Counted>(rows.map(({ name, used, held }) => [name, { used, held }]));
  for (const counter of counters) {
    if (counted.has(counter.name)) continue;
    const { used, held } = await sums(tx, counter);
    const { name, limit, startMs } = counter;
    await tx.insertInto("budget_counters").values({ name, slot: limit.slot, start_ms: startMs, used, held }).execute();
    counted.set(name, { used, held });
  }
  return counted;
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
