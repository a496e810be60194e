import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyRoot, Frontier, leafHash, nodeHash } from "./merkle.ts";
import { formatProof, inclusionParts, proofHashes } from "./proof.ts";
import type { ProofPart } from "./proof.ts";
import { inclusionHolds } from "./verify/inclusion.ts";

/** Largest tree of the properties: beyond two tile boundaries. */
const maxSize = 600;
const leaves = Array.from({ length: maxSize }, (_, index) => leafHash(Buffer.from(`entry ${index}`)));

/** MTH of RFC 6962 section 2.1 word by word, to compare with. */
function naiveRoot(begin: number, end: number): Buffer {
  if (end - begin === 1) return leaves[begin]!;
  let split = 1;
  while (split * 2 < end - begin) split *= 2;
  return nodeHash(naiveRoot(begin, begin + split), naiveRoot(begin + split, end));
}

const rootAt = (size: number): Uint8Array => new Frontier().extend(leaves.slice(0, size)).root();
const subtrees = new Map<string, Buffer>();
const hashesOf = (parts: ProofPart[]): Promise<Uint8Array[]> =>
  proofHashes(parts, async ({ height, index }) => {
    const key = `${height}/${index}`;
    const root = subtrees.get(key) ?? naiveRoot(index * 2 ** height, (index + 1) * 2 ** height);
    subtrees.set(key, root);
    return root;
  });

/** The same proof with one bit of one hash turned. */
function flipped(proof: readonly Uint8Array[], bit: number): Uint8Array[] {
  const copy = proof.map((hash) => Buffer.from(hash));
  const place = bit % (copy.length * 256);
  const hash = copy[Math.floor(place / 256)]!;
  const byte = Math.floor((place % 256) / 8);
  hash[byte] = hash[byte]! ^ (1 << (place % 8));
  return copy;
}

describe("the frontier", () => {
  it("folds to the root of RFC 6962 at every size, however the growth is cut", () => {
    expect(Buffer.from(rootAt(0))).toEqual(emptyRoot());
    fc.assert(
      fc.property(fc.integer({ min: 1, max: maxSize }), fc.nat(), (size, cut) => {
        const first = new Frontier().extend(leaves.slice(0, cut % size));
        const grown = first.extend(leaves.slice(cut % size, size));
        expect(grown.size).toBe(size);
        expect(Buffer.from(grown.root()).equals(naiveRoot(0, size))).toBe(true);
      }),
    );
  });

  it("hands out tile hashes of the next level at every 256th leaf", () => {
    const upper: Uint8Array[] = [];
    new Frontier().extend(leaves, (level, hash) => level === 1 && upper.push(hash));
    expect(upper.map((hash) => Buffer.from(hash))).toEqual([naiveRoot(0, 256), naiveRoot(256, 512)]);
  });
});

describe("inclusion proofs", () => {
  it("verify for every index of a tree", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: maxSize }), async (size) => {
        const root = rootAt(size);
        for (let index = 0; index < size; index++) {
          const proof = await hashesOf(inclusionParts(index, size));
          expect(inclusionHolds({ index, size, leaf: leaves[index]!, root, path: proof })).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("fail with any bit flipped, with another index, another leaf, a hash more or a hash less", async () => {
    const sizes = fc.integer({ min: 2, max: maxSize });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, place, bit) => {
        const index = place % size;
        const root = rootAt(size);
        const path = await hashesOf(inclusionParts(index, size));
        const claim = { index, size, leaf: leaves[index]!, root, path };
        expect(inclusionHolds({ ...claim, path: flipped(path, bit) })).toBe(false);
        expect(inclusionHolds({ ...claim, index: (index + 1) % size })).toBe(false);
        expect(inclusionHolds({ ...claim, leaf: leaves[(index + 1) % size]! })).toBe(false);
        expect(inclusionHolds({ ...claim, path: path.slice(1) })).toBe(false);
        expect(inclusionHolds({ ...claim, path: [...path, leaves[0]!] })).toBe(false);
      }),
    );
  });
});

describe("the tlog-proof text", () => {
  it("is header, index, hashes, an empty line and the checkpoint", () => {
    const text = formatProof(1, [Buffer.alloc(32)], "origin\n2\nroot\n\nsignature\n");
    expect(text).toBe(`c2sp.org/tlog-proof@v1\nindex 1\n${"A".repeat(43)}=\n\norigin\n2\nroot\n\nsignature\n`);
    expect(formatProof(0, [], "origin\n")).toBe("c2sp.org/tlog-proof@v1\nindex 0\n\norigin\n");
  });
});
