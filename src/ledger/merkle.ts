// The Merkle tree of RFC 6962 section 2.1, pure: leaf and node hashes, and the frontier of perfect subtrees from which
// a tree grows and its root folds. Sizes are plain numbers up to 2^53-1, so no bit operators are used on them.
import { sha256 } from "../kernel/hash.ts";

/** Bytes in one tree hash. */
export const hashBytes = 32;

/** Tree levels that one tile level spans (C2SP tlog-tiles: 256 = 2^8 hashes wide). */
export const heightsPerLevel = 8;

/** Hash of one entry: SHA-256(0x00 || entry). */
export function leafHash(entry: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + entry.length);
  input[0] = 0;
  input.set(entry, 1);
  return sha256(input);
}

/** Hash of an inner node: SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + 2 * hashBytes);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + hashBytes);
  return sha256(input);
}

/** The row above a row of adjacent hashes: the inner nodes of its pairs. A last hash without a partner is left out. */
export function rowAbove(below: Buffer): Buffer {
  const pair = 2 * hashBytes;
  const row = Buffer.allocUnsafe(Math.floor(below.length / pair) * hashBytes);
  const input = Buffer.allocUnsafe(1 + pair);
  input[0] = 1;
  for (let at = 0; at < row.length; at += hashBytes) {
    below.copy(input, 1, 2 * at, 2 * at + pair);
    row.set(sha256(input), at);
  }
  return row;
}

/** Root of the tree without entries: SHA-256 of nothing. */
export function emptyRoot(): Buffer {
  return sha256("");
}

/** Folds the roots of adjacent perfect subtrees, largest first, into the root above them. */
export function foldRoots(roots: readonly Uint8Array[]): Uint8Array {
  if (roots.length === 0) return emptyRoot();
  return roots.reduceRight((right, left) => nodeHash(left, right));
}

/** Receives each hash that belongs into a hash tile, in order: level 0 are leaf hashes, level 1 roots of 256, and so on. */
export type TileHashSink = (level: number, hash: Uint8Array) => void;

/** The right edge of a tree: its size and the roots of its perfect subtrees, largest first. Immutable. */
export class Frontier {
  readonly size: number;
  readonly #roots: readonly Uint8Array[];

  constructor(size = 0, roots: readonly Uint8Array[] = []) {
    this.size = size;
    this.#roots = roots;
  }

  /** The frontier after these leaf hashes; `sink` sees every tile hash that the growth completes. */
  extend(leafHashes: Iterable<Uint8Array>, sink: TileHashSink = () => {}): Frontier {
    const roots = [...this.#roots];
    let size = this.size;
    for (const leaf of leafHashes) {
      let hash = leaf;
      let height = 0;
      sink(0, hash);
      for (let siblings = size; siblings % 2 === 1; siblings = (siblings - 1) / 2) {
        hash = nodeHash(roots.pop() ?? hash, hash);
        height++;
        if (height % heightsPerLevel === 0) sink(height / heightsPerLevel, hash);
      }
      roots.push(hash);
      size++;
    }
    return new Frontier(size, roots);
  }

  /** The tree's root hash. */
  root(): Uint8Array {
    return foldRoots(this.#roots);
  }
}
