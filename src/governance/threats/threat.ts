// What a threat detector is told and what it answers. Both are plain data: detectors are pure, keep nothing and ask no one.
import type { Action } from "../../constitution/index.ts";
import type { CallerKind } from "../../kernel/ctx.ts";

/** The threats that are looked for before an act, by the ids of the threat catalogue. */
export const inlineThreatIds = [
  "T1_STORAGE_EXHAUSTION",
  "T2_METADATA_POISONING",
  "T4_WRITE_COLLISION",
  "T5_EXECUTOR_OVERRIDE",
  "T6_AI_ESCALATION",
  "T7_CROSS_PRODUCT",
] as const;
/** A threat that is looked for before an act. */
export type InlineThreatId = (typeof inlineThreatIds)[number];

/**
 * The threats that only the act or the gate itself can see: a caller refused again and again, a used token shown again, what
 * a guard found in the words of a call, what a provider reported of it.
 */
export type ReportedThreatId =
  | "gate.repeated_refusal"
  | "identity.refresh_reuse"
  | "identity.code_reuse"
  | "guard.secrets"
  | "guard.pii"
  | "guard.injection"
  | "gateway.bound_exceeded";

/** How bad a finding is; CRITICAL always blocks. */
export type Severity = "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";

/** The response that a finding calls for. */
export type Response = "flag" | "step_up" | "throttle" | "reject" | "quarantine" | "halt";

/** One thing a detector found. */
export interface Finding {
  readonly threat: InlineThreatId | ReportedThreatId;
  readonly severity: Severity;
  /** Which of the threat's patterns was seen, e.g. `large_artifact`. */
  readonly pattern: string;
  readonly action: Response;
  /** Whether this act must not happen; see `findingOf`. */
  readonly blocks: boolean;
  /** One public sentence. Holds limits and names of fields, never a value that was sent. */
  readonly detail: string;
  /** Where in the metadata, as a JSON pointer below `/metadata`. Made of the caller's own keys, so not for the ledger. */
  readonly at?: string;
  /**
   * What was found is about the whole server and not about this act's product: it is recorded without a product, so that a product
   * does not read in its own leaves what the others do.
   */
  readonly scope?: "server";
  /** The caller must not learn that the resource exists: answer as if it did not (404). */
  readonly conceal?: true;
}

/** What a detector says before it is settled whether the finding blocks. */
export interface FindingDraft extends Omit<Finding, "blocks"> {
  /**
   * The edge at which the response takes effect is announced, not reached. Only storage capacity says so: from 99 % on the
   * finding is CRITICAL and calls for a halt, while the constitution halts writes at 100 %.
   */
  readonly announced?: true;
}

/** Responses that keep the act from happening; the others only put the finding on record. */
const blockingResponses: ReadonlySet<Response> = new Set(["throttle", "reject", "halt"]);

/**
 * Settles whether a finding blocks, the one rule for all threats: it does when it is CRITICAL or its response is one of
 * `blockingResponses`, unless the response is only announced.
 */
export function findingOf(draft: FindingDraft): Finding {
  const { announced, ...finding } = draft;
  const calls = finding.severity === "CRITICAL" || blockingResponses.has(finding.action);
  return { ...finding, blocks: calls && announced !== true };
}

/** Numbers that the detectors compare with; they come from the constitution. */
export interface ThreatLimits {
  /** Shares of total storage from which a write is reported; 1 is the edge at which writes halt. */
  readonly storageCautionRatio: number;
  readonly storageWarningRatio: number;
  readonly storageCriticalRatio: number;
  /** Share of a product's quota from which a write is reported. */
  readonly quotaWarningRatio: number;
  /** Report when storage would be full within this time at the recent rate, seconds. */
  readonly forecastSeconds: number;
  /** Expired reservations of one principal from which it is asked to slow down. */
  readonly abandonedReservations: number;
  /** Content longer than this is reported, bytes. */
  readonly largeArtifactBytes: number;
  /** Longest key, string value or top-level field of the metadata, bytes of UTF-8 JSON. */
  readonly metadataFieldBytes: number;
  /** Longest metadata altogether, bytes of UTF-8 JSON. */
  readonly metadataBytes: number;
  /** Deepest nesting of the metadata, which is itself at depth 1. */
  readonly metadataDepth: number;
  /** Furthest a client's own timestamp may be from the server's clock, milliseconds. */
  readonly clockSkewMs: number;
}

