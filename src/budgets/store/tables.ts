// The tables of budgets as SQL has them, and the way from row to record. Times are milliseconds; a product of '' is none.
import { instant } from "../../kernel/clock.ts";
import { maxCounted } from "../budget.ts";
import type { Budget, BudgetId, BudgetScope, BudgetUnit } from "../budget.ts";
import { noParts } from "../reservation.ts";
import type { Reservation, ReservationId, ReservationKind, ReservationState } from "../reservation.ts";
import type { BudgetWindow } from "../window.ts";

/** One record of the history of a slot; the newest one is in force, unless its amount is null. */
export interface LimitRow {
  id: string;
  slot: string;
  /** 1, 2, 3 ... within the slot. */
  revision: number;
  /** The scope as JSON. */
  scope: string;
  /** Null for any. */
  product: string | null;
  unit: string;
  period: string;
  amount: number | null;
  created_ms: number;
  created_by: string;
}

/** A reservation. */
export interface ReservationRow {
  id: string;
  request_id: string;
  product: string;
  project: string;
  task: string;
  kind: string;
  /** 0 while the request id stands for this reservation, then the moment it was made. */
  retired_ms: number;
  key_id: string;
  model: string;
  purpose: string | null;
  tokens: number;
  microdollars: number | null;
  state: string;
  created_ms: number;
  expires_ms: number;
  intent_index: number | null;
  settled_tokens: number | null;
  settled_microdollars: number | null;
}

/** What a slot has used and holds in one window. */
export interface CounterRow {
  /** The slot and the start of the window: `counterName`. */
  name: string;
  slot: string;
  start_ms: number;
  used: number;
  held: number;
}

/** What was used, by the hour in which it was reserved. */
export interface UsageRow {
  hour_ms: number;
  product: string;
  project: string;
  key_id: string;
  model: string;
  calls: number;
  tokens: number;
  microdollars: number;
  /** Calls whose cost is not known, and which `microdollars` therefore leaves out or estimates. */
  unpriced: number;
  /** What the tokens were, as far as providers said; what was cached is a part of what was asked with. */
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  /** The part of `microdollars` that is an estimate for calls whose cost is not known. */
  unpriced_microdollars: number;
}

/** Columns of usage that say who used it, and those that are added up, in the order of the table. */
export const usageKeys = ["hour_ms", "product", "project", "key_id", "model"] as const;
/** Sums of usage, in the order of the table. */
export const usageSums = [
  "calls",
  "tokens",
  "microdollars",
  "unpriced",
  "input_tokens",
  "cached_tokens",
  "output_tokens",
  "unpriced_microdollars",
] as const satisfies readonly (keyof UsageRow)[];

/** The columns of usage, for an insert. */
export const usageColumns = [...usageKeys, ...usageSums].join(", ");

/** How a row of usage takes more up: the words behind `do update set`. `least` is what the database calls the smaller one. */
export function usageMore(least: "least" | "min"): string {
  return usageSums.map((name) => `${name} = ${least}(u.${name} + excluded.${name}, ${maxCounted})`).join(", ");
}

/** What happened at once and is still to be saved; only where one process alone uses the database. */
export interface JournalRow {
  id: number;
  /** A JSON array of entries. */
  body: string;
}

/** The tables. */
export interface BudgetTables {
  budget_limits: LimitRow;
  /** One row, id 1, whose version grows with every change of the limits. */
  budget_book: { id: number; version: number };
  budget_reservations: ReservationRow;
  budget_counters: CounterRow;
  budget_usage: UsageRow;
  budget_journal: JournalRow;
  /** Counters and usage with what was noted of calls and is in no table yet. */
  budget_counters_now: CounterRow;
  budget_usage_now: UsageRow;
}

/** Columns of a reservation that is being made, in the order that inserts use. */
export const reservationColumns = [
  "id",
  "request_id",
  "product",
  "project",
  "task",
  "kind",
  "retired_ms",
  "key_id",
  "model",
  "purpose",
  "tokens",
  "microdollars",
  "state",
  "created_ms",
  "expires_ms",
  "intent_index",
] as const satisfies readonly (keyof ReservationRow)[];

/** The values of a new reservation, in that order. */
export function valuesOf(made: Reservation): readonly (string | number | null)[] {
  return [
    made.id,
    made.requestId,
    made.product ?? "",
    made.project,
    made.task ?? "",
    made.kind,
    0,
    made.key,
    made.model,
    made.purpose,
    made.tokens,
    made.microdollars,
    made.state,
    made.createdMs,
    made.expiresMs,
    made.intentIndex,
  ];
}

/** The values of an ended reservation, in the order that updates use. */
export function endValuesOf({ id, state, settledTokens, settledMicrodollars }: Reservation) {
  return [id, state, settledTokens, settledMicrodollars] as const;
}

/** What the notes and the journal say of an end: the values of its row, and what its tokens were. */
export function endNoteOf(ended: Reservation) {
  const { input, cached, output } = ended.settledParts ?? noParts;
  return [...endValuesOf(ended), input, cached, output] as const;
}

/** The record of a reservation's row. */
export function reservationOf(row: ReservationRow): Reservation {
  return {
    id: row.id as ReservationId,
    requestId: row.request_id,
    product: row.product === "" ? null : row.product,
    project: row.project,
    key: row.key_id,
    model: row.model,
    task: row.task === "" ? null : row.task,
    purpose: row.purpose,
    kind: row.kind as ReservationKind,
    tokens: row.tokens,
    microdollars: row.microdollars,
    state: row.state as ReservationState,
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    intentIndex: row.intent_index,
    settledTokens: row.settled_tokens,
    settledMicrodollars: row.settled_microdollars,
  };
}

/** The record of a limit's row; undefined for one that cleared its slot. */
export function budgetOf(row: LimitRow): Budget | undefined {
  if (row.amount === null) return undefined;
  return {
    id: row.id as BudgetId,
    scope: JSON.parse(row.scope) as BudgetScope,
    unit: row.unit as BudgetUnit,
    window: row.period as BudgetWindow,
    limit: row.amount,
    createdAt: instant(row.created_ms),
    createdBy: row.created_by,
  };
}

/** The name of the counter of a slot in the window that began at `startMs`. */
export function counterName(slot: string, startMs: number): string {
  return `${slot}@${startMs}`;
}
