// The tables of this domain, as SQL.
import type { Migration } from "../db/index.ts";

/** A key as it lies in its table. Times are milliseconds, the hash is hex. */
export interface KeyRow {
  id: string;
  kind: string;
  product: string | null;
  label: string | null;
  text_hash: string;
  role: string | null;
  /** JSON arrays of text; null for no restriction. */
  operations: string | null;
  networks: string | null;
  /** What binds calls of models, as a JSON object; null for nothing. */
  calls: string | null;
  expires_ms: number | null;
  owner: string | null;
  last_used_ms: number | null;
  created_ms: number;
  created_by: string;
  revoked_ms: number | null;
}

/** The tables of this domain. */
export interface IdentityTables {
  identity_keys: KeyRow;
}

/** The steps that make them. */
export const keyMigrations: readonly Migration[] = [
  {
    name: "identity-0001-keys",
    async up(tx) {
      await tx.schema
        .createTable("identity_keys")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("kind", "text", (column) => column.notNull())
        .addColumn("product", "text")
        .addColumn("label", "text")
        .addColumn("text_hash", "text", (column) => column.notNull())
        .addColumn("created_ms", "bigint", (column) => column.notNull())
        .addColumn("created_by", "text", (column) => column.notNull())
        .addColumn("created_intent", "bigint", (column) => column.unique())
        .addColumn("revoked_ms", "bigint")
        .addColumn("revoked_intent", "bigint", (column) => column.unique())
        .execute();
      await tx.schema.createIndex("identity_keys_by_time").on("identity_keys").columns(["created_ms", "id"]).execute();
    },
  },
  {
    // A key of before has no role of its own: it has that of its kind.
    name: "identity-0005-key-scopes",
    async up(tx) {
      for (const column of ["role", "operations", "networks", "owner"]) {
        await tx.schema.alterTable("identity_keys").addColumn(column, "text").execute();
      }
      for (const column of ["expires_ms", "last_used_ms"]) {
        await tx.schema.alterTable("identity_keys").addColumn(column, "bigint").execute();
      }
    },
  },
  {
    name: "identity-0007-key-calls",
    async up(tx) {
      await tx.schema.alterTable("identity_keys").addColumn("calls", "text").execute();
    },
  },
];