/** How full the store is, bytes; null where there is no such limit or it is not known. */
export interface StorageFacts {
  readonly usedBytes: number;
  /** Reserved by writes in flight. */
  readonly heldBytes: number;
  readonly totalBytes: number | null;
  readonly quotaBytes: number | null;
  readonly productUsedBytes: number;
  /** Recent growth of the whole store, bytes per second. */
  readonly bytesPerSecondRecent: number;
  /** Reservations of this principal that expired unused. */
  readonly abandonedReservations: number;
}

/** What the client set or tried to set. */
export interface ClientFacts {
  /** Names of fields in the request that only the server may set. */
  readonly serverOwnedFields: readonly string[];
  /** The client's own idea of the time, as it was sent; absent when it sent none. */
  readonly timestamp?: unknown;
}

/** What is known about the content, declared by the client and computed by the server. */
export interface ContentFacts {
  readonly declaredBytes?: number;
  readonly declaredDigest?: string;
  readonly declaredMediaType?: string;
  readonly actualBytes?: number;
  readonly actualDigest?: string;
  /** The first bytes in hexadecimal (64 bytes are enough); absent while none have arrived. */
  readonly firstBytesHex?: string;
}

/** Requests for what no one or not everyone may do. */
export interface FlagFacts {
  /** The request asks for an override, an exception or an emergency relaxation. */
  readonly overrideAttempted: boolean;
  /** The constitution grants READ to the agents of this product. */
  readonly agentsMayRead: boolean;
}

/** Other writes that this one meets. */
export interface CollisionFacts {
  /** The idempotency key was used before with another body. */
  readonly idempotencyConflict: boolean;
  /** The product holds the same content already. */
  readonly sameContentExists: boolean;
  /** A write with the same idempotency key is still running. */
  readonly concurrentDuplicate: boolean;
}

/** One attempted act and its circumstances; what is left out is taken as ordinary. */
export interface ThreatInput {
  readonly principal: { readonly kind: CallerKind; readonly product: string | null };
  readonly action: Action;
  readonly resource: {
    readonly product: string | null;
    readonly artifactType?: string;
    /** Artifact types the resource's product may store; absent when they are not limited or not known. */
    readonly allowedTypes?: readonly string[];
  };
  readonly client?: Partial<ClientFacts>;
  /** The metadata as parsed; absent when none was sent. Any JSON, not yet validated. */
  readonly metadata?: unknown;
  readonly content?: ContentFacts;
  readonly storage?: Partial<StorageFacts>;
  readonly flags?: Partial<FlagFacts>;
  readonly collision?: Partial<CollisionFacts>;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly limits?: Partial<ThreatLimits>;
}

/** An input with every group filled in: what detectors see. */
export interface Circumstances extends ThreatInput {
  readonly client: ClientFacts;
  readonly content: ContentFacts;
  readonly storage: StorageFacts;
  readonly flags: FlagFacts;
  readonly collision: CollisionFacts;
  readonly limits: ThreatLimits;
}

/** One detector: pure, total (it never throws) and bounded in time. */
export interface Detector {
  readonly id: InlineThreatId;
  /** One sentence on what it looks for, for people. */
  readonly summary: string;
  /** Whether it looks at who asks for what, or at what was sent and the circumstances. */
  readonly looksAt: "caller" | "request";
  detect(input: Circumstances): readonly Finding[];
}
