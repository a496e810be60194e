// A leaf is one ledger record: RFC 8785 JSON of at most 65 535 bytes. It holds digests and identifiers, never a payload
// and never personal data.
import type { Digest } from "../kernel/hash.ts";
import type { CallerKind } from "../kernel/ctx.ts";

/** What a leaf records. */
export const leafKinds = ["intent", "outcome", "finding", "admin", "heartbeat"] as const;
/** What a leaf records. */
export type LeafKind = (typeof leafKinds)[number];

/** How an act ended: done, refused by a rule or limit, failed inside, or cut off by a crash. */
export const outcomes = ["committed", "refused", "failed", "interrupted"] as const;
/** How an act ended. */
export type Outcome = (typeof outcomes)[number];

/** What a call of a model used and gave, as its outcome's leaf tells it: names, numbers and digests, no word of either side. */
export interface CallRecord {
  /** Which deployment answered last; absent when none was reached. */
  readonly deployment?: string;
  /** The model, as the provider names it. */
  readonly model: string;
  readonly tier: number;
  /** Why this tier and this deployment, in the router's words. */
  readonly reasons: readonly string[];
  readonly attempts: number;
  readonly streamed: boolean;
  readonly cache: "hit" | "miss" | "bypass";
  readonly finish: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
  /** The tokens are the server's own estimate, because the provider reported none that could be believed. */
  readonly estimated: boolean;
  /** Integer micro-dollars; absent when the price is unknown. */
  readonly microdollars?: number;
  /** What budgets were charged with, where the provider reported more than the call can use; absent where it did not. */
  readonly chargedTokens?: number;
  readonly chargedMicrodollars?: number;
  /** Whether the reply has the form that was asked for; absent where none was. */
  readonly schema?: "valid" | "invalid" | "unchecked";
  /** The service that the provider says it gave, where it says so: `priority`, `flex`, `fast`. */
  readonly serviceTier?: string;
  /** Names of what was asked for that is policy, each with what it changes: `service_tier (price)`. */
  readonly governedParameters?: readonly string[];
  /** Names of parameters that nothing is known of; never their values. */
  readonly unknownParameters?: readonly string[];
  /** Names of what the provider that answered was not told. */
  readonly droppedParameters?: readonly string[];
  /** SHA-256 of the request's canonical form, and of the reply as it left. */
  readonly prompt: Digest;
  readonly reply?: Digest;
}

/** One ledger record, as it stands in the canonical JSON of the leaf. Absent facts are left out. */
export interface Leaf {
  /** Format version of the leaf. */
  readonly v: 1;
  readonly kind: LeafKind;
  /** RFC 3339 UTC with milliseconds. */
  readonly time: string;
  /** Public id of the credential; `system` for the server itself. */
  readonly principal: string;
  readonly principalKind: CallerKind | "system";
  readonly product?: string;
  /** Name of the operation, e.g. `artifact.create`. */
  readonly operation: string;
  /** What was acted on, e.g. `artifact/0193...`. */
  readonly resource?: string;
  /** SHA-256 of the record that resulted (outcome) or was proposed (intent, where known). */
  readonly digest?: Digest;
  readonly decision?: {
    readonly allow: boolean;
    readonly articles: readonly string[];
    readonly policies: readonly string[];
  };
  /** First 16 hex digits of the constitution in force. */
  readonly constitutionHash: string;
  readonly requestId: string;
  /** On an outcome or finding: the index of the intent it belongs to. */
  readonly intent?: number;
  /** On an outcome. */
  readonly outcome?: Outcome;
  /** On an outcome that is not `committed`: the stable code of the fault. On `interrupted`: `effect.applied` or `effect.none`. */
  readonly code?: string;
  /** On a finding: which detector, how severe, which pattern. */
  readonly finding?: { readonly threat: string; readonly severity: string; readonly pattern: string };
  /** On an admin leaf: why, in the operator's words reduced to a digest, or a public machine fact such as a version. */
  readonly note?: string;
  /** On the outcome of a call of a model. */
  readonly call?: CallRecord;
}
