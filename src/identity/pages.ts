// Listings of this domain: newest first, one page after another.
import { sql } from "kysely";
import type { RawBuilder } from "kysely";

/** The condition on rows that come after the row `after`, newest first; of rows of one instant the id decides. */
export function olderThan(table: string, after: string): RawBuilder<boolean> {
  return sql<boolean>`(created_ms, id) < (select created_ms, id from ${sql.table(table)} where id = ${after})`;
}
