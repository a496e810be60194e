// The gate's own table: which writes are halted.
import type { Migration } from "../../db/index.ts";

/** Tables of the gate. */
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
];
