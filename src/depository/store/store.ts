// The store's port: the rows of the depository, in one database, shared by every process that opens it.
//
// 1. QuotaReservations is taken before bytes flow and given back or turned into use exactly once; under any concurrency the sum of what is
//    used and held never exceeds a limit.
// 2. `settle` is one transaction: artifact, tags, lineage, idempotency key and use appear together or not at all.
// 3. A refusal is a value, never an exception; the transaction it was found in may be committed.
// 4. Methods that take a `tx` change what that transaction changes; everything else reads committed state.
// 5. Rows of artifacts, tags and lineage cannot be changed or deleted, not even by SQL: triggers refuse it (RULE_01, RULE_04).
//    Only a legal hold may change and `retainUntil` may grow.
// 6. Drivers may differ in nothing but speed: on PostgreSQL every reservation passes one row of totals, which bounds writes to
//    about one per commit latency.
import type { Transaction } from "kysely";
import type { Digest } from "../../kernel/hash.ts";
import type { ArtifactId } from "../../kernel/ids.ts";
import type { Artifact } from "../artifact.ts";
import type { StoredBlob } from "../blobs/blobs.ts";
import type { DepositoryTables } from "./tables.ts";

/** A transaction of the database that holds the depository's tables. */
export type StoreTx = Transaction<DepositoryTables>;

/** QuotaReservations that is taken and promised, bytes, and how many artifacts there are. */
export interface Usage {
  readonly usedBytes: number;
  /** Promised to writes that are under way. */
  readonly heldBytes: number;
  readonly artifacts: number;
}

/** A request for room. */
export interface ReserveRoom {
  /** Chosen by the caller, unique. */
  readonly id: string;
  readonly product: string;
  readonly bytes: number;
  readonly nowMs: number;
  /** After this moment the sweep gives the room back. */
  readonly expiresMs: number;
  readonly quotaBytes: number;
  /** Most artifacts that the product may have. */
  readonly maxArtifacts: number;
  readonly storageTotalBytes: number;
}

/** A reservation of which it is not known whether it was made. */
export type LostRoom = Pick<ReserveRoom, "id" | "product" | "expiresMs">;

/** Bytes that are stored, and since when it is known that no artifact has them. */
export interface Leftover {
  readonly product: string;
  readonly blob: StoredBlob;
  /** Milliseconds. */
  readonly atMs: number;
}

/** Whether there was room; the numbers are those after the reservation, or those that left no room. */
export type Reserved =
  | {
      readonly outcome: "admitted";
      readonly product: Usage;
      /** Used and held by all products together. */
      readonly totalTakenBytes: number;
    }
  | { readonly outcome: "quota_exceeded"; readonly product: Usage; readonly limitBytes: number }
  | { readonly outcome: "storage_exceeded"; readonly total: Usage; readonly limitBytes: number };

/** An idempotency key and what it stood for. */
export interface IdempotencyRecord {
  readonly principal: string;
  readonly key: string;
  /** Digest of the request; another one under the same key is a conflict. */
  readonly fingerprint: string;
  readonly expiresMs: number;
}

/** What a finished write brings. */
export interface Settlement {
  readonly reservationId: string;
  /** `sizeBytes` is at most what was reserved. */
  readonly artifact: Artifact;
  readonly location: string;
  readonly nowMs: number;
  readonly idempotency?: IdempotencyRecord;
  /** Refuse when the product holds an artifact of the same type with the same content already. */
  readonly ifNoneMatch?: boolean;
}

/** How a settlement ended. Whatever the outcome, the reservation is gone and its room no longer held. */
export type Settled =
  | { readonly outcome: "stored" }
  /** The reservation had expired or been released; nothing is stored. */
  | { readonly outcome: "reservation_lost" }
  | { readonly outcome: "parent_missing"; readonly missing: readonly ArtifactId[] }
  /** The key was used before; equal fingerprints mean the same request came twice. */
  | { readonly outcome: "key_used"; readonly fingerprint: string; readonly artifactId: ArtifactId }
  /** `ifNoneMatch` found this one. */
  | { readonly outcome: "content_exists"; readonly artifactId: ArtifactId };

/** An artifact and where its bytes lie. */
export interface StoredArtifact {
  readonly artifact: Artifact;
  readonly location: string;
}

/** A place in a listing. */
export interface ArtifactCursor {
  readonly createdMs: number;
  readonly id: ArtifactId;
}

