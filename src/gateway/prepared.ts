// A call as far as it is understood before anybody is asked, and how that is told to people.
import type { DataClass } from "../constitution/index.ts";
import type { CacheControl } from "../answer-cache/index.ts";
import type { CallTerms } from "./call-terms.ts";
import type { Deployment, ModelCall, ReplyStamp, Wanted } from "../models/index.ts";
import type { Assessment } from "./parameters/index.ts";
import type { GuardFinding } from "../guards/index.ts";
import { reasonsOf } from "./router.ts";
import type { Route, RouteRequest } from "./router.ts";
import type { Strategy } from "../routing/index.ts";
import type { HeadFacts } from "./answer-facts.ts";

/** What may be done about a reply that has not the form asked for. */
export const schemaModes = ["report", "enforce"] as const;
/** What is done about a reply that has not the form asked for. */
export type SchemaMode = (typeof schemaModes)[number];

/** What may become of a wish that the provider which answers has no word for. */
export const unsupportedModes = ["drop", "refuse"] as const;

/** A call that was let in and is not answered yet. */
export interface AdmittedCall {
  readonly facts: HeadFacts;
  readonly call: ModelCall;
  readonly stamp: ReplyStamp;
}

/** What a caller says outside the body. */
export interface CallOptions {
  /** Whose account, for callers that belong to no product. */
  readonly product?: string;
  readonly project?: string;
  readonly strategy?: Strategy;
  readonly dataClass?: DataClass;
  readonly cache: CacheControl;
  /** What is done about a reply that has not the form asked for: it is told (`report`), or not accepted (`enforce`). */
  readonly schema?: SchemaMode;
  /** What becomes of a wish that the provider which answers has no word for; as the product's terms say when absent. */
  readonly unsupported?: (typeof unsupportedModes)[number];
  /** The id under which the reply is kept, and what it continues, where its API keeps replies. */
  readonly kept?: ReplyStamp["kept"];
  /**
   * The caller does not wait for the answer: awaited before a provider is asked, when nothing refuses the call any more. What it
   * rejects with ends the call.
   */
  readonly admitted?: (call: AdmittedCall) => Promise<void>;
  /** It is asked on behalf of another call of the same caller, and so no request of its own. */
  readonly isPart?: boolean;
  /** Headers that the caller's dialect knows and that go to upstreams of the same dialect. */
  readonly passed: Readonly<Record<string, string>>;
}

/** A call that has been read: what is asked, of whom, and under which terms. */
export interface Asked {
  readonly call: ModelCall;
  readonly product: string | null;
  /** The product is another than the caller's, which is the gate's to refuse, on record. */
  readonly isForeign: boolean;
  readonly wanted: Wanted;
  /** Who answers where the named model cannot, one after the other. */
  readonly fallbacks: readonly (readonly Deployment[])[];
  readonly serves: "chat" | "embeddings";
  readonly terms: CallTerms;
  readonly dataClass: DataClass;
  readonly options: CallOptions;
}

/** A call that has been looked through. */
export interface Guarded extends Asked {
  readonly findings: readonly GuardFinding[];
  /** What was decided about what the call asks for other than words. */
  readonly parameters: Assessment;
  readonly denied: Error | undefined;
}

/** A call that has been ranked. */
export interface Prepared extends Guarded {
  readonly strategy: Strategy;
  readonly request: RouteRequest;
  readonly routed: Route;
  /** Why the analyser said this level, most telling first. */
  readonly analysis: readonly string[];
}

/** Where a call would go and why, for people: the analysis, the candidates in order, and who is left out. */
export function explanationOf({ call, strategy, request, routed, analysis, findings, parameters }: Prepared) {
  return {
    model: call.model,
    strategy,
    level: request.level,
    analysis,
    inputTokens: request.inputTokens,
    dataClass: request.dataClass,
    tier: routed.tier,
    reasons: routed.reasons,
    candidates: routed.candidates.map((candidate) => ({
      deployment: candidate.deployment.name,
      provider: candidate.deployment.provider.name,
      tier: candidate.deployment.tier,
      score: Number(candidate.score.toFixed(4)),
      reasons: reasonsOf(candidate, routed),
    })),
    excluded: routed.excluded.map(({ deployment, reason, byTerms }) => ({
      deployment: deployment.name,
      reason,
      byTerms,
    })),
    guards: findings.map(({ guard, rule, action }) => ({ guard, rule, action })),
    parameters: {
      governed: parameters.governed,
      unknown: parameters.unknown,
      refused: parameters.refused?.message ?? null,
    },
  };
}
