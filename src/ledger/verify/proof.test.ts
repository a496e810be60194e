import { readFileSync, readdirSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  auditPath,
  consistencyPath,
  merkleTreeHash,
  naiveProof,
  noteKey,
  sha256Of,
} from "../../../test/support/ledger/naive-log.ts";
import { describeWith, vectorsFolder } from "../../../test/support/servers/requires.ts";
import { consistencyHolds, inclusionHolds } from "./inclusion.ts";
import { verifyProof } from "./index.ts";

const origin = "charter.test/log";
const { verifierKey } = noteKey(origin);
const entriesOf = (size: number) => Array.from({ length: size }, (_, i) => Buffer.from(`entry ${i}`));

interface Vector {
  readonly desc: string;
  readonly wantErr: boolean;
  readonly proof: readonly string[] | null;
  readonly [name: string]: unknown;
}

function vectors(kind: string): [string, Vector][] {
  const folder = new URL(`${kind}/`, vectorsFolder);
  return readdirSync(folder).map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Vector]);
}
const bytes = (text: unknown) => Buffer.from(String(text), "base64");

describeWith(["vectors"], "the RFC 6962 proof vectors", () => {
  it("agree about inclusion, all 98 of them", () => {
    const all = vectors("inclusion");
    expect(all).toHaveLength(98);
    const wrong = all.filter(([, { proof, wantErr, ...claim }]) => {
      const [index, size] = [Number(claim["leafIdx"]), Number(claim["treeSize"])];
      const path = (proof ?? []).map(bytes);
      return (
        inclusionHolds({ index, size, leaf: bytes(claim["leafHash"]), root: bytes(claim["root"]), path }) === wantErr
      );
    });
    expect(wrong.map(([name]) => name)).toEqual([]);
  });

  it("agree about consistency, all 98 of them", () => {
    const all = vectors("consistency");
    expect(all).toHaveLength(98);
    const wrong = all.filter(([, { proof, wantErr, ...claim }]) => {
      const [oldSize, newSize] = [Number(claim["size1"]), Number(claim["size2"])];
      const [oldRoot, newRoot] = [bytes(claim["root1"]), bytes(claim["root2"])];
      return consistencyHolds({ oldSize, newSize, oldRoot, newRoot, path: (proof ?? []).map(bytes) }) === wantErr;
    });
    expect(wrong.map(([name]) => name)).toEqual([]);
  });
});

describe("proofs of the recursive definition", () => {
  const entries = entriesOf(70);
  const anySize = fc.integer({ min: 1, max: 70 });

  it("hold for every index of every size, and not for another index, leaf or root", () => {
    fc.assert(
      fc.property(anySize, fc.nat(), fc.nat(), (size, anyIndex, otherIndex) => {
        const index = anyIndex % size;
        const part = entries.slice(0, size);
        const leaf = sha256Of(Uint8Array.of(0), part[index]!);
        const claim = { index, size, leaf, root: merkleTreeHash(part), path: auditPath(part, index) };
        expect(inclusionHolds(claim)).toBe(true);
        expect(inclusionHolds({ ...claim, leaf: sha256Of(leaf) })).toBe(false);
        expect(inclusionHolds({ ...claim, root: sha256Of(leaf) })).toBe(false);
        expect(inclusionHolds({ ...claim, path: [...claim.path, leaf] })).toBe(false);
        expect(inclusionHolds({ ...claim, index: size })).toBe(false);
        const wrong = otherIndex % size;
        if (wrong !== index) expect(inclusionHolds({ ...claim, index: wrong })).toBe(false);
      }),
    );
  });

  it("show every size to be the beginning of every later one, and nothing else", () => {
    fc.assert(
      fc.property(anySize, anySize, (one, other) => {
        const [oldSize, newSize] = [Math.min(one, other), Math.max(one, other)];
        const part = entries.slice(0, newSize);
        const [oldRoot, newRoot] = [merkleTreeHash(part.slice(0, oldSize)), merkleTreeHash(part)];
        const claim = { oldSize, newSize, oldRoot, newRoot, path: consistencyPath(part, oldSize) };
        expect(consistencyHolds(claim)).toBe(true);
        expect(consistencyHolds({ ...claim, oldRoot: sha256Of(oldRoot) })).toBe(false);
        expect(consistencyHolds({ ...claim, newRoot: sha256Of(newRoot) })).toBe(false);
        expect(consistencyHolds({ ...claim, path: [...claim.path, newRoot] })).toBe(false);
        expect(consistencyHolds({ ...claim, oldSize: 0 })).toBe(false);
      }),
    );
  });
});

describe("a tlog-proof file", () => {
  const entries = entriesOf(9);
  const proof = naiveProof(entries, 5, origin);

  it("proves its entry and says where it stands", () => {
    const root = merkleTreeHash(entries).toString("base64");
    expect(verifyProof(proof, entries[5]!, verifierKey)).toEqual({ ok: true, index: 5, size: 9, origin, root });
    const extra = proof.replace("\nindex", `\nextra ${Buffer.from("x").toString("base64")}\nindex`);
    expect(verifyProof(extra, entries[5]!, verifierKey)).toMatchObject({ ok: true });
  });

  it("proves no other entry and no other index", () => {
    expect(verifyProof(proof, entries[4]!, verifierKey)).toMatchObject({ ok: false });
    expect(verifyProof(proof.replace("index 5", "index 4"), entries[5]!, verifierKey)).toMatchObject({ ok: false });
    expect(verifyProof(proof.replace("index 5", "index 05"), entries[5]!, verifierKey)).toMatchObject({ ok: false });
  });

  it("fails under another key, another name and the empty tree", () => {
    expect(verifyProof(proof, entries[5]!, noteKey(origin, 2).verifierKey)).toMatchObject({ ok: false });
    expect(verifyProof(proof, entries[5]!, noteKey("other.test/log").verifierKey)).toMatchObject({ ok: false });
    expect(verifyProof(naiveProof([], 0, origin), Buffer.alloc(0), verifierKey)).toMatchObject({ ok: false });
  });

  it("fails whichever character is changed", () => {
    fc.assert(
      fc.property(fc.nat(proof.length - 1), fc.constantFrom("A", "z", "0", "\n", " ", "="), (at, character) => {
        if (proof[at] === character) return;
        const changed = proof.slice(0, at) + character + proof.slice(at + 1);
        expect(verifyProof(changed, entries[5]!, verifierKey)).toMatchObject({ ok: false });
      }),
      { numRuns: 400 },
    );
  });
});
