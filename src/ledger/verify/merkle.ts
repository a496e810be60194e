// The hashes of RFC 6962 section 2.1, written without the log's own tree code: whole subtrees are folded level by
// level, so that a mistake in an incremental tree cannot hide behind the same mistake here.
import { hash } from "node:crypto";

/** Bytes of one SHA-256 hash. */
export const hashBytes = 32;
/** Hashes in a full tile: C2SP tlog-tiles fixes the tile height at 8. */
export const tileHashes = 256;

/** Hash of one entry: SHA-256(0x00 || entry), RFC 6962 section 2.1. */
export function leafHash(entry: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(entry.length + 1);
  input[0] = 0x00;
  input.set(entry, 1);
  return hash("sha256", input, "buffer");
}

/** Hash of two subtrees: SHA-256(0x01 || left || right), RFC 6962 section 2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + 2 * hashBytes);
  input[0] = 0x01;
  input.set(left, 1);
  input.set(right, 1 + hashBytes);
  return hash("sha256", input, "buffer");
}

/** Hash of the empty tree: SHA-256 of nothing. */
export function emptyRoot(): Buffer {
  return hash("sha256", new Uint8Array(0), "buffer");
}

/** Root of a perfect subtree over adjacent hashes; their number must be a power of two. */
export function foldPerfect(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i + 1 < row.length; i += 2) next.push(nodeHash(row[i] as Uint8Array, row[i + 1] as Uint8Array));
    row = next;
  }
  const [root] = row;
  if (root === undefined) throw new RangeError("a subtree has at least one hash");
  return root;
}

/**
 * Root of a tree given as the hashes of its unfinished tiles, lowest level first: level 0 holds the leaf hashes after
 * the last full tile, level n the roots of full tiles of level n-1 after the last full tile of level n.
 */
export function rootOfLevels(levels: readonly (readonly Uint8Array[])[]): Uint8Array {
  const perfect: Uint8Array[] = [];
  for (const level of levels.toReversed()) {
    let start = 0;
    for (let width = tileHashes; width >= 1; width /= 2) {
      if ((level.length & width) === 0) continue;
      perfect.push(foldPerfect(level.slice(start, start + width)));
      start += width;
    }
  }
  let root = perfect.pop();
  if (root === undefined) return emptyRoot();
  while (perfect.length > 0) root = nodeHash(perfect.pop() as Uint8Array, root);
  return root;
}

/** Whether two hashes are the same bytes. */
export function sameHash(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
