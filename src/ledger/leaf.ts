// A leaf is one ledger record: RFC 8785 JSON of at most 65 535 bytes. It holds digests and identifiers, never a payload
// and never personal data. This is a leaf in memory; `leaf-json.ts` says how it is spelled in the log.
import type { Digest } from "../kernel/hash.ts";
import type { CallerKind } from "../kernel/ctx.ts";

/** What a leaf records. */
export const leafKinds = ["intent", "outcome", "finding", "admin"] as const;
/** What a leaf records. */
export type LeafKind = (typeof leafKinds)[number];

/** How an act ended: done, refused by a rule or limit, failed inside, or cut off by a crash. */
export const outcomes = ["committed", "refused", "failed", "interrupted"] as const;
/** How an act ended. */
export type Outcome = (typeof outcomes)[number];

/**
 * What an operation puts on record of its own: a flat map of strings, integers and booleans. Each operation declares its names,
 * in snake_case (`call-record.ts` of the gateway is one); the ledger checks the shape and knows no name.
 */
export type LeafFacts = Readonly<Record<string, string | number | boolean>>;

/** Most facts of one leaf: a reader can take them in, and the writer's check stays short. */
export const maxFacts = 64;
/** Longest name of a fact, characters. */
export const maxFactNameLength = 64;
/** Longest text of a fact, UTF-16 units: an eighth of a leaf. */
export const maxFactTextLength = 8192;

/** One ledger record. Absent fields are left out. */
export interface Leaf {
  readonly kind: LeafKind;
  /** RFC 3339 UTC with milliseconds. */
  readonly time: string;
  /** Public id of the credential; `system` for the server itself. */
  readonly principal: string;
  readonly principalKind: CallerKind | "system";
  /** Public ids of who acts for the principal, nearest first, with spaces; absent where it acts itself. */
  readonly actor?: string;
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
  /** On an outcome that is not `committed`: the stable code of the fault. On `interrupted`: `effect.applied`, `effect.none` or `effect.unknown`. */
  readonly code?: string;
  /** On a finding: which detector, how severe, which pattern. */
  readonly finding?: { readonly threat: string; readonly severity: string; readonly pattern: string };
  /** On an admin leaf: why, in the operator's words reduced to a digest, or a public machine fact such as a version. */
  readonly note?: string;
  /** What the operation puts on record of its own. */
  readonly facts?: LeafFacts;
}

/** Whether a leaf begins something new, which a full disk refuses; the others end what has begun. */
export function begins({ kind }: Leaf): boolean {
  return kind !== "outcome" && kind !== "finding";
}
