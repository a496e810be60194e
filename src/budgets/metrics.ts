// What is measured of budgets.
import { codeOf } from "../kernel/fault.ts";
import { diskBuckets, secondsSince } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import { budgetCodes } from "./errors.ts";
import type { End, ReservationKind } from "./reservation.ts";

/** What is held in memory and not yet in the tables, where calls are counted in memory first. */
export interface InMemory {
  /** Lines that wait to be written to the journal. */
  readonly waitingLines: number;
  /** Reservations, endings and charges that are in the journal and not in the tables. */
  readonly unsaved: number;
  /** Calls that were admitted and have not ended. */
  readonly openCalls: number;
}

const kinds: readonly ReservationKind[] = ["call", "claim"];
const ends: readonly End["to"][] = ["settled", "released", "expired"];

/** The metrics of the budgets of one database. */
export function budgetMetrics(meter: Meter, inMemory: () => InMemory) {
  const reservations = meter.histogram({
    name: "charter_budget_reserve_duration_seconds",
    help: "Time to promise room to a call or a claim; the count is that of reservations made.",
    unit: "seconds",
    buckets: diskBuckets,
    labels: { kind: kinds },
  });
  const refusals = meter.counter({
    name: "charter_budget_refusals_total",
    help: "Calls and claims that no room was promised to, by code; `other` for what the database refused.",
    labels: { kind: kinds, error_type: Object.keys(budgetCodes) },
  });
  const settlements = meter.histogram({
    name: "charter_budget_settle_duration_seconds",
    help: "Time to end a reservation, by how it ended; the count is that of reservations ended.",
    unit: "seconds",
    buckets: diskBuckets,
    labels: { kind: kinds, end: ends },
  });
  const errors = meter
    .counter({
      name: "charter_budget_settle_errors_total",
      help: "Reservations that could not be ended; they are tried again or expire.",
    })
    .with({});
  meter.observe(
    { name: "charter_budget_journal_lines", help: "Lines in memory that wait for the journal of calls." },
    () => inMemory().waitingLines,
  );
  meter.observe(
    { name: "charter_budget_unsaved_changes", help: "Changes that are in memory and not in the tables yet." },
    () => inMemory().unsaved,
  );
  meter.observe(
    { name: "charter_budget_open_calls", help: "Calls that room is promised to in memory and that have not ended." },
    () => inMemory().openCalls,
  );
  return {
    /** Measures one request for room. */
    async reserve<T>(kind: ReservationKind, promise: () => Promise<T>): Promise<T> {
      const startMs = performance.now();
      try {
        const promised = await promise();
        reservations.with({ kind }).observe(secondsSince(startMs));
        return promised;
      } catch (error) {
        refusals.with({ kind, error_type: codeOf(error) }).add();
        throw error;
      }
    },
    /** Measures one end of a reservation; one that had ended before does not count. */
    async end<T extends { readonly applied: boolean }>(
      kind: ReservationKind,
      end: End["to"],
      settle: () => Promise<T>,
    ): Promise<T> {
      const startMs = performance.now();
      try {
        const ended = await settle();
        if (ended.applied) settlements.with({ kind, end }).observe(secondsSince(startMs));
        return ended;
      } catch (error) {
        errors.add();
        throw error;
      }
    },
  };
}
