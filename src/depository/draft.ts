// What a caller says about an artifact that is to be: the words of the request, checked for meaning, not yet governed.
import type { Json } from "../kernel/canonical-json.ts";
import { NotCanonicalError } from "../kernel/canonical-json.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Digest } from "../kernel/hash.ts";
import { canonicalInTurns, digestJsonInTurns } from "../kernel/json-turns.ts";
import type { ArtifactId } from "../kernel/ids.ts";
import { retainUntil } from "../constitution/index.ts";
import type { ConstitutionData } from "../constitution/index.ts";
import { instant } from "../kernel/clock.ts";
import type { Artifact } from "./artifact.ts";
import type { StoredBlob } from "./blobs/blobs.ts";
import { depositoryFault } from "./errors.ts";

/** An artifact as the caller describes it. */
export interface Draft {
  readonly product: string;
  readonly type: string;
  readonly mediaType: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly derivedFrom: readonly string[];
  /** The product's own class when absent. */
  readonly retentionClass?: string;
  /** When the caller says it was made, RFC 3339; compared with the server's clock, never stored as the time. */
  readonly clientTime?: string;
  /** Names of server-owned fields that the caller tried to set. */
  readonly suppliedServerFields?: readonly string[];
  /** False when a required field was missing and the old route asks governance to say so. */
  readonly complete?: boolean;
}

/** Bytes on their way in. */
export interface Content {
  readonly body: AsyncIterable<Uint8Array>;
  /** `Content-Length`, when there was one. */
  readonly declaredBytes?: number;
  /** Refuse with 422 unless the bytes hash to this. */
  readonly expectedDigest?: Digest;
  /** The digest, where the bytes are in memory already. */
  readonly knownDigest?: Digest;
  /** A digest that the caller claims in the artifact's own fields; a false claim is a finding. */
  readonly claimedDigest?: Digest;
}

/** Conditions of a create. */
export interface CreateOptions {
  readonly idempotencyKey?: string;
  /** `If-None-Match: *`: refuse when the product holds the same type with the same content already. */
  readonly onlyIfNew?: boolean;
}

/** Digest of everything that makes two requests the same: what is said about the artifact, and its content. */
export function fingerprintOf(draft: Draft, contentHash: Digest): Digest | Promise<Digest> {
  const { product, type, mediaType, tags, metadata, derivedFrom, retentionClass } = draft;
  return digestJsonInTurns({ product, type, mediaType, tags, metadata, derivedFrom, retentionClass, contentHash });
}

/** The name of the retention class that applies; whether there is such a class is for `retainUntil` to say. */
export function retentionClassOf(data: ConstitutionData, draft: Draft): string {
  return draft.retentionClass ?? data.products[draft.product]?.retentionClass ?? "default";
}

/**
 * Refuses a retention class that would end before the product's own: a caller may keep things longer, never shorter. That
 * there is such a class has been seen to.
 * @throws `retention.too_short`.
 */
export function checkRetention(data: ConstitutionData, draft: Draft, nowMs: number): void {
  const own = data.products[draft.product]?.retentionClass;
  const asked = retentionClassOf(data, draft);
  if (own === undefined || asked === own) return;
  if (retainUntil(data, asked, nowMs) >= retainUntil(data, own, nowMs)) return;
  throw depositoryFault(
    "retention.too_short",
    `${draft.product} keeps its artifacts at least as long as "${own}" says`,
    {
      at: "retention_class",
      remedy: `leave retention_class out, or name a class that keeps at least as long as "${own}"`,
    },
  );
}

/** The record that a draft becomes once its bytes are durable. */
export function artifactFrom(
  ctx: Ctx,
  data: ConstitutionData,
  draft: Draft,
  made: { id: ArtifactId; createdMs: number; blob: StoredBlob; intentIndex: number },
): Artifact {
  const retentionClass = retentionClassOf(data, draft);
  return {
    artifact_id: made.id,
    product_id: draft.product,
    artifact_type: draft.type,
    created_by: ctx.principal.id,
    created_at: instant(made.createdMs),
    content_hash: made.blob.digest,
    sizeBytes: made.blob.sizeBytes,
    mediaType: draft.mediaType,
    tags: draft.tags,
    metadata: draft.metadata as Artifact["metadata"],
    derivedFrom: draft.derivedFrom as readonly ArtifactId[],
    retentionClass,
    retainUntil: instant(retainUntil(data, retentionClass, made.createdMs)),
    legalHold: false,
    intentIndex: made.intentIndex,
  };
}

/**
 * The part of an artifact that its outcome leaf vouches for, as people see it: everything but the hold and the end of
 * retention, which may change. Leaves of format 1 vouch for it in the spelling of their time.
 */
export function provenance(artifact: Artifact, format = 2): Json {
  const { legalHold: _, retainUntil: __, ...locked } = artifact;
  if (format === 1) return locked;
  const { sizeBytes, mediaType, derivedFrom, retentionClass, intentIndex, ...named } = locked;
  return {
    ...named,
    size_bytes: sizeBytes,
    media_type: mediaType,
    derived_from: derivedFrom,
    retention_class: retentionClass,
    intent_index: intentIndex,
  };
}

/**
 * Refuses metadata that has no faithful canonical form.
 * @throws `metadata.not_canonical`.
 */
export async function checkMetadata(metadata: unknown): Promise<void> {
  try {
    await canonicalInTurns(metadata);
  } catch (error) {
    if (!(error instanceof NotCanonicalError)) throw error;
    throw depositoryFault("metadata.not_canonical", `the metadata cannot be kept faithfully: ${error.message}`, {
      at: "metadata",
      remedy: "send large integers as strings and well-formed Unicode",
    });
  }
}