/** Which artifacts a listing wants, newest first; absent means any. */
export interface ArtifactQuery {
  readonly product?: string;
  readonly type?: string;
  readonly tag?: string;
  readonly createdBy?: string;
  /** Inclusive, milliseconds. */
  readonly createdAfterMs?: number;
  /** Exclusive, milliseconds. */
  readonly createdBeforeMs?: number;
  /** Only artifacts that come after this place. */
  readonly after?: ArtifactCursor;
  readonly limit: number;
}

/** Part of a family tree. Edges name artifacts among `nodes`. */
export interface Lineage {
  readonly nodes: readonly { readonly artifactId: ArtifactId; readonly depth: number }[];
  readonly edges: readonly { readonly child: ArtifactId; readonly parent: ArtifactId }[];
  /** There is more beyond `maxDepth` or `maxNodes`. */
  readonly truncated: boolean;
}

/** A change of a legal hold; every one is kept. */
export interface HoldChange {
  readonly artifactId: ArtifactId;
  readonly hold: boolean;
  readonly reason: string;
  readonly by: string;
  readonly nowMs: number;
  readonly intentIndex: number;
}

/** A blob as a scrub meets it. The same blob comes once for each artifact that has it. */
export interface BlobOfArtifact {
  readonly artifactId: ArtifactId;
  readonly product: string;
  readonly blob: StoredBlob;
}

/** The store. */
export interface ArtifactStore {
  /** Takes room for bytes that are about to flow. */
  reserve(tx: StoreTx, room: ReserveRoom): Promise<Reserved>;
  /** Ends a reservation with an artifact, or with the reason why there is none. */
  settle(tx: StoreTx, settlement: Settlement): Promise<Settled>;
  /** Gives room back; false when the reservation is gone already. */
  release(tx: StoreTx, reservationId: string): Promise<boolean>;
  /**
   * Ends a reservation whose bytes are stored and whose artifact is not: from then on they are used by the product, until an
   * artifact has them or they are removed. Bytes that an artifact of the product has are counted with that.
   */
  abandon(tx: StoreTx, reservationId: string, leftover: Leftover): Promise<void>;
  /** Counts bytes no more that are removed, or that an artifact has. */
  dropLeftover(tx: StoreTx, product: string, digest: Digest): Promise<void>;
  /**
   * Gives back the room of a reservation that may be there, or may still be on its way from a connection that was lost; after this
   * it holds nothing and cannot come any more.
   */
  disown(tx: StoreTx, room: LostRoom): Promise<void>;
  /** Gives back the room of reservations whose time is over; resolves with how many. */
  expireReservations(nowMs: number): Promise<number>;
  /** Gives back the room that an instance held when it ended; called when that instance starts again. */
  dropReservationsOf(instance: string): Promise<number>;
  /** Forgets idempotency keys whose time is over; resolves with how many. */
  forgetKeys(nowMs: number): Promise<number>;
  /** Sets or clears a legal hold; undefined when there is no such artifact. */
  setHold(tx: StoreTx, change: HoldChange): Promise<Artifact | undefined>;

  /** One artifact; undefined when there is none or it belongs to another product. `null` sees every product. */
  get(product: string | null, artifactId: string): Promise<StoredArtifact | undefined>;
  list(query: ArtifactQuery): Promise<readonly Artifact[]>;
  /** Which of these ids are of no artifact that the product holds. One that is held stays: artifacts never vanish. */
  missingParents(product: string, ids: readonly string[]): Promise<readonly ArtifactId[]>;
  /** Leftovers at a location that are older than a moment, the oldest first; with whether an artifact has the same bytes by now. */
  oldLeftovers(
    beforeMs: number,
    location: string,
    most: number,
  ): Promise<readonly (Leftover & { readonly isTaken: boolean })[]>;
  /** Where a product already keeps these bytes, for an artifact or as a leftover. */
  findBlob(product: string, contentHash: Digest): Promise<(StoredBlob & { readonly isLeftover: boolean }) | undefined>;
  /** The family of an artifact, itself included at depth 0, nearest first. */
  lineage(
    artifactId: ArtifactId,
    direction: "ancestors" | "descendants",
    maxDepth: number,
    maxNodes: number,
  ): Promise<Lineage>;
  usage(product: string): Promise<Usage>;
  /** The use of every product together. */
  totals(): Promise<Usage>;
  /** What an idempotency key stands for, unless its time is over. */
  idempotent(
    product: string,
    principal: string,
    key: string,
    nowMs: number,
  ): Promise<{ readonly fingerprint: string; readonly artifactId: ArtifactId } | undefined>;
  /** The blobs of all artifacts, in the order of artifact ids, after one id. */
  eachBlob(after: ArtifactId | null, limit: number): Promise<readonly BlobOfArtifact[]>;
}
