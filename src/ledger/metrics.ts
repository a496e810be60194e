// What is measured of the ledger.
import { codeOf } from "../kernel/fault.ts";
import { diskBuckets, secondsSince } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import { ledgerCodes } from "./errors.ts";
import { leafKinds } from "./leaf.ts";
import type { Leaf } from "./leaf.ts";
import type { LedgerCondition } from "./ledger.ts";

/** What is asked when the metrics are read. */
export interface LedgerGauges {
  entries(): number;
  /** Durable entries that are in the journal and not yet in tiles. */
  unpublished(): number;
  /** Appends that wait for a commit, and their bytes. */
  waiting(): { readonly count: number; readonly weight: number };
  state(): LedgerCondition["state"];
}

/** Counts what the ledger does. */
export type LedgerMetrics = ReturnType<typeof ledgerMetrics>;

const states: readonly LedgerCondition["state"][] = ["open", "full", "unavailable", "damaged"];

/** The ledger's metrics. */
export function ledgerMetrics(meter: Meter, ledger: LedgerGauges) {
  const appends = meter
    .histogram({
      name: "charter_ledger_append_duration_seconds",
      help: "Time from an append to its leaves being durable under a signed checkpoint; the count is that of appends.",
      unit: "seconds",
      buckets: diskBuckets,
    })
    .with({});
  const commits = meter
    .histogram({
      name: "charter_ledger_commit_duration_seconds",
      help: "Time of one commit: signing, writing and one fdatasync; several appends share one.",
      unit: "seconds",
      buckets: diskBuckets,
    })
    .with({});
  const leaves = meter.counter({
    name: "charter_ledger_leaves_total",
    help: "Leaves that have become durable, by kind.",
    labels: { kind: leafKinds },
  });
  const written = meter
    .counter({
      name: "charter_ledger_written_bytes_total",
      help: "Bytes written to the journal of the ledger.",
      unit: "bytes",
    })
    .with({});
  const errors = meter.counter({
    name: "charter_ledger_append_errors_total",
    help: "Appends that were rejected, by code.",
    labels: { error_type: Object.keys(ledgerCodes) },
  });
  meter.observe({ name: "charter_ledger_entries", help: "Leaves in the ledger." }, () => ledger.entries());
  meter.observe({ name: "charter_ledger_unpublished_entries", help: "Durable leaves that are not in tiles yet." }, () =>
    ledger.unpublished(),
  );
  meter.observe(
    { name: "charter_ledger_waiting_appends", help: "Appends that wait for the next commit." },
    () => ledger.waiting().count,
  );
  meter.observe(
    {
      name: "charter_ledger_waiting_bytes",
      help: "Bytes of the appends that wait for the next commit.",
      unit: "bytes",
    },
    () => ledger.waiting().weight,
  );
  meter.observe(
    {
      name: "charter_ledger_state",
      help: "1 for the state that the ledger is in, 0 for the others; it takes new acts only when it is `open`.",
      labels: { state: states },
    },
    () => states.map((state) => ({ labels: { state }, value: state === ledger.state() ? 1 : 0 })),
  );
  return {
    /** Leaves have become durable that were given at `startMs` of `performance.now()`. */
    appended(given: readonly Leaf[], startMs: number): void {
      appends.observe(secondsSince(startMs));
      for (const { kind } of given) leaves.with({ kind }).add();
    },
    /** Leaves were rejected. */
    rejected(error: unknown): void {
      errors.with({ error_type: codeOf(error) }).add();
    },
    /** A commit of so many bytes has become durable that was begun at `startMs`. */
    committed(sizeBytes: number, startMs: number): void {
      commits.observe(secondsSince(startMs));
      written.add(sizeBytes);
    },
  };
}
