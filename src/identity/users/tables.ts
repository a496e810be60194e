// The tables of users, as SQL. Times are milliseconds; booleans are 0 and 1, which both dialects agree on.
import type { Migration } from "../../db/index.ts";

/** A user as it lies in its table. */
export interface UserRow {
  id: string;
  username: string;
  email: string;
  full_name: string | null;
  kind: string;
  role: string;
  product: string | null;
  /** PHC string, or a bcrypt hash that came with an import and was not used yet. */
  password_hash: string;
  disabled: number;
  /** 0: never; 1: the address has been shown to be the user's own; 2: that was another address, which was replaced since. */
  verified: number;
  must_change: number;
  epoch: number;
  created_ms: number;
  updated_ms: number;
  last_login_ms: number | null;
}

/** The tables of this part. */
export interface UserTables {
  identity_users: UserRow;
  /** Which user has proved an address; its lower-case form is the key, so that one address has one owner. */
  identity_user_emails: { email_key: string; user_id: string };
  /** Tokens that are still good, one for each holder and purpose; one that is used or replaced is gone. */
  identity_user_tokens: { holder: string; purpose: string; token_hash: string; expires_ms: number };
}

/** The steps that make them. */
export const userMigrations: readonly Migration[] = [
  {
    name: "identity-0003-users",
    async up(tx) {
      await tx.schema
        .createTable("identity_users")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("username", "text", (column) => column.notNull().unique())
        .addColumn("email", "text", (column) => column.notNull())
        .addColumn("full_name", "text")
        .addColumn("kind", "text", (column) => column.notNull())
        .addColumn("role", "text", (column) => column.notNull())
        .addColumn("product", "text")
        .addColumn("password_hash", "text", (column) => column.notNull())
        .addColumn("disabled", "integer", (column) => column.notNull())
        .addColumn("verified", "integer", (column) => column.notNull())
        .addColumn("must_change", "integer", (column) => column.notNull())
        .addColumn("epoch", "integer", (column) => column.notNull())
        .addColumn("created_ms", "bigint", (column) => column.notNull())
        .addColumn("updated_ms", "bigint", (column) => column.notNull())
        .addColumn("last_login_ms", "bigint")
        .execute();
      await tx.schema
        .createIndex("identity_users_by_time")
        .on("identity_users")
        .columns(["created_ms", "id"])
        .execute();
      await tx.schema.createIndex("identity_users_by_role").on("identity_users").column("role").execute();
      await tx.schema
        .createTable("identity_user_emails")
        .addColumn("email_key", "text", (column) => column.primaryKey())
        .addColumn("user_id", "text", (column) => column.notNull())
        .execute();
      await tx.schema
        .createTable("identity_user_tokens")
        .addColumn("holder", "text", (column) => column.notNull())
        .addColumn("purpose", "text", (column) => column.notNull())
        .addColumn("token_hash", "text", (column) => column.notNull().unique())
        .addColumn("expires_ms", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("identity_user_tokens_pk", ["holder", "purpose"])
        .execute();
      await tx.schema
        .createIndex("identity_user_tokens_by_end")
        .on("identity_user_tokens")
        .column("expires_ms")
        .execute();
    },
  },
];
