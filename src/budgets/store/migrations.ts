// How the tables of budgets come to be.
import { sql } from "kysely";
import type { Migration } from "../../db/index.ts";
import { batchFunction, batchInFunction } from "./batch-function.ts";
import { leaseFunction, leaseStatements, noteViews, takeFunction } from "./lease-functions.ts";

/** The steps of this part's schema. */
export const budgetMigrations: readonly Migration[] = [
  {
    name: "gateway-0001-budgets",
    async up(tx, dialect) {
      // SQLite keeps a table in the order of its text key only when it is told to; ids and names grow with time.
      const clustered = dialect === "sqlite" ? " without rowid" : "";
      for (const statement of statements(clustered)) await sql.raw(statement).execute(tx);
    },
  },
  {
    name: "gateway-0002-budget-journal",
    async up(tx) {
      await sql.raw("create table budget_journal (id integer not null primary key, body text not null)").execute(tx);
    },
  },
  {
    // Made a function that the next step replaces.
    name: "gateway-0003-budget-batch",
    async up() {},
  },
  {
    name: "gateway-0004-budget-leases",
    async up(tx, dialect) {
      if (dialect !== "postgres") return;
      const before = "drop function if exists budget_batch(bigint, jsonb, jsonb, jsonb)";
      // The functions that write usage are made by the step that gave it its columns.
      const functions = [leaseFunction, batchInFunction];
      for (const statement of [before, ...leaseStatements, ...functions]) await sql.raw(statement).execute(tx);
    },
  },
  {
    // What was used before has none of it: its tokens are in no part, and its estimates count as known.
    name: "gateway-0005-usage-parts",
    async up(tx, dialect) {
      for (const column of ["input_tokens", "cached_tokens", "output_tokens", "unpriced_microdollars"]) {
        await sql.raw(`alter table budget_usage add column ${column} bigint not null default 0`).execute(tx);
      }
      // A new counter of one key adds up what that key has used, and keys are many.
      await sql.raw("create index budget_usage_by_key on budget_usage (key_id, hour_ms)").execute(tx);
      if (dialect !== "postgres") return;
      const before = [
        "drop function if exists budget_batch(bigint, jsonb, jsonb, jsonb, text[])",
        "drop function if exists budget_take(text[], text[])",
      ];
      for (const statement of [...before, takeFunction, batchFunction]) await sql.raw(statement).execute(tx);
    },
  },
  {
    // Only processes that share a database have notes that are in no table.
    name: "gateway-0006-budget-views",
    async up(tx, dialect) {
      const alone = ["usage", "counters"].map(
        (name) => `create view budget_${name}_now as select * from budget_${name}`,
      );
      for (const statement of dialect === "postgres" ? noteViews : alone) await sql.raw(statement).execute(tx);
    },
  },
];

const statements = (clustered: string): readonly string[] => [
  `create table budget_limits (
    id text not null primary key,
    slot text not null,
    revision bigint not null,
    scope text not null,
    product text,
    unit text not null check (unit in ('tokens', 'microdollars')),
    period text not null check (period in ('hour', 'day', 'month', 'total')),
    amount bigint check (amount >= 0),
    created_ms bigint not null,
    created_by text not null,
    unique (slot, revision)
  )`,
  `create index budget_limits_by_time on budget_limits (created_ms, id)`,
  `create table budget_book (id integer not null primary key, version bigint not null)`,
  `insert into budget_book (id, version) values (1, 1)`,
  `create table budget_reservations (
    id text not null primary key,
    request_id text not null,
    product text not null,
    project text not null,
    task text not null,
    kind text not null check (kind in ('call', 'claim')),
    retired_ms bigint not null,
    key_id text not null,
    model text not null,
    purpose text,
    tokens bigint not null check (tokens >= 0),
    microdollars bigint check (microdollars >= 0),
    state text not null check (state in ('held', 'settled', 'released', 'expired')),
    created_ms bigint not null,
    expires_ms bigint not null,
    intent_index bigint,
    settled_tokens bigint,
    settled_microdollars bigint,
    unique (request_id, product, project, task, kind, retired_ms)
  )${clustered}`,
  // Only what is held is ever looked for by time, and that is little however long the history.
  `create index budget_reservations_held on budget_reservations (expires_ms) where state = 'held'`,
  `create table budget_counters (
    name text not null primary key,
    slot text not null,
    start_ms bigint not null,
    used bigint not null check (used >= 0),
    held bigint not null check (held >= 0)
  )${clustered}`,
  `create index budget_counters_by_slot on budget_counters (slot)`,
  `create table budget_usage (
    hour_ms bigint not null,
    product text not null,
    project text not null,
    key_id text not null,
    model text not null,
    calls bigint not null,
    tokens bigint not null,
    microdollars bigint not null,
    unpriced bigint not null,
    primary key (hour_ms, product, project, key_id, model)
  )${clustered}`,
  `create index budget_usage_by_project on budget_usage (product, project)`,
];
