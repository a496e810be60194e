// Statements of the hot path: their text is made once, not by the query builder for every write.
import { CompiledQuery } from "kysely";
import type { Kysely, QueryResult } from "kysely";
import type { Dialect } from "./database.ts";

/** What a statement may be given. */
export type Value = string | number | null;

/** Runs one statement with its values, in a transaction or on the reading side. */
export type Statement<Row> = (
  db: Pick<Kysely<unknown>, "executeQuery">,
  ...values: readonly Value[]
) => Promise<QueryResult<Row>>;

/** A statement written with `?` for each value. */
export function statement<Row = never>(dialect: Dialect, text: string): Statement<Row> {
  const spoken = placeholders(dialect, text);
  return (db, ...values) => db.executeQuery<Row>(CompiledQuery.raw(spoken, [...values]));
}

/** A text with `?` for each value as the dialect writes it: PostgreSQL numbers them. */
function placeholders(dialect: Dialect, text: string): string {
  let place = 0;
  return dialect === "postgres" ? text.replaceAll("?", () => `$${++place}`) : text;
}

/** Whether a statement changed any row. */
export function changed(result: QueryResult<unknown>): boolean {
  return (result.numAffectedRows ?? 0n) > 0n;
}
