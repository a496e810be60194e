// Inclusion and consistency proofs of RFC 6962 sections 2.1.1 and 2.1.2, pure: which subtrees a proof is made of, how a
// proof is checked, and the C2SP tlog-proof text that carries one. A size of 0 never verifies: an empty tree proves nothing.
import { foldRoots, hashBytes, nodeHash } from "./merkle.ts";

/** A perfect subtree: the 2^height leaves from `index * 2^height` on. */
export interface Subtree {
  readonly height: number;
  readonly index: number;
}

/** One proof hash: the root over adjacent perfect subtrees, largest first. */
export type ProofPart = readonly Subtree[];

/** The perfect subtrees that cover leaves `begin` to `end` (exclusive), where `begin` is aligned as in RFC 6962. */
function cover(begin: number, end: number): ProofPart {
  const parts: Subtree[] = [];
  for (let at = begin; at < end;) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= end) height++;
    parts.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return parts;
}

/** Largest power of two below `count` (count > 1): where RFC 6962 splits a tree. */
function split(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/** The parts of PATH(index, D[size]), leaf's sibling first. Needs 0 <= index < size. */
export function inclusionParts(index: number, size: number): ProofPart[] {
  const parts: ProofPart[] = [];
  let [begin, end] = [0, size];
  while (end - begin > 1) {
    const middle = begin + split(end - begin);
    if (index < middle) {
      parts.push(cover(middle, end));
      end = middle;
    } else {
      parts.push(cover(begin, middle));
      begin = middle;
    }
  }
  return parts.toReversed();
}

/** The parts of PROOF(from, D[to]). Needs 0 < from <= to. */
export function consistencyParts(from: number, to: number): ProofPart[] {
  const parts: ProofPart[] = [];
  let [begin, end, wholeOldTree] = [0, to, true];
  while (end !== from) {
    const middle = begin + split(end - begin);
    if (from <= middle) {
      parts.push(cover(middle, end));
      end = middle;
    } else {
      parts.push(cover(begin, middle));
      begin = middle;
      wholeOldTree = false;
    }
  }
  if (!wholeOldTree) parts.push(cover(begin, end));
  return parts.toReversed();
}

/** Computes the hashes of proof parts from the hashes of perfect subtrees. */
export async function proofHashes(
  parts: readonly ProofPart[],
  subtreeHash: (subtree: Subtree) => Promise<Uint8Array>,
): Promise<Uint8Array[]> {
  const hashes: Uint8Array[] = [];
  for (const part of parts) {
    const roots: Uint8Array[] = [];
    for (const subtree of part) roots.push(await subtreeHash(subtree));
    hashes.push(foldRoots(roots));
  }
  return hashes;
}

const equal = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

/** What an inclusion proof claims: this leaf hash stands at `index` of the tree with this size and root. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
}

/** Whether `proof` shows the claim (algorithm of RFC 9162 section 2.1.3.2). */
export function verifyInclusion(claim: InclusionClaim, proof: readonly Uint8Array[]): boolean {
  const { index, size } = claim;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if (claim.leafHash.length !== hashBytes) return false;
  let [node, last, hash] = [index, size - 1, claim.leafHash];
  for (const sibling of proof) {
    if (last === 0 || sibling.length !== hashBytes) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node > 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && equal(hash, claim.root);
}

/** What a consistency proof claims: the first `from` entries of the tree of size `to` are the older tree. */
export interface ConsistencyClaim {
  readonly from: number;
  readonly to: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
}

/** Whether `proof` shows the claim (algorithm of RFC 9162 section 2.1.4.2). */
export function verifyConsistency(claim: ConsistencyClaim, proof: readonly Uint8Array[]): boolean {
  const { from, to, oldRoot, newRoot } = claim;
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 1 || from > to) return false;
  if (from === to) return proof.length === 0 && equal(oldRoot, newRoot);
  if (proof.length === 0 || proof.some((hash) => hash.length !== hashBytes)) return false;
  const isPowerOfTwo = 2 ** Math.round(Math.log2(from)) === from;
  const [seed, ...rest] = isPowerOfTwo ? [oldRoot, ...proof] : proof;
  if (seed === undefined || seed.length !== hashBytes) return false;
  let [node, last] = [from - 1, to - 1];
  while (node % 2 === 1) [node, last] = [(node - 1) / 2, Math.floor(last / 2)];
  let [oldHash, newHash] = [seed, seed];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (node % 2 === 0 && node > 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && equal(oldHash, oldRoot) && equal(newHash, newRoot);
}

/** The C2SP tlog-proof text (c2sp.org/tlog-proof@v1): index, inclusion proof and the signed checkpoint. */
export function formatProof(index: number, proof: readonly Uint8Array[], checkpoint: string): string {
  const hashes = proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${hashes}\n${checkpoint}`;
}
