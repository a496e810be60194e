// Usage: what was used by whom with which model, by the hour in which it was reserved. Never limited, only counted.
import { sql } from "kysely";
import type { Kysely, RawBuilder } from "kysely";
import { maxCounted } from "../budget.ts";
import type { Charge, Reservation } from "../reservation.ts";
import { windowStart } from "../window.ts";
import { RowsStatement } from "./statement.ts";
import type { BudgetTx } from "./statement.ts";
import type { BudgetTables, UsageRow } from "./tables.ts";

/** What a number of calls has used. */
export interface UsedInAll {
  readonly calls: number;
  readonly tokens: number;
  readonly microdollars: number;
  /** Calls whose cost is not known. */
  readonly unpriced: number;
}

/** The statement that adds charges to usage of SQLite; those of one hour, caller and model become one row. */
export function usageStatement() {
  const add = (column: string) => `${column} = min(u.${column} + excluded.${column}, ${maxCounted})`;
  const statement = new RowsStatement(
    (rows) => `insert into budget_usage as u
        (hour_ms, product, project, key_id, model, calls, tokens, microdollars, unpriced) values ${rows}
      on conflict (hour_ms, product, project, key_id, model)
      do update set ${["calls", "tokens", "microdollars", "unpriced"].map(add).join(", ")}`,
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  return async (
    tx: BudgetTx,
    charges: readonly { readonly reservation: Reservation; readonly charge: Charge }[],
  ): Promise<void> => {
    const rows = new Map<string, UsageRow>();
    for (const { reservation, charge } of charges) {
      const { product, project, key, model, createdMs } = reservation;
      const hour_ms = windowStart("hour", createdMs);
      const name = JSON.stringify([hour_ms, product, project, key, model]);
      const before = rows.get(name);
      rows.set(name, {
        hour_ms,
        product: product ?? "",
        project,
        key_id: key,
        model,
        calls: (before?.calls ?? 0) + 1,
        tokens: (before?.tokens ?? 0) + charge.tokens,
        microdollars: (before?.microdollars ?? 0) + charge.microdollars,
        unpriced: (before?.unpriced ?? 0) + (charge.unpriced ? 1 : 0),
      });
    }
    const values = [...rows.values()].map((row) => [
      row.hour_ms,
      row.product,
      row.project,
      row.key_id,
      row.model,
      row.calls,
      row.tokens,
      row.microdollars,
      row.unpriced,
    ]);
    await statement.run(tx, values);
  };
}

/** What a product and project used from a moment on; a product or project of undefined is any. */
export async function usedSince(
  db: Kysely<BudgetTables>,
  of: { readonly product?: string | null; readonly project?: string },
  sinceMs: number,
): Promise<UsedInAll> {
  const conditions = [
    sql`hour_ms >= ${sinceMs}`,
    ...(of.product === undefined ? [] : [sql`product = ${of.product ?? ""}`]),
    ...(of.project === undefined ? [] : [sql`project = ${of.project}`]),
  ];
  const { rows } = await sql<UsedInAll>`
    select ${sumOf("calls")}, ${sumOf("tokens")}, ${sumOf("microdollars")}, ${sumOf("unpriced")}
    from budget_usage where ${sql.join(conditions, sql` and `)}`.execute(db);
  return rows[0] ?? { calls: 0, tokens: 0, microdollars: 0, unpriced: 0 };
}

/** A sum that stays an exact integer; 0 where there is nothing to add up. */
export function sumOf(column: keyof UsedInAll): RawBuilder<number> {
  const sum = sql`sum(${sql.ref(column)})`;
  const bounded = sql`case when ${sum} > ${maxCounted} then ${maxCounted} else coalesce(${sum}, 0) end`;
  return sql<number>`cast(${bounded} as bigint) as ${sql.ref(column)}`;
}
