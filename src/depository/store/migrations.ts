// How the depository's tables come to be, and the triggers that keep provenance as it was written.
import { sql } from "kysely";
import type { Kysely } from "kysely";
import type { Migration } from "../../db/index.ts";

/** The steps of this domain's schema. */
export const depositoryMigrations: readonly Migration[] = [
  {
    name: "depository-0001-artifacts",
    async up(tx, dialect) {
      await makeArtifacts(tx);
      await makeUsage(tx);
      await makeKeysAndHolds(tx);
      if (dialect === "postgres") await protectOnPostgres(tx);
      else await protectOnSqlite(tx);
    },
  },
  {
    name: "depository-0002-effects",
    async up(tx) {
      for (const table of ["depository_artifacts", "depository_holds"]) {
        await run(
          tx,
          `insert into effects (intent) select intent_index from ${table} where true on conflict do nothing`,
        );
      }
    },
  },
  {
    name: "depository-0003-leftovers",
    up: (tx) =>
      run(
        tx,
        `create table depository_leftovers (
          product_id text not null,
          content_hash text not null,
          size_bytes bigint not null,
          location text not null,
          at_ms bigint not null,
          primary key (product_id, content_hash)
        )`,
        "create index depository_leftovers_by_age on depository_leftovers (location, at_ms)",
      ),
  },
];

async function run(tx: Kysely<unknown>, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(tx);
}

function makeArtifacts(tx: Kysely<unknown>): Promise<void> {
  return run(
    tx,
    `create table depository_artifacts (
      artifact_id text not null primary key,
      product_id text not null,
      artifact_type text not null,
      created_by text not null,
      created_ms bigint not null,
      content_hash text not null,
      size_bytes bigint not null,
      media_type text not null,
      tags text not null,
      metadata text not null,
      derived_from text not null,
      retention_class text not null,
      retain_until_ms bigint not null,
      legal_hold integer not null check (legal_hold in (0, 1)),
      intent_index bigint not null unique,
      location text not null
    )`,
    // One index per driving filter of a listing; each ends in the order of pages, so that a page costs the same at any size.
    `create index depository_artifacts_by_product on depository_artifacts (product_id, created_ms, artifact_id)`,
    `create index depository_artifacts_by_type
      on depository_artifacts (product_id, artifact_type, created_ms, artifact_id)`,
    `create index depository_artifacts_by_creator
      on depository_artifacts (product_id, created_by, created_ms, artifact_id)`,
    `create index depository_artifacts_by_time on depository_artifacts (created_ms, artifact_id)`,
    `create table depository_tags (
      product_id text not null,
      tag text not null,
      created_ms bigint not null,
      artifact_id text not null references depository_artifacts (artifact_id),
      primary key (product_id, tag, created_ms, artifact_id)
    )`,
    `create table depository_edges (
      child_id text not null references depository_artifacts (artifact_id),
      parent_id text not null references depository_artifacts (artifact_id),
      primary key (child_id, parent_id)
    )`,
    `create index depository_edges_by_parent on depository_edges (parent_id, child_id)`,
    `create table depository_contents (
      product_id text not null,
      content_hash text not null,
      artifact_type text not null,
      artifact_id text not null,
      size_bytes bigint not null,
      location text not null,
      primary key (product_id, content_hash, artifact_type)
    )`,
  );
}

function makeUsage(tx: Kysely<unknown>): Promise<void> {
  return run(
    tx,
    `create table depository_usage (
      product_id text not null primary key,
      used_bytes bigint not null check (used_bytes >= 0),
      held_bytes bigint not null check (held_bytes >= 0),
      artifacts bigint not null
    )`,
    `create table depository_totals (
      id integer not null primary key,
      taken_bytes bigint not null check (taken_bytes >= 0)
    )`,
    `insert into depository_totals (id, taken_bytes) values (1, 0)`,
    `create table depository_reservations (
      id text not null primary key,
      product_id text not null,
      bytes bigint not null check (bytes >= 0),
      expires_ms bigint not null,
      instance text not null
    )`,
    `create index depository_reservations_by_expiry on depository_reservations (expires_ms)`,
  );
}

