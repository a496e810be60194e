// Statements of the hot path: their text is made once, not by the query builder for every write.
import { CompiledQuery } from "kysely";
import type { Kysely, QueryResult } from "kysely";
import type { Dialect } from "../../db/index.ts";
import type { DepositoryTables } from "./tables.ts";

/** Runs one statement with its values, in a transaction or on the reading side. */
export type Statement<Row> = (
  db: Kysely<DepositoryTables>,
  ...values: readonly (string | number)[]
) => Promise<QueryResult<Row>>;

/** A statement written with `?` for each value; PostgreSQL numbers them instead. */
export function statement<Row = never>(dialect: Dialect, text: string): Statement<Row> {
  let place = 0;
  const spoken = dialect === "postgres" ? text.replaceAll("?", () => `$${++place}`) : text;
  return (db, ...values) => db.executeQuery<Row>(CompiledQuery.raw(spoken, [...values]));
}

/** Whether a statement changed any row. */
export function changed(result: QueryResult<unknown>): boolean {
  return (result.numAffectedRows ?? 0n) > 0n;
}
