// What a deliberation came to, as it is answered: the predecessor's fields and what Charter adds, in its spelling.
import type { Receipt } from "../governance/index.ts";
import { Fault } from "../kernel/fault.ts";
import type { Branch } from "./branches.ts";
import type { BranchName, CognitiveMode } from "./governor.ts";
import type { ThermalState } from "./vitals.ts";

/**
 * How the answer was found: by dividing the question, by answering it as it is, or by falling back. The last is the
 * predecessor's name for a process that keeps still and safe.
 */
export const answerModes = ["RECURSIVE", "ZERO_SHOT", "HAK_LOITER"] as const;
/** How the answer was found. */
export type AnswerMode = (typeof answerModes)[number];

/** Why there was a fallback. */
export const fallbackReasons = [
  "no_branch_finished",
  "one_branch_finished",
  "synthesis_late",
  "synthesis_failed",
] as const;
/** Why there was a fallback. */
export type FallbackReason = (typeof fallbackReasons)[number];

/** What is answered when no branch has finished in time. Fixed, so that a fallback says nothing that was not weighed. */
export const safeAnswer =
  "No answer could be reached safely in the time allowed. Nothing was decided; please ask again, or ask a simpler question.";

/** One branch as it is answered. */
export interface BranchRecord {
  readonly name: BranchName;
  readonly finished: boolean;
  /** Why it did not finish: a code, or `late`; null when it did. */
  readonly problem: string | null;
  readonly depth: number;
  readonly calls: number;
  readonly tokens: number | null;
  readonly cost_microdollars: number | null;
  readonly refused_parts: number;
}

/** Everything that the outcome's digest covers: SHA-256 over the RFC 8785 form of exactly these fields. */
export interface DeliberationRecord {
  readonly response: string;
  readonly silicon_id: string;
  readonly consciousness_level: number;
  readonly thermal_state: ThermalState | null;
  /** Whole milliseconds. */
  readonly processing_time_ms: number;
  readonly request_id: string;
  readonly mode: AnswerMode;
  readonly fallback: boolean;
  readonly fallback_reason: FallbackReason | null;
  readonly cognitive_mode: CognitiveMode;
  /** What the calls were made with: the caller's, or the mode's where that is lower. */
  readonly temperature: number;
  readonly max_depth: number;
  readonly branches: readonly BranchRecord[];
  readonly calls: number;
  readonly max_calls: number;
  /** Ledger indexes of the intents of the calls that were answered. */
  readonly call_intents: readonly number[];
  readonly tokens: number | null;
  /** Sum of the answered calls; null when a price is unknown. */
  readonly cost_microdollars: number | null;
}

/** The record and what proves it. */
export interface DeliberationAnswer extends DeliberationRecord {
  readonly receipt: Receipt;
}

/** A branch as it is answered. */
export function branchRecord({ name, text, error, used, depth, refusedParts }: Branch): BranchRecord {
  return {
    name,
    finished: text !== undefined,
    problem: text !== undefined ? null : error === undefined ? "late" : codeOf(error),
    depth,
    calls: used.calls,
    tokens: used.tokens,
    cost_microdollars: used.microdollars,
    refused_parts: refusedParts,
  };
}

function codeOf(error: unknown): string {
  return error instanceof Fault ? error.code : "internal.error";
}
