// The blob port: bytes named by their SHA-256, kept per product so that no product can learn what another one stores.
//
// 1. `put` resolves only after the bytes are durable; before that nothing is visible under the digest.
// 2. Two products never share or notice each other's bytes. The same bytes put twice by one product read the same from
//    either location. Bytes that were damaged since are whole again once the same bytes have been put once more.
// 3. A put that fails or is aborted leaves nothing that a reader or a later put can see.
// 4. Memory is bounded: bytes beyond the packed size flow through and are never gathered.
import type { Digest } from "../../kernel/hash.ts";

/** Where a blob lies; opaque to everyone but the driver that made it, kept in the artifact's row. */
export type BlobLocation = string;

/** A durable blob. */
export interface StoredBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly location: BlobLocation;
}

/** What one blob turned out to be when it was read again. */
export interface BlobCheck {
  readonly ok: boolean;
  /** Why not ok: missing, truncated, or other bytes than its name says. */
  readonly reason?: "missing" | "truncated" | "corrupt";
}

/** A byte range, both ends inclusive, already clamped to the blob. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Bytes for one product's store. */
export interface PutBlob {
  readonly product: string;
  readonly body: AsyncIterable<Uint8Array>;
  /** Refuse with `content.too_large` once more than this many bytes have arrived. */
  readonly maxBytes: number;
  /**
   * Asked once the digest of bytes small enough to pack is known: where the product already keeps the same bytes, or
   * undefined. What it names is returned as the stored blob, and nothing is written, if it is there and whole.
   */
  readonly known?: (digest: Digest) => Promise<StoredBlob | undefined>;
  /** Refuse with `content.digest_mismatch` unless the bytes hash to this. */
  readonly expectedDigest?: Digest;
  readonly signal: AbortSignal;
}

/** Durable bytes. */
export interface Blobs extends AsyncDisposable {
  put(blob: PutBlob): Promise<StoredBlob>;
  /** Streams a blob or a range of it. Rejects with `content.missing` when the bytes are gone. */
  read(product: string, stored: StoredBlob, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;
  /** Reads a blob again and compares it with its name. */
  check(product: string, stored: StoredBlob): Promise<BlobCheck>;
  /** The location of blobs that have a file of their own, which alone can be removed. */
  readonly fileLocation: BlobLocation;
  /**
   * Removes a blob of its own file that no record names and none will; false when it stays, because it shares a segment or was put
   * again since a moment, milliseconds. Resolves when it will not come back.
   */
  remove(product: string, stored: StoredBlob, writtenBeforeMs: number): Promise<boolean>;
  /** Bytes free on the medium; undefined when it has no meaning for the driver. */
  freeBytes(): Promise<number | undefined>;
}
