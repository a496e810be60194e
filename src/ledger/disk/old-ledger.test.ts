// A ledger that was written in format 1 opens, is read, verifies and goes on in format 2.
import { describe, expect, it } from "vitest";
import { oldLedger, oldSize } from "../../../test/support/ledger/old-ledger.ts";
import { canonicalJson } from "../../kernel/canonical-json.ts";
import { verifyLedger, verifyProof } from "../verify/index.ts";

describe("a ledger of format 1", () => {
  it("verifies as it was left, with the open intent that is in its journal", async () => {
    await using old = await oldLedger();
    const report = await verifyLedger({ source: old.path });
    expect(report).toMatchObject({ ok: true, size: oldSize, published: 14, openIntents: 1 });
  });

  it("opens, is indexed and read, and shows its leaves as they were written", async () => {
    await using old = await oldLedger();
    await old.withOpen(async (ledger) => {
      expect([ledger.condition(), ledger.size]).toEqual([{ state: "open" }, oldSize]);
      const all = await ledger.entries({ limit: 100 });
      expect(all.map(({ json }) => json.v)).toEqual(Array.from({ length: oldSize }, () => 1));
      const calls = await ledger.entries({ operation: "chat.create", kind: "outcome", limit: 100 });
      expect(calls.map(({ index }) => index)).toEqual([8, 10, 15]);
      const { leaf, json } = calls[1]!;
      expect(leaf).toMatchObject({ principalKind: "product", intent: 9, outcome: "committed" });
      expect([Object.keys(leaf), leaf.facts]).toEqual([expect.not.arrayContaining(["v", "call"]), undefined]);
      expect(json).toMatchObject({ principalKind: "product", call: { governedParameters: ["service_tier (price)"] } });
      const ofRequest = await ledger.entries({ requestId: leaf.requestId, limit: 100 });
      expect(ofRequest.map(({ index }) => index)).toEqual([9, 10]);
      expect((await ledger.outcomeOf(9))?.index).toBe(10);
      const proof = await ledger.proof(10);
      expect(verifyProof(proof, Buffer.from(canonicalJson(json)), ledger.verifierKey)).toMatchObject({ ok: true });
    });
  });

  it("has its open intent closed, and takes leaves of format 2, which are read beside the old ones", async () => {
    await using old = await oldLedger();
    await old.grow();
    await old.withOpen(async (ledger) => {
      expect(await ledger.closeInterrupted(async (intents) => new Set(intents))).toBe(0);
      const [interrupted, , outcome] = await ledger.entries({ after: oldSize - 1, limit: 100 });
      expect(interrupted).toMatchObject({
        json: { v: 2, intent: 16, outcome: "interrupted", request_id: (await ledger.entry(16)).leaf.requestId },
        leaf: { operation: "artifact.create", principalKind: "system", code: "effect.none" },
      });
      expect(outcome).toMatchObject({ leaf: { intent: 18, facts: { steps: 3 } }, json: { v: 2, facts: { steps: 3 } } });
      const uploads = await ledger.entries({ operation: "artifact.create", limit: 100 });
      expect(uploads.map(({ index }) => index)).toEqual([11, 12, 13, 16, 17, 18, 19]);
    });
    const { path, verifierKey, checkpoint } = old;
    const report = await verifyLedger({ source: path, verifierKey, earlierCheckpoint: checkpoint });
    expect(report).toMatchObject({ ok: true, size: oldSize + 3, published: oldSize + 3, openIntents: 0 });
  });
});