function makeKeysAndHolds(tx: Kysely<unknown>): Promise<void> {
  return run(
    tx,
    `create table depository_keys (
      product_id text not null,
      principal text not null,
      key text not null,
      fingerprint text not null,
      artifact_id text not null,
      expires_ms bigint not null,
      primary key (product_id, principal, key)
    )`,
    `create index depository_keys_by_expiry on depository_keys (expires_ms)`,
    `create table depository_holds (
      intent_index bigint not null primary key,
      artifact_id text not null references depository_artifacts (artifact_id),
      hold integer not null check (hold in (0, 1)),
      reason text not null,
      held_by text not null,
      at_ms bigint not null
    )`,
    `create index depository_holds_by_artifact on depository_holds (artifact_id, at_ms)`,
  );
}

/** Columns of an artifact that never change. */
const lockedColumns = [
  "artifact_id",
  "product_id",
  "artifact_type",
  "created_by",
  "created_ms",
  "content_hash",
  "size_bytes",
  "media_type",
  "tags",
  "metadata",
  "derived_from",
  "retention_class",
  "intent_index",
  "location",
].join(", ");

/** Tables whose rows never change and never go. */
const frozenTables = ["depository_tags", "depository_edges", "depository_contents", "depository_holds"];

const provenance = "RULE_04_PROVENANCE_LOCKED: this row cannot be changed";
const writeOnly = "RULE_01_WRITE_ONLY: this row cannot be deleted";
const retention = "RULE_04_PROVENANCE_LOCKED: retention cannot be shortened";

async function protectOnSqlite(tx: Kysely<unknown>): Promise<void> {
  const refuse = (name: string, when: string, message: string) =>
    `create trigger ${name} before ${when} begin select raise(abort, '${message}'); end`;
  const artifacts = "depository_artifacts";
  await run(
    tx,
    refuse("depository_artifacts_locked", `update of ${lockedColumns} on ${artifacts}`, provenance),
    refuse(
      "depository_artifacts_retained",
      `update of retain_until_ms on ${artifacts} when new.retain_until_ms < old.retain_until_ms`,
      retention,
    ),
    refuse("depository_artifacts_kept", `delete on ${artifacts}`, writeOnly),
  );
  for (const table of frozenTables) {
    await run(
      tx,
      refuse(`${table}_locked`, `update on ${table}`, provenance),
      refuse(`${table}_kept`, `delete on ${table}`, writeOnly),
    );
  }
}

async function protectOnPostgres(tx: Kysely<unknown>): Promise<void> {
  await run(
    tx,
    `create function depository_refuse() returns trigger language plpgsql as
      $$ begin raise exception '%', tg_argv[0] using errcode = 'integrity_constraint_violation'; end $$`,
  );
  const refuse = (name: string, when: string, message: string, each = "row") =>
    `create trigger ${name} before ${when} execute function depository_refuse('${message}')`.replace(
      "{each}",
      `for each ${each}`,
    );
  const artifacts = "depository_artifacts";
  await run(
    tx,
    refuse("depository_artifacts_locked", `update of ${lockedColumns} on ${artifacts} {each}`, provenance),
    refuse(
      "depository_artifacts_retained",
      `update of retain_until_ms on ${artifacts} {each} when (new.retain_until_ms < old.retain_until_ms)`,
      retention,
    ),
  );
  for (const table of [artifacts, ...frozenTables]) {
    await run(
      tx,
      refuse(`${table}_kept`, `delete on ${table} {each}`, writeOnly),
      refuse(`${table}_not_emptied`, `truncate on ${table} {each}`, writeOnly, "statement"),
    );
  }
  for (const table of frozenTables)
    await run(tx, refuse(`${table}_unchanged`, `update on ${table} {each}`, provenance));
}
