// The other half of what the depository's store promises: pages are complete, families are bounded, rows stay as written.
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";
import type { Artifact } from "../../src/depository/artifact.ts";
import type { ArtifactQuery, ArtifactStore } from "../../src/depository/store/store.ts";
import { instant } from "../../src/kernel/clock.ts";
import type { ArtifactId } from "../../src/kernel/ids.ts";
import { newId } from "../../src/kernel/ids.ts";
import { ids, nowMs } from "./store-rig.ts";
import type { StoreRig } from "./store-rig.ts";

/** Listing, lineage, protection and holds. */
export function storeReads(currentRig: () => StoreRig): void {
  let rig: StoreRig;
  let store: ArtifactStore;

  beforeAll(() => {
    rig = currentRig();
    store = rig.store;
  });

  describe("listing", () => {
    it("gives every artifact once, newest first, while others are being written", async () => {
      const made = Array.from({ length: 57 }, (_, i) =>
        rig.artifact("PAGED", { created_at: instant(nowMs + Math.floor(i / 5)) }),
      );
      await Promise.all(made.map((artifact) => rig.put(artifact)));
      const late = async () => void (await rig.put(rig.artifact("PAGED", { created_at: instant(nowMs + 999) })));
      const seen = await rig.pages({ product: "PAGED" }, 10, late);
      const expected = made.toSorted((left, right) =>
        left.created_at + left.artifact_id < right.created_at + right.artifact_id ? 1 : -1,
      );
      expect(ids(seen)).toEqual(ids(expected));
    });

    it("filters by product, type, tag, creator and time, alone and together, with and without a product", async () => {
      const all: Artifact[] = [];
      for (let i = 0; i < 48; i++) {
        const artifact = rig.artifact(i % 2 === 0 ? "SIFT_A" : "SIFT_B", {
          artifact_type: i % 3 === 0 ? "SiftX" : "SiftY",
          tags: i % 4 === 0 ? ["sift-hot", "other"] : ["other"],
          created_by: i % 5 === 0 ? "key_sift0" : "key_sift1",
          created_at: instant(nowMs + 5000 + Math.floor(i / 3)),
        });
        all.push(artifact);
        await rig.put(artifact);
      }
      const window = { createdAfterMs: nowMs + 5004, createdBeforeMs: nowMs + 5012 };
      const choices: Omit<ArtifactQuery, "limit" | "after">[] = [];
      for (const product of [{}, { product: "SIFT_A" }]) {
        for (const type of [{}, { type: "SiftX" }]) {
          for (const tag of [{}, { tag: "sift-hot" }]) {
            for (const by of [{}, { createdBy: "key_sift0" }])
              choices.push({ ...product, ...type, ...tag, ...by, ...window });
          }
        }
      }
      const sizes = new Set<number>();
      for (const choice of choices) {
        const expected = all
          .filter(
            (artifact) =>
              (choice.product ?? artifact.product_id) === artifact.product_id &&
              (choice.type ?? artifact.artifact_type) === artifact.artifact_type &&
              (choice.createdBy ?? artifact.created_by) === artifact.created_by &&
              (choice.tag === undefined || artifact.tags.includes(choice.tag)) &&
              Date.parse(artifact.created_at) >= window.createdAfterMs &&
              Date.parse(artifact.created_at) < window.createdBeforeMs,
          )
          .toSorted((left, right) =>
            left.created_at + left.artifact_id < right.created_at + right.artifact_id ? 1 : -1,
          );
        sizes.add(expected.length);
        expect(ids(await rig.pages(choice, 4)), JSON.stringify(choice)).toEqual(ids(expected));
      }
      expect(sizes.size).toBeGreaterThan(4);
    });

    it("walks every blob once per artifact, in order", async () => {
      const seen: ArtifactId[] = [];
      for (;;) {
        const page = await store.eachBlob(seen.at(-1) ?? null, 25);
        if (page.length === 0) break;
        seen.push(...page.map((blob) => blob.artifactId));
      }
      expect(seen.length).toBe((await store.totals()).artifacts);
      expect(seen).toEqual([...new Set(seen)].sort());
    });
  });

  describe("lineage", () => {
    it("follows parents and children by level and says when it stopped early", async () => {
      const make = async (...derivedFrom: Artifact[]) => {
        const artifact = rig.artifact("FAMILY", { derivedFrom: ids(derivedFrom) });
        expect(await rig.put(artifact)).toEqual({ outcome: "stored" });
        return artifact;
      };
      const root = await make();
      const left = await make(root);
      const right = await make(root);
      const child = await make(left, right);
      const grandchild = await make(child);

      const up = await store.lineage(grandchild.artifact_id, "ancestors", 10, 100);
      expect(up.truncated).toBe(false);
      expect(new Map(up.nodes.map((node) => [node.artifactId, node.depth]))).toEqual(
        new Map([
          [grandchild.artifact_id, 0],
          [child.artifact_id, 1],
          [left.artifact_id, 2],
          [right.artifact_id, 2],
          [root.artifact_id, 3],
        ]),
      );
      expect(up.edges).toHaveLength(5);
      const down = await store.lineage(root.artifact_id, "descendants", 2, 100);
      expect(new Set(down.nodes.map((node) => node.artifactId))).toEqual(new Set(ids([root, left, right, child])));
      expect(down.truncated).toBe(true);
      const narrow = await store.lineage(root.artifact_id, "descendants", 10, 2);
      expect(narrow.nodes).toHaveLength(2);
      expect(narrow.truncated).toBe(true);
      const known = new Set(narrow.nodes.map((node) => node.artifactId));
      for (const edge of narrow.edges) expect(known.has(edge.child) && known.has(edge.parent)).toBe(true);
    });
  });

  describe("protection", () => {
    const locked = {
      artifact_id: "'x'",
      product_id: "'x'",
      artifact_type: "'x'",
      created_by: "'x'",
      created_ms: "1",
      content_hash: "'x'",
      size_bytes: "1",
      media_type: "'x'",
      tags: "'[]'",
      metadata: "'{}'",
      derived_from: "'[]'",
      retention_class: "'x'",
      retain_until_ms: "1",
      intent_index: "999999",
      location: "'x'",
    };

    it("refuses to change anything of an artifact but its hold, and to shorten its retention", async () => {
      const artifact = rig.artifact("LOCKED", { tags: ["t"] });
      await rig.put(artifact);
      const before = await store.get(null, artifact.artifact_id);
      for (const [column, value] of Object.entries(locked)) {
        const change = sql`update depository_artifacts set ${sql.ref(column)} = ${sql.raw(value)}
          where artifact_id = ${artifact.artifact_id}`;
        await expect(
          rig.db.transact((tx) => change.execute(tx)),
          column,
        ).rejects.toThrow("RULE_04");
      }
      expect(await store.get(null, artifact.artifact_id)).toEqual(before);
      const later = Date.parse(artifact.retainUntil) + 1;
      await rig.db.transact((tx) =>
        sql`update depository_artifacts set retain_until_ms = ${later} where artifact_id = ${artifact.artifact_id}`.execute(
          tx,
        ),
      );
      expect((await store.get(null, artifact.artifact_id))?.artifact.retainUntil).toBe(instant(later));
    });

    it("refuses to delete, replace or change the rows of artifacts, tags, lineage, content and holds", async () => {
      const parent = rig.artifact("KEPT");
      const artifact = rig.artifact("KEPT", { tags: ["t"], derivedFrom: [parent.artifact_id] });
      await rig.put(parent);
      await rig.put(artifact);
      const hold = {
        artifactId: artifact.artifact_id,
        hold: true,
        reason: "claim",
        by: "key_a",
        nowMs,
        intentIndex: 80_000,
      };
      await rig.db.transact((tx) => store.setHold(tx, hold));
      const tables = {
        depository_artifacts: "location = 'x'",
        depository_tags: "tag = 'x'",
        depository_edges: "parent_id = child_id",
        depository_contents: "location = 'x'",
        depository_holds: "reason = 'x'",
      };
      const refusals = Object.entries(tables).flatMap(([table, change]) => [
        `delete from ${table}`,
        `update ${table} set ${change}`,
      ]);
      if (rig.db.dialect === "sqlite") {
        refusals.push("insert or replace into depository_artifacts select * from depository_artifacts limit 1");
      } else {
        refusals.push(...Object.keys(tables).map((table) => `truncate ${table} cascade`));
      }
      for (const statement of refusals) {
        await expect(
          rig.db.transact((tx) => sql.raw(statement).execute(tx)),
          statement,
        ).rejects.toThrow("RULE_0");
      }
      expect(await store.get("KEPT", artifact.artifact_id)).toBeDefined();
    });
  });

  describe("holds and intents", () => {
    it("sets and clears a hold and keeps every change", async () => {
      const artifact = rig.artifact("HELD");
      await rig.put(artifact);
      const change = { artifactId: artifact.artifact_id, hold: true, reason: "claim 7", by: "key_legal000", nowMs };
      const set = await rig.db.transact((tx) => store.setHold(tx, { ...change, intentIndex: 90_001 }));
      expect(set).toEqual({ ...artifact, legalHold: true });
      expect((await store.get("HELD", artifact.artifact_id))?.artifact.legalHold).toBe(true);
      const cleared = await rig.db.transact((tx) => store.setHold(tx, { ...change, hold: false, intentIndex: 90_002 }));
      expect(cleared?.legalHold).toBe(false);
      const kept = await rig.db.read
        .selectFrom("depository_holds")
        .select("hold")
        .where("artifact_id", "=", artifact.artifact_id)
        .orderBy("intent_index")
        .execute();
      expect(kept.map((row) => row.hold)).toEqual([1, 0]);
      const nobody = { ...change, artifactId: newId<"artifact">({ nowMs: () => nowMs }), intentIndex: 90_003 };
      expect(await rig.db.transact((tx) => store.setHold(tx, nobody))).toBeUndefined();
    });

    it("has one row for one intent", async () => {
      await rig.put(rig.artifact("INTENT", { intentIndex: 95_000 }));
      await expect(rig.put(rig.artifact("INTENT", { intentIndex: 95_000 }))).rejects.toThrow();
    });
  });
}
