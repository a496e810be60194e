// An artifact: what is known of one stored thing. The first six names are the predecessor's and are locked by RULE_04.
import type { Json } from "../kernel/canonical-json.ts";
import type { Digest } from "../kernel/hash.ts";
import type { ArtifactId } from "../kernel/ids.ts";

/** One stored artifact. Everything but `retainUntil` (which only grows) and `legalHold` never changes. */
export interface Artifact {
  readonly artifact_id: ArtifactId;
  readonly product_id: string;
  readonly artifact_type: string;
  /** Public id of the credential that made it. */
  readonly created_by: string;
  /** RFC 3339 UTC with milliseconds, by the server's clock. */
  readonly created_at: string;
  readonly content_hash: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly tags: readonly string[];
  readonly metadata: { readonly [key: string]: Json };
  /** The artifacts of the same product that this one was made from. */
  readonly derivedFrom: readonly ArtifactId[];
  readonly retentionClass: string;
  /** RFC 3339 UTC; before this moment the bytes are never removed. */
  readonly retainUntil: string;
  readonly legalHold: boolean;
  /** Ledger index of the intent that announced it. */
  readonly intentIndex: number;
}
