// The depository's tables as SQL has them, and the way from row to record and back. Times are milliseconds, JSON is text,
// booleans are 0 and 1.
import { parseExactly } from "../../kernel/json-exact.ts";
import type { Json } from "../../kernel/canonical-json.ts";
import { instant } from "../../kernel/clock.ts";
import type { Digest } from "../../kernel/hash.ts";
import type { ArtifactId } from "../../kernel/ids.ts";
import type { Artifact } from "../artifact.ts";

/** An artifact's row. */
export interface ArtifactRow {
  artifact_id: string;
  product_id: string;
  artifact_type: string;
  created_by: string;
  created_ms: number;
  content_hash: string;
  size_bytes: number;
  media_type: string;
  tags: string;
  metadata: string;
  derived_from: string;
  retention_class: string;
  retain_until_ms: number;
  legal_hold: number;
  intent_index: number;
  location: string;
}

/** Columns in the order that inserts use. */
export const artifactColumns = [
  "artifact_id",
  "product_id",
  "artifact_type",
  "created_by",
  "created_ms",
  "content_hash",
  "size_bytes",
  "media_type",
  "tags",
  "metadata",
  "derived_from",
  "retention_class",
  "retain_until_ms",
  "legal_hold",
  "intent_index",
  "location",
] as const satisfies readonly (keyof ArtifactRow)[];

/** The tables of this domain. */
export interface DepositoryTables {
  depository_artifacts: ArtifactRow;
  /** One row per tag, with what a page of a listing needs. */
  depository_tags: { artifact_id: string; product_id: string; tag: string; created_ms: number };
  depository_edges: { child_id: string; parent_id: string };
  /** The first artifact of a product that has a type and content: the marker of `ifNoneMatch`, and where the bytes lie. */
  depository_contents: {
    product_id: string;
    content_hash: string;
    artifact_type: string;
    artifact_id: string;
    size_bytes: number;
    location: string;
  };
  /** Bytes that are stored and that no artifact has. */
  depository_leftovers: {
    product_id: string;
    content_hash: string;
    size_bytes: number;
    location: string;
    at_ms: number;
  };
  depository_usage: { product_id: string; used_bytes: number; held_bytes: number; artifacts: number };
  /** One row, id 1: what all products have used and hold, together. */
  depository_totals: { id: number; taken_bytes: number };
  depository_reservations: { id: string; product_id: string; bytes: number; expires_ms: number; instance: string };
  depository_keys: {
    product_id: string;
    principal: string;
    key: string;
    fingerprint: string;
    artifact_id: string;
    expires_ms: number;
  };
  depository_holds: {
    intent_index: number;
    artifact_id: string;
    hold: number;
    reason: string;
    held_by: string;
    at_ms: number;
  };
}

/** The record of a row. */
export function artifactOf(row: ArtifactRow): Artifact {
  return {
    artifact_id: row.artifact_id as ArtifactId,
    product_id: row.product_id,
    artifact_type: row.artifact_type,
    created_by: row.created_by,
    created_at: instant(row.created_ms),
    content_hash: row.content_hash as Digest,
    sizeBytes: row.size_bytes,
    mediaType: row.media_type,
    tags: JSON.parse(row.tags) as string[],
    metadata: parseExactly(row.metadata) as { [key: string]: Json },
    derivedFrom: JSON.parse(row.derived_from) as ArtifactId[],
    retentionClass: row.retention_class,
    retainUntil: instant(row.retain_until_ms),
    legalHold: row.legal_hold === 1,
    intentIndex: row.intent_index,
  };
}

/** The values of a new row, in the order of `artifactColumns`. */
export function valuesOf(artifact: Artifact, location: string): readonly (string | number)[] {
  return [
    artifact.artifact_id,
    artifact.product_id,
    artifact.artifact_type,
    artifact.created_by,
    Date.parse(artifact.created_at),
    artifact.content_hash,
    artifact.sizeBytes,
    artifact.mediaType,
    JSON.stringify(artifact.tags),
    JSON.stringify(artifact.metadata),
    JSON.stringify(artifact.derivedFrom),
    artifact.retentionClass,
    Date.parse(artifact.retainUntil),
    artifact.legalHold ? 1 : 0,
    artifact.intentIndex,
    location,
  ];
}
