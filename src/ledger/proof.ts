// Inclusion proofs of RFC 6962 section 2.1.1, pure: which subtrees a proof is made of, and the C2SP tlog-proof text that
// carries one. Checking proofs is the verifier's business, which shares no code with this.
import { foldRoots } from "./merkle.ts";

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

/** The C2SP tlog-proof text (c2sp.org/tlog-proof@v1): index, inclusion proof and the signed checkpoint. */
export function formatProof(index: number, proof: readonly Uint8Array[], checkpoint: string): string {
  const hashes = proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${hashes}\n${checkpoint}`;
}
