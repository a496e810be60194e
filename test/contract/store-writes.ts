// The writing half of what the depository's store promises: room is never given twice, and a write is whole or not there.
import { beforeAll, describe, expect, it } from "vitest";
import type { Artifact } from "../../src/depository/artifact.ts";
import { openArtifactStore } from "../../src/depository/store/sql.ts";
import type { ArtifactStore, StoreTx } from "../../src/depository/store/store.ts";
import { digestOf } from "../../src/kernel/hash.ts";
import { newId } from "../../src/kernel/ids.ts";
import { actOn } from "../support/storage/acts.ts";
import type { UnreliableDatabase } from "../support/storage/unreliable-database.ts";
import { nowMs, plenty } from "./store-rig.ts";
import type { StoreRig } from "./store-rig.ts";

/** Taking room and settling writes. */
export function storeWrites(currentRig: () => StoreRig): void {
  let rig: StoreRig;
  let store: ArtifactStore;

  beforeAll(() => {
    rig = currentRig();
    store = rig.store;
  });

  const count = (outcomes: readonly { outcome: string }[], wanted: string) =>
    outcomes.filter(({ outcome }) => outcome === wanted).length;

  describe("room", () => {
    it("admits exactly ten of 200 concurrent reservations when the quota has room for ten", async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, i) => rig.reserve("RACE", 100, `race-${i}`, { quota: 1050 })),
      );
      expect(count(outcomes, "admitted")).toBe(10);
      expect(count(outcomes, "quota_exceeded")).toBe(190);
      expect(await store.usage("RACE")).toEqual({ usedBytes: 0, heldBytes: 1000, artifacts: 0 });
    });

    it("refuses room to a product that has as many artifacts as it may have", async () => {
      for (const _ of [1, 2]) await rig.put(rig.artifact("FULL_SHELF"));
      const third = await rig.reserve("FULL_SHELF", 1, "third", { artifacts: 2 });
      expect(third).toMatchObject({ outcome: "quota_exceeded", product: { artifacts: 2, heldBytes: 0 } });
      expect(await rig.reserve("FULL_SHELF", 1, "fourth", { artifacts: 3 })).toMatchObject({ outcome: "admitted" });
    });

    it("admits exactly ten of 200 when the whole depository has room for ten, whichever products ask", async () => {
      const { usedBytes, heldBytes } = await store.totals();
      const total = usedBytes + heldBytes + 1050;
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, i) => rig.reserve(`TOTAL_${i % 3}`, 100, `total-${i}`, { total })),
      );
      expect(count(outcomes, "admitted")).toBe(10);
      expect(count(outcomes, "storage_exceeded")).toBe(190);
      expect((await store.totals()).heldBytes).toBe(heldBytes + 1000);
      const products = await Promise.all([0, 1, 2].map((i) => store.usage(`TOTAL_${i}`)));
      expect(products.reduce((sum, usage) => sum + usage.heldBytes, 0)).toBe(1000);
    });

    it("tells the numbers that admitted or refused", async () => {
      const first = await rig.reserve("TOLD", 600, "told-1", { quota: 1000 });
      expect(first).toMatchObject({ outcome: "admitted", product: { usedBytes: 0, heldBytes: 600, artifacts: 0 } });
      for (const [i, bytes] of [401, 1001].entries()) {
        expect(await rig.reserve("TOLD", bytes, `told-over-${i}`, { quota: 1000 })).toEqual({
          outcome: "quota_exceeded",
          product: { usedBytes: 0, heldBytes: 600, artifacts: 0 },
          limitBytes: 1000,
        });
      }
      expect(await rig.reserve("TOLD", 400, "told-2", { quota: 1000 })).toMatchObject({ outcome: "admitted" });
    });

    it("turns what was reserved into what was used, and gives the rest back", async () => {
      const before = await store.totals();
      const artifact = rig.artifact("SETTLED", { sizeBytes: 70 });
      await rig.reserve("SETTLED", 500, artifact.artifact_id);
      expect(await rig.settle(artifact)).toEqual({ outcome: "stored" });
      expect(await store.usage("SETTLED")).toEqual({ usedBytes: 70, heldBytes: 0, artifacts: 1 });
      expect(await store.totals()).toEqual({
        usedBytes: before.usedBytes + 70,
        heldBytes: before.heldBytes,
        artifacts: before.artifacts + 1,
      });
    });

    it("refuses to use more than was reserved", async () => {
      const artifact = rig.artifact("GREEDY", { sizeBytes: 101 });
      await rig.reserve("GREEDY", 100, artifact.artifact_id);
      await expect(rig.settle(artifact)).rejects.toThrow("reserved");
      expect(await store.get(null, artifact.artifact_id)).toBeUndefined();
      expect(await store.usage("GREEDY")).toEqual({ usedBytes: 0, heldBytes: 100, artifacts: 0 });
    });

    it("gives room back once, however often and however many ways it is given back", async () => {
      const before = await store.totals();
      await rig.reserve("BACK", 100, "back-1");
      const released = await Promise.all(
        Array.from({ length: 5 }, () => rig.db.transact((tx) => store.release(tx, "back-1"))),
      );
      expect(released.filter(Boolean)).toHaveLength(1);

      const expired = rig.artifact("BACK");
      await rig.reserve("BACK", 100, expired.artifact_id, { expiresMs: nowMs - 500 });
      const swept = await Promise.all(Array.from({ length: 3 }, () => store.expireReservations(nowMs - 500)));
      expect(swept.toSorted((left, right) => left - right)).toEqual([0, 0, 1]);
      expect(await rig.settle(expired)).toEqual({ outcome: "reservation_lost" });
      expect(await store.get(null, expired.artifact_id)).toBeUndefined();
      expect(await store.usage("BACK")).toEqual({ usedBytes: 0, heldBytes: 0, artifacts: 0 });
      expect(await store.totals()).toEqual(before);
    });

    it("holds nothing for a reservation that is disowned, whether it came before, comes meanwhile or comes later", async () => {
      const before = await store.totals();
      const disown = (id: string) =>
        rig.db.transact((tx) => store.disown(tx, { id, product: "LOST", expiresMs: nowMs + 1000 }));
      await rig.reserve("LOST", 100, "lost-before");
      await disown("lost-before");
      await disown("lost-later");
      await expect(rig.reserve("LOST", 100, "lost-later")).rejects.toThrow();
      for (let i = 0; i < 10; i++) {
        await Promise.allSettled([rig.reserve("LOST", 100, `lost-${i}`), disown(`lost-${i}`)]);
      }
      expect(await store.usage("LOST")).toEqual({ usedBytes: 0, heldBytes: 0, artifacts: 0 });
      expect(await store.totals()).toEqual(before);
    });

    it("keeps the one number that guards the whole equal to the sum over the products", async () => {
      for (const sizeBytes of [100, 30, 0]) {
        const artifact = rig.artifact("SUMMED", { sizeBytes });
        await rig.reserve("SUMMED", 100, artifact.artifact_id);
        await rig.settle(artifact);
      }
      const refused = rig.artifact("SUMMED", { derivedFrom: [newId<"artifact">({ nowMs: () => nowMs })] });
      expect(await rig.put(refused)).toMatchObject({ outcome: "parent_missing" });
      const { usedBytes, heldBytes } = await store.totals();
      const guard = await rig.db.read.selectFrom("depository_totals").select("taken_bytes").executeTakeFirstOrThrow();
      expect(guard.taken_bytes).toBe(usedBytes + heldBytes);
      expect(await rig.reserve("SUMMED", 1, "summed")).toMatchObject({
        totalTakenBytes: usedBytes + heldBytes + 1,
      });
    });

    it("drops what one instance held and leaves the others alone", async () => {
      const other = openArtifactStore(rig.db.tables<unknown>(), "that-process");
      const room = {
        product: "DROPPED",
        bytes: 40,
        nowMs,
        expiresMs: nowMs + 1,
        quotaBytes: plenty,
        maxArtifacts: plenty,
        storageTotalBytes: plenty,
      };
      for (let i = 0; i < 3; i++) await rig.db.transact((tx) => other.reserve(tx, { ...room, id: `dropped-${i}` }));
      await rig.reserve("DROPPED", 100, "dropped-here");
      expect(await store.dropReservationsOf("that-process")).toBe(3);
      expect(await store.usage("DROPPED")).toEqual({ usedBytes: 0, heldBytes: 100, artifacts: 0 });
    });
  });

  describe("bytes that are stored and that no artifact has", () => {
    const abandon = (id: string, artifact: Artifact, sizeBytes: number) => {
      const blob = { digest: artifact.content_hash, sizeBytes, location: "pack/1:0" };
      const leftover = { product: artifact.product_id, blob, atMs: nowMs };
      return rig.db.transact((tx) => store.abandon(tx, id, leftover));
    };

    it("are used by their product, once, until an artifact has them", async () => {
      const artifact = rig.artifact("LEFT", { sizeBytes: 60 });
      const used = { usedBytes: 60, heldBytes: 0, artifacts: 0 };
      for (const id of ["left-1", "left-2"]) {
        await rig.reserve("LEFT", 100, id);
        await abandon(id, artifact, 60);
        expect(await store.usage("LEFT")).toEqual(used);
      }
      // Also where the room had expired.
      await abandon("left-3", rig.artifact("LEFT"), 5);
      expect(await store.usage("LEFT")).toEqual({ ...used, usedBytes: 65 });
      const totals = await store.totals();
      const guard = await rig.db.read.selectFrom("depository_totals").select("taken_bytes").executeTakeFirstOrThrow();
      expect(guard.taken_bytes).toBe(totals.usedBytes + totals.heldBytes);
      expect(await store.findBlob("LEFT", artifact.content_hash)).toMatchObject({ isLeftover: true, sizeBytes: 60 });
      expect(await store.findBlob("OTHER", artifact.content_hash)).toBeUndefined();
      await rig.reserve("LEFT", 60, artifact.artifact_id);
      expect(await rig.settle(artifact)).toEqual({ outcome: "stored" });
      expect(await store.usage("LEFT")).toEqual({ usedBytes: 65, heldBytes: 0, artifacts: 1 });
      expect(await store.findBlob("LEFT", artifact.content_hash)).toMatchObject({ isLeftover: false });
    });

    it("are counted with the artifact that has them, and found where they are old", async () => {
      const artifact = rig.artifact("KEPT", { sizeBytes: 60 });
      await rig.put(artifact);
      await rig.reserve("KEPT", 60, "kept-1");
      await abandon("kept-1", artifact, 60);
      expect(await store.usage("KEPT")).toEqual({ usedBytes: 60, heldBytes: 0, artifacts: 1 });
      const lost = rig.artifact("KEPT", { sizeBytes: 7 });
      await abandon("kept-2", lost, 7);
      const found = await store.oldLeftovers(nowMs + 1, "pack/1:0", 100);
      expect(found.filter(({ product }) => product === "KEPT")).toEqual([
        {
          product: "KEPT",
          blob: { digest: lost.content_hash, sizeBytes: 7, location: "pack/1:0" },
          atMs: nowMs,
          isTaken: false,
        },
      ]);
      expect(await store.oldLeftovers(nowMs, "pack/1:0", 100)).toEqual([]);
      await rig.db.transact((tx) => store.dropLeftover(tx, "KEPT", lost.content_hash));
      await rig.db.transact((tx) => store.dropLeftover(tx, "KEPT", lost.content_hash));
      expect(await store.usage("KEPT")).toEqual({ usedBytes: 60, heldBytes: 0, artifacts: 1 });
    });
  });

  describe("settling", () => {
    it("stores an artifact exactly when that is told, whatever is lost of the commit, and gives room back once", async () => {
      const artifact = rig.artifact("LOSSES", { sizeBytes: 60 });
      const db = rig.db as unknown as UnreliableDatabase;
      await rig.reserve("LOSSES", 100, artifact.artifact_id);
      const settlement = { reservationId: artifact.artifact_id, artifact, location: "pack/1:0", nowMs };
      const settle = () => actOn(db).transact((tx) => store.settle(tx as unknown as StoreTx, settlement));
      await expect(db.losing(["commit"], settle)).rejects.toMatchObject({ code: "db.unavailable" });
      expect(await store.usage("LOSSES")).toEqual({ usedBytes: 0, heldBytes: 100, artifacts: 0 });
      expect(await db.losing(["answer"], settle)).toEqual({ outcome: "stored" });
      expect(await store.usage("LOSSES")).toEqual({ usedBytes: 60, heldBytes: 0, artifacts: 1 });
      expect(await rig.db.transact((tx) => store.release(tx, artifact.artifact_id))).toBe(false);
    });

    it("keeps the artifact exactly as it was given", async () => {
      const parent = rig.artifact("WHOLE");
      await rig.put(parent);
      const artifact = rig.artifact("WHOLE", {
        tags: ["b", "a", "a"],
        metadata: { z: [1, { deep: null }], a: "\u0000\u202e", ["__proto__"]: "own" },
        derivedFrom: [parent.artifact_id],
        sizeBytes: 0,
      });
      await rig.put(artifact, { location: "pack/7:4096" });
      expect(await store.get("WHOLE", artifact.artifact_id)).toEqual({ artifact, location: "pack/7:4096" });
    });

    it("shows an artifact to its own product and to callers of none, and to nobody else", async () => {
      const artifact = rig.artifact("MINE");
      await rig.put(artifact);
      expect(await store.get(null, artifact.artifact_id)).toBeDefined();
      expect(await store.get("THEIRS", artifact.artifact_id)).toBeUndefined();
      expect(await store.get("MINE", newId<"artifact">({ nowMs: () => nowMs }))).toBeUndefined();
    });

    it("names the parents that the product does not have and stores nothing", async () => {
      const foreign = rig.artifact("FOREIGN");
      const own = rig.artifact("CHILD");
      await rig.put(foreign);
      await rig.put(own);
      const artifact = rig.artifact("CHILD", { derivedFrom: [own.artifact_id, foreign.artifact_id] });
      const idempotency = { principal: "key_p", key: "unused", fingerprint: "f", expiresMs: nowMs + 1 };
      expect(await store.missingParents("CHILD", artifact.derivedFrom)).toEqual([foreign.artifact_id]);
      expect(await store.missingParents("FOREIGN", [foreign.artifact_id])).toEqual([]);
      expect(await store.missingParents("CHILD", [])).toEqual([]);
      const settled = await rig.put(artifact, { idempotency });
      expect(settled).toEqual({ outcome: "parent_missing", missing: [foreign.artifact_id] });
      expect(await store.get(null, artifact.artifact_id)).toBeUndefined();
      expect(await store.idempotent("CHILD", "key_p", "unused", nowMs)).toBeUndefined();
      expect(await store.usage("CHILD")).toEqual({ usedBytes: 100, heldBytes: 0, artifacts: 1 });
    });

    it("stores one of 50 concurrent requests with one idempotency key and tells the others which", async () => {
      const artifacts = Array.from({ length: 50 }, () => rig.artifact("KEYED"));
      const outcomes = await Promise.all(
        artifacts.map((artifact, i) => {
          const idempotency = { principal: "key_p", key: "k", fingerprint: `f${i}`, expiresMs: nowMs + 1000 };
          return rig.put(artifact, { idempotency });
        }),
      );
      expect(count(outcomes, "stored")).toBe(1);
      const winner = outcomes.findIndex(({ outcome }) => outcome === "stored");
      const told = { fingerprint: `f${winner}`, artifactId: artifacts[winner]!.artifact_id };
      for (const outcome of outcomes.filter((_, i) => i !== winner)) {
        expect(outcome).toEqual({ outcome: "key_used", ...told });
      }
      expect(await store.idempotent("KEYED", "key_p", "k", nowMs)).toEqual(told);
      expect(await store.usage("KEYED")).toEqual({ usedBytes: 100, heldBytes: 0, artifacts: 1 });
    });

    it("keeps idempotency keys apart by product and principal, and lets them go when their time is over", async () => {
      const put = (product: string, principal: string, atMs: number) => {
        const idempotency = { principal, key: "same", fingerprint: "f", expiresMs: atMs + 1000 };
        return rig.put(rig.artifact(product), { idempotency, nowMs: atMs });
      };
      expect(await put("APART", "key_p", nowMs)).toEqual({ outcome: "stored" });
      expect(await put("APART", "key_q", nowMs)).toEqual({ outcome: "stored" });
      expect(await put("APART_2", "key_p", nowMs)).toEqual({ outcome: "stored" });
      expect(await put("APART", "key_p", nowMs + 999)).toMatchObject({ outcome: "key_used" });
      expect(await store.idempotent("APART", "key_p", "same", nowMs + 1000)).toBeUndefined();
      expect(await put("APART", "key_p", nowMs + 1000)).toEqual({ outcome: "stored" });
      expect(await store.forgetKeys(nowMs + 1000)).toBeGreaterThanOrEqual(2);
      expect(await store.idempotent("APART", "key_p", "same", nowMs + 1001)).toBeDefined();
      expect(await store.idempotent("APART", "key_q", "same", nowMs)).toBeUndefined();
    });

    it("stores one of 50 concurrent writes of the same content when each asks to be the first", async () => {
      const content_hash = digestOf("the same bytes");
      const artifacts = Array.from({ length: 50 }, () => rig.artifact("FIRST", { content_hash }));
      const outcomes = await Promise.all(
        artifacts.map((artifact, i) => {
          const idempotency = { principal: "key_p", key: `first-${i}`, fingerprint: "f", expiresMs: nowMs + 1000 };
          return rig.put(artifact, { ifNoneMatch: true, idempotency });
        }),
      );
      expect(count(outcomes, "stored")).toBe(1);
      const winner = outcomes.findIndex(({ outcome }) => outcome === "stored");
      const { artifact_id: artifactId } = artifacts[winner]!;
      expect(outcomes[(winner + 1) % 50]).toEqual({ outcome: "content_exists", artifactId });
      expect(await store.idempotent("FIRST", "key_p", `first-${(winner + 1) % 50}`, nowMs)).toBeUndefined();
      expect(await store.usage("FIRST")).toEqual({ usedBytes: 100, heldBytes: 0, artifacts: 1 });
    });

    it("lets the same content in again for who does not ask, for another type and for another product", async () => {
      const content_hash = digestOf("the same bytes");
      const again = rig.artifact("FIRST", { content_hash });
      const typed = rig.artifact("FIRST", { content_hash, artifact_type: "MediaArtifact" });
      const elsewhere = rig.artifact("SECOND", { content_hash });
      expect(await rig.put(again)).toEqual({ outcome: "stored" });
      expect(await rig.put(typed, { ifNoneMatch: true })).toEqual({ outcome: "stored" });
      expect(await rig.put(elsewhere, { ifNoneMatch: true })).toEqual({ outcome: "stored" });
    });

    it("finds bytes that a product keeps, and never those of another", async () => {
      const artifact = rig.artifact("KEEPER", { sizeBytes: 5 });
      await rig.put(artifact, { location: "pack/9:1" });
      const blob = { digest: artifact.content_hash, sizeBytes: 5, location: "pack/9:1" };
      expect(await store.findBlob("KEEPER", artifact.content_hash)).toEqual({ ...blob, isLeftover: false });
      expect(await store.findBlob("OTHER", artifact.content_hash)).toBeUndefined();
    });
  });
}
