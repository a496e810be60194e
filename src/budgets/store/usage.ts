// Usage: what was used by whom with which model, by the hour in which it was reserved. Never limited, only counted.
import { sql } from "kysely";
import type { Kysely, RawBuilder } from "kysely";
import { maxCounted } from "../budget.ts";
import type { Charge, Reservation } from "../reservation.ts";
import { windowStart } from "../window.ts";
import { RowsStatement } from "./statement.ts";
import type { BudgetTx } from "./statement.ts";
import { usageColumns, usageKeys, usageMore, usageSums } from "./tables.ts";
import type { BudgetTables } from "./tables.ts";

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
  const statement = new RowsStatement(
    (rows) => `insert into budget_usage as u (${usageColumns}) values ${rows}
      on conflict (${usageKeys.join(", ")}) do update set ${usageMore("min")}`,
    `(${[...usageKeys, ...usageSums].map(() => "?").join(", ")})`,
  );
  return async (
    tx: BudgetTx,
    charges: readonly { readonly reservation: Reservation; readonly charge: Charge }[],
  ): Promise<void> => {
    const rows = new Map<string, { readonly keys: readonly (string | number)[]; readonly sums: number[] }>();
    for (const { reservation, charge } of charges) {
      const { product, project, key, model, createdMs } = reservation;
      const keys = [windowStart("hour", createdMs), product ?? "", project, key, model];
      const name = JSON.stringify(keys);
      const more = usedBy(charge);
      const row = rows.get(name);
      if (row === undefined) rows.set(name, { keys, sums: usageSums.map((sum) => more[sum]) });
      else for (const [i, sum] of usageSums.entries()) row.sums[i] = (row.sums[i] ?? 0) + more[sum];
    }
    const values = [...rows.values()].map(({ keys, sums }) => [...keys, ...sums]);
    await statement.run(tx, values);
  };
}

function usedBy({ tokens, microdollars, unpriced, parts }: Charge): Record<(typeof usageSums)[number], number> {
  return {
    calls: 1,
    tokens,
    microdollars,
    unpriced: unpriced ? 1 : 0,
    input_tokens: parts.input,
    cached_tokens: parts.cached,
    output_tokens: parts.output,
    unpriced_microdollars: unpriced ? microdollars : 0,
  };
}

/** What a product, project and credential used from a moment on; one that is undefined is any. */
export async function usedSince(
  db: Kysely<BudgetTables>,
  of: { readonly product?: string | null; readonly project?: string; readonly key?: string },
  sinceMs: number,
): Promise<UsedInAll> {
  const conditions = [
    sql`hour_ms >= ${sinceMs}`,
    ...(of.product === undefined ? [] : [sql`product = ${of.product ?? ""}`]),
    ...(of.project === undefined ? [] : [sql`project = ${of.project}`]),
    ...(of.key === undefined ? [] : [sql`key_id = ${of.key}`]),
  ];
  const { rows } = await sql<UsedInAll>`
    select ${sumOf("calls")}, ${sumOf("tokens")}, ${sumOf("microdollars")}, ${sumOf("unpriced")}
    from budget_usage_now where ${sql.join(conditions, sql` and `)}`.execute(db);
  return rows[0] ?? { calls: 0, tokens: 0, microdollars: 0, unpriced: 0 };
}

/** A sum that stays an exact integer; 0 where there is nothing to add up. */
export function sumOf(column: (typeof usageSums)[number]): RawBuilder<number> {
  const sum = sql`sum(${sql.ref(column)})`;
  const bounded = sql`case when ${sum} > ${maxCounted} then ${maxCounted} else coalesce(${sum}, 0) end`;
  return sql<number>`cast(${bounded} as bigint) as ${sql.ref(column)}`;
}
