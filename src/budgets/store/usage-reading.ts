// Usage as it is read for reports: one stretch of time after the other, so that no question holds up everyone else.
import { sql } from "kysely";
import type { Kysely, RawBuilder } from "kysely";
import type { BudgetTables, UsageRow } from "./tables.ts";
import { usageSums } from "./tables.ts";
import { sumOf } from "./usage.ts";

/** Columns by which usage is told apart. */
export type UsageKey = "product" | "project" | "key_id" | "model";

/** Which usage is read: of whole hours, of these and no others. A product of null is that of calls which have none. */
export interface UsageWanted {
  readonly by: readonly UsageKey[];
  readonly product?: string | null;
  readonly project?: string;
  readonly key?: string;
  readonly model?: string;
}

/** Sums of a stretch of time, told apart by what was asked for. */
export type UsageGroup = Pick<UsageRow, (typeof usageSums)[number]> & { readonly [Key in UsageKey]?: string };

/**
 * The condition on a product. SQLite would rather look through all that a product ever used, by the index on it, than through the
 * hours that are asked for; an expression has no index.
 */
function ofProduct(product: string, isAlone: boolean): RawBuilder<unknown> {
  return isAlone ? sql`product || '' = ${product}` : sql`product = ${product}`;
}

/** Where usage is read: with what was noted of calls and is in no table yet, or without, which is faster. */
type UsageSource = "budget_usage" | "budget_usage_now";

/** What was used from one hour to another, which is not included; milliseconds. */
export async function usageBetween(
  db: Kysely<BudgetTables>,
  { by, product, project, key, model }: UsageWanted,
  sinceMs: number,
  untilMs: number,
  source: UsageSource,
): Promise<readonly UsageGroup[]> {
  const conditions = [
    sql`hour_ms >= ${sinceMs} and hour_ms < ${untilMs}`,
    ...(product === undefined ? [] : [ofProduct(product ?? "", project === undefined)]),
    ...(project === undefined ? [] : [sql`project = ${project}`]),
    ...(key === undefined ? [] : [sql`key_id = ${key}`]),
    ...(model === undefined ? [] : [sql`model = ${model}`]),
  ];
  const keys = by.map((column) => sql.ref(column));
  const selected = [...keys, ...usageSums.map(sumOf)];
  const grouped = keys.length === 0 ? sql`having count(*) > 0` : sql`group by ${sql.join(keys)}`;
  const { rows } = await sql<UsageGroup>`
    select ${sql.join(selected)} from ${sql.table(source)} where ${sql.join(conditions, sql` and `)} ${grouped}`.execute(
    db,
  );
  return rows;
}
