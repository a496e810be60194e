// Every step of this domain's tables.
import type { Migration } from "../db/index.ts";
import { effectMigrations } from "./effects.ts";
import { keyMigrations } from "./migrations.ts";
import { oauthMigrations } from "./oauth/index.ts";
import { userMigrations } from "./users/index.ts";

/** The steps that make the tables of identity. */
export const identityMigrations: readonly Migration[] = [
  ...keyMigrations,
  ...effectMigrations,
  ...userMigrations,
  ...oauthMigrations,
];
