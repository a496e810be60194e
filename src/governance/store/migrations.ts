// The gate's own tables: which writes are halted, and which halts were cleared.
import type { Migration } from "../../db/index.ts";

/** Tables of the gate. */
export interface HaltTables {
  governance_halts: { scope: string; threat: string; intent_index: number; since_ms: number };
  /** Every halt that was cleared, under the intent that announced its end. */
  governance_cleared_halts: {
    cleared_intent: number;
    scope: string;
    threat: string;
    intent_index: number;
    since_ms: number;
  };
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
];
