// Inclusion and consistency proofs, checked by the algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
// Nothing is proven about an empty tree: size 0 is always refused.
import { hashBytes, nodeHash, sameHash } from "./merkle.ts";

/** What an inclusion proof claims: this leaf hash stands at this index of the tree with this root. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** Whether an inclusion proof holds. */
export function inclusionHolds({ index, size, leaf, root, path }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (![leaf, root, ...path].every((hash) => hash.length === hashBytes)) return false;
  let position = index;
  let last = size - 1;
  let node = leaf;
  for (const sibling of path) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      node = nodeHash(sibling, node);
      // On the right edge a level without a sibling is passed over.
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      node = nodeHash(node, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && sameHash(node, root);
}

/** What a consistency proof claims: the tree of `oldSize` is the beginning of the tree of `newSize`. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** Whether a consistency proof holds. */
export function consistencyHolds({ oldSize, newSize, oldRoot, newRoot, path }: ConsistencyClaim): boolean {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize < 1 || oldSize > newSize) return false;
  if (oldSize === newSize) return path.length === 0 && sameHash(oldRoot, newRoot);
  if (![oldRoot, newRoot, ...path].every((hash) => hash.length === hashBytes)) return false;
  // When the old tree is a perfect subtree of the new one, its root starts the walk and is left out of the proof.
  const [first, ...rest] = isPowerOfTwo(oldSize) ? [oldRoot, ...path] : path;
  if (first === undefined || (isPowerOfTwo(oldSize) && path.length === 0)) return false;
  let position = oldSize - 1;
  let last = newSize - 1;
  while (position % 2 === 1) [position, last] = [half(position), half(last)];
  let oldNode = first;
  let newNode = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      oldNode = nodeHash(sibling, oldNode);
      newNode = nodeHash(sibling, newNode);
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      newNode = nodeHash(newNode, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && sameHash(oldNode, oldRoot) && sameHash(newNode, newRoot);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Division, not a shift: indexes may pass 2^31. */
function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  let odd = value;
  while (odd % 2 === 0 && odd > 0) odd /= 2;
  return odd === 1;
}
