// What is measured of the gate.
import { actions } from "../constitution/index.ts";
import { otherValue, requestBuckets, secondsSince } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import { outcomes } from "../ledger/index.ts";
import type { Leaf } from "../ledger/index.ts";
import { everyProduct } from "./halts.ts";
import type { Halt } from "./halts.ts";
import type { Finding } from "./threats/index.ts";

/** What is asked when the metrics are read. */
export interface GovernanceGauges {
  /** Whether a halt's scope is the name of a product. */
  isProduct(scope: string): boolean;
  halts(): readonly Halt[];
  openCalls(): number;
  /** Acts whose outcome could not be written to the ledger yet. */
  waitingOutcomes(): number;
}

const scopes = ["server", "product", "credential"] as const;
const decisions = ["allow", "deny"] as const;

/** Threats and codes of refusals that are kept apart; there are some fifteen and a hundred. */
const [maxThreats, maxCodes] = [50, 200];

/** The metrics of one gate. */
export function governanceMetrics(meter: Meter, gate: GovernanceGauges) {
  const decided = meter.counter({
    name: "charter_governance_decisions_total",
    help: "Decisions of the constitution about acts and reads, by action.",
    labels: { action: actions, decision: decisions },
  });
  const durations = meter.histogram({
    name: "charter_governance_act_duration_seconds",
    help: "Time from an attempt to its durable outcome; the count is that of acts.",
    unit: "seconds",
    buckets: requestBuckets,
    labels: { outcome: outcomes },
  });
  const refusals = meter.counter({
    name: "charter_governance_refusals_total",
    help: "Acts that were refused or failed, by code.",
    labels: { error_type: { atMost: maxCodes } },
  });
  const findings = meter.counter({
    name: "charter_governance_findings_total",
    help: "Threats that were found, by threat and severity.",
    labels: { threat: { atMost: maxThreats }, severity: ["LOW", "MEDIUM", "HIGH", "CRITICAL"] },
  });
  meter.observe(
    { name: "charter_governance_halts", help: "Halts in force, by what they stop.", labels: { scope: scopes } },
    () => {
      const stopped = gate.halts().map(({ scope }) => kindOf(scope, gate));
      return scopes.map((scope) => ({ labels: { scope }, value: stopped.filter((each) => each === scope).length }));
    },
  );
  meter.observe(
    { name: "charter_governance_open_calls", help: "Calls and acts that are stopped when what they rest on ends." },
    () => gate.openCalls(),
  );
  meter.observe(
    { name: "charter_governance_waiting_outcomes", help: "Acts whose outcome the ledger has not taken yet." },
    () => gate.waitingOutcomes(),
  );
  return {
    /** The constitution has decided about an act or a read. */
    decided(action: string, allow: boolean): void {
      decided.with({ action, decision: allow ? "allow" : "deny" }).add();
    },
    /** An act that was begun at `startMs` of `performance.now()` has its outcome. */
    ended({ outcome, code }: Pick<Leaf, "outcome" | "code">, found: readonly Finding[], startMs: number): void {
      durations.with({ outcome: outcome ?? otherValue }).observe(secondsSince(startMs));
      if (code !== undefined) refusals.with({ error_type: code }).add();
      for (const { threat, severity } of found) findings.with({ threat, severity }).add();
    },
  };
}

function kindOf(scope: string, gate: GovernanceGauges): (typeof scopes)[number] {
  if (scope === everyProduct) return "server";
  return gate.isProduct(scope) ? "product" : "credential";
}
