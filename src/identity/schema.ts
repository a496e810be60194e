// Every step of this domain's tables.
import { sql } from "kysely";
import type { Migration } from "../db/index.ts";
import { keyMigrations } from "./migrations.ts";
import { oauthMigrations } from "./oauth/index.ts";
import { userMigrations } from "./users/index.ts";

/** Where this domain noted effects before there was one table for all domains. */
const effectMigrations: readonly Migration[] = [
  {
    name: "identity-0002-effects",
    async up(tx) {
      await tx.schema
        .createTable("identity_effects")
        .addColumn("intent", "bigint", (column) => column.primaryKey())
        .addColumn("at_ms", "bigint", (column) => column.notNull())
        .execute();
    },
  },
  {
    name: "identity-0006-effects-of-all",
    async up(tx) {
      await sql`insert into effects (intent) select intent from identity_effects where true on conflict do nothing`.execute(
        tx,
      );
      await tx.schema.dropTable("identity_effects").execute();
      // The columns stay, empty from now on: SQLite drops none that is unique.
      for (const column of ["created_intent", "revoked_intent"]) {
        const intent = sql.ref(column);
        await sql`insert into effects (intent) select ${intent} from identity_keys where ${intent} is not null
          on conflict do nothing`.execute(tx);
      }
    },
  },
];

/** The steps that make the tables of identity. */
export const identityMigrations: readonly Migration[] = [
  ...keyMigrations,
  ...effectMigrations,
  ...userMigrations,
  ...oauthMigrations,
];
