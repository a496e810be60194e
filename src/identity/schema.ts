// Every step of this domain's tables.
import type { Migration } from "../db/index.ts";
import { effectMigrations } from "./effects.ts";
import { keyMigrations } from "./migrations.ts";

/** The steps that make the tables of identity. */
export const identityMigrations: readonly Migration[] = [...keyMigrations, ...effectMigrations];
