// The gate's own tables: which writes are halted.
import { sql } from "kysely";
import type { Migration } from "../../db/index.ts";

/** The halts in force. */
export interface HaltTables {
  governance_halts: { scope: string; threat: string; intent_index: number; since_ms: number };
}

/** The gate's part of the schema's history. */
export const governanceMigrations: readonly Migration[] = [
  {
    name: "governance-0001-halts",
    up: async (tx) => {
      await tx.schema
        .createTable("governance_halts")
        .addColumn("scope", "text", (column) => column.primaryKey())
        .addColumn("threat", "text", (column) => column.notNull())
        .addColumn("intent_index", "bigint", (column) => column.notNull())
        .addColumn("since_ms", "bigint", (column) => column.notNull())
        .execute();
    },
  },
  {
    name: "governance-0002-cleared-halts",
    up: async (tx) => {
      await tx.schema
        .createTable("governance_cleared_halts")
        .addColumn("cleared_intent", "bigint", (column) => column.primaryKey())
        .addColumn("scope", "text", (column) => column.notNull())
        .addColumn("threat", "text", (column) => column.notNull())
        .addColumn("intent_index", "bigint", (column) => column.notNull())
        .addColumn("since_ms", "bigint", (column) => column.notNull())
        .execute();
    },
  },
  {
    name: "governance-0003-effects",
    up: async (tx) => {
      await sql`insert into effects (intent) select cleared_intent from governance_cleared_halts where true
        on conflict do nothing`.execute(tx);
      await tx.schema.dropTable("governance_cleared_halts").execute();
    },
  },
];
