// What the depository's store promises on every database: `src/depository/store/store.ts` in executable form.
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/db/index.ts";
import type { Artifact } from "../../src/depository/artifact.ts";
import { depositoryMigrations } from "../../src/depository/store/migrations.ts";
import { openArtifactStore } from "../../src/depository/store/sql.ts";
import type { ArtifactCursor, ArtifactQuery, ArtifactStore, Settlement } from "../../src/depository/store/store.ts";
import type { DepositoryTables } from "../../src/depository/store/tables.ts";
import { instant } from "../../src/kernel/clock.ts";
import { digestOf } from "../../src/kernel/hash.ts";
import { newId } from "../../src/kernel/ids.ts";
import type { ArtifactId } from "../../src/kernel/ids.ts";
import type { DatabasePlace, DatabasePlaces } from "./databases.ts";

const nowMs = Date.UTC(2026, 5, 1);
const plenty = 1_000_000_000_000;
const instance = "this-process";

/** A store of its own with the helpers the tests share. */
class Bench {
  readonly db: Database<DepositoryTables>;
  readonly store: ArtifactStore;
  #intents = 0;

  constructor(db: Database) {
    this.db = db.tables<DepositoryTables>();
    this.store = openArtifactStore(db, instance);
  }

  artifact(product: string, change: Partial<Artifact> = {}): Artifact {
    const index = this.#intents++;
    const artifact_id = newId<"artifact">({ nowMs: () => nowMs + index });
    return {
      artifact_id,
      product_id: product,
      artifact_type: "ConversationArtifact",
      created_by: "key_writer00",
      created_at: instant(nowMs + index),
      content_hash: digestOf(artifact_id),
      sizeBytes: 100,
      mediaType: "application/json",
      tags: [],
      metadata: {},
      derivedFrom: [],
      retentionClass: "standard",
      retainUntil: instant(nowMs + 90 * 86_400_000),
      legalHold: false,
      intentIndex: index,
      ...change,
    };
  }

  reserve(
    product: string,
    bytes: number,
    id: string,
    limits: { quota?: number; total?: number; expiresMs?: number } = {},
  ) {
    const { quota = plenty, total = plenty, expiresMs = nowMs + 1000 } = limits;
    const room = { id, product, bytes, nowMs, expiresMs, quotaBytes: quota, storageTotalBytes: total };
    return this.db.transact((tx) => this.store.reserve(tx, room));
  }

  settle(artifact: Artifact, change: Partial<Settlement> = {}) {
    const settlement = { reservationId: artifact.artifact_id, artifact, location: "pack/1:0", nowMs, ...change };
    return this.db.transact((tx) => this.store.settle(tx, settlement));
  }

  /** Reserves and settles. */
  async put(artifact: Artifact, change: Partial<Settlement> = {}) {
    await this.reserve(artifact.product_id, artifact.sizeBytes, artifact.artifact_id);
    return this.settle(artifact, change);
  }

  async pages(query: Omit<ArtifactQuery, "limit" | "after">, limit: number, between = async () => {}) {
    const seen: Artifact[] = [];
    for (;;) {
      const last = seen.at(-1);
      const after: { after?: ArtifactCursor } =
        last === undefined ? {} : { after: { createdMs: Date.parse(last.created_at), id: last.artifact_id } };
      const page = await this.store.list({ ...query, ...after, limit });
      if (page.length === 0) return seen;
      expect(page.length).toBeLessThanOrEqual(limit);
      seen.push(...page);
      await between();
    }
  }
}

/** Runs the suite on one database. */
export function depositoryStoreContract(name: string, places: DatabasePlaces): void {
  describe(`the depository's store on ${name}`, () => {
    let place: DatabasePlace;
    let db: Database;
    let bench: Bench;
    let store: ArtifactStore;

    beforeAll(async () => {
      place = await places();
      db = await place.open();
      await db.migrate(depositoryMigrations);
      bench = new Bench(db);
      store = bench.store;
    });

    afterAll(async () => {
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const count = (outcomes: readonly { outcome: string }[], wanted: string) =>
      outcomes.filter(({ outcome }) => outcome === wanted).length;
    const ids = (artifacts: readonly Artifact[]) => artifacts.map((artifact) => artifact.artifact_id);

    describe("room", () => {
      it("admits exactly ten of 200 concurrent reservations when the quota has room for ten", async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 200 }, (_, i) => bench.reserve("RACE", 100, `race-${i}`, { quota: 1050 })),
        );
        expect(count(outcomes, "admitted")).toBe(10);
        expect(count(outcomes, "quota_exceeded")).toBe(190);
        expect(await store.usage("RACE")).toEqual({ usedBytes: 0, heldBytes: 1000, artifacts: 0 });
      });

      it("admits exactly ten of 200 when the whole depository has room for ten, whichever products ask", async () => {
        const { usedBytes, heldBytes } = await store.totals();
        const total = usedBytes + heldBytes + 1050;
        const outcomes = await Promise.all(
          Array.from({ length: 200 }, (_, i) => bench.reserve(`TOTAL_${i % 3}`, 100, `total-${i}`, { total })),
        );
        expect(count(outcomes, "admitted")).toBe(10);
        expect(count(outcomes, "storage_exceeded")).toBe(190);
        expect((await store.totals()).heldBytes).toBe(heldBytes + 1000);
        const products = await Promise.all([0, 1, 2].map((i) => store.usage(`TOTAL_${i}`)));
        expect(products.reduce((sum, usage) => sum + usage.heldBytes, 0)).toBe(1000);
      });

      it("tells the numbers that admitted or refused", async () => {
        const first = await bench.reserve("TOLD", 600, "told-1", { quota: 1000 });
        expect(first).toMatchObject({ outcome: "admitted", product: { usedBytes: 0, heldBytes: 600, artifacts: 0 } });
        for (const [i, bytes] of [401, 1001].entries()) {
          expect(await bench.reserve("TOLD", bytes, `told-over-${i}`, { quota: 1000 })).toEqual({
            outcome: "quota_exceeded",
            product: { usedBytes: 0, heldBytes: 600, artifacts: 0 },
            limitBytes: 1000,
          });
        }
        expect(await bench.reserve("TOLD", 400, "told-2", { quota: 1000 })).toMatchObject({ outcome: "admitted" });
      });

      it("turns what was reserved into what was used, and gives the rest back", async () => {
        const before = await store.totals();
        const artifact = bench.artifact("SETTLED", { sizeBytes: 70 });
        await bench.reserve("SETTLED", 500, artifact.artifact_id);
        expect(await bench.settle(artifact)).toEqual({ outcome: "stored" });
        expect(await store.usage("SETTLED")).toEqual({ usedBytes: 70, heldBytes: 0, artifacts: 1 });
        expect(await store.totals()).toEqual({
          usedBytes: before.usedBytes + 70,
          heldBytes: before.heldBytes,
          artifacts: before.artifacts + 1,
        });
      });

      it("refuses to use more than was reserved", async () => {
        const artifact = bench.artifact("GREEDY", { sizeBytes: 101 });
        await bench.reserve("GREEDY", 100, artifact.artifact_id);
        await expect(bench.settle(artifact)).rejects.toThrow("reserved");
        expect(await store.get(null, artifact.artifact_id)).toBeUndefined();
        expect(await store.usage("GREEDY")).toEqual({ usedBytes: 0, heldBytes: 100, artifacts: 0 });
      });

      it("gives room back once, however often and however many ways it is given back", async () => {
        const before = await store.totals();
        await bench.reserve("BACK", 100, "back-1");
        const released = await Promise.all(
          Array.from({ length: 5 }, () => db.tables<DepositoryTables>().transact((tx) => store.release(tx, "back-1"))),
        );
        expect(released.filter(Boolean)).toHaveLength(1);

        const expired = bench.artifact("BACK");
        await bench.reserve("BACK", 100, expired.artifact_id, { expiresMs: nowMs - 500 });
        const swept = await Promise.all(Array.from({ length: 3 }, () => store.expireReservations(nowMs - 500)));
        expect(swept.toSorted()).toEqual([0, 0, 1]);
        expect(await bench.settle(expired)).toEqual({ outcome: "reservation_lost" });
        expect(await store.get(null, expired.artifact_id)).toBeUndefined();
        expect(await store.usage("BACK")).toEqual({ usedBytes: 0, heldBytes: 0, artifacts: 0 });
        expect(await store.totals()).toEqual(before);
      });

      it("drops what one instance held and leaves the others alone", async () => {
        const other = openArtifactStore(db, "that-process");
        const room = {
          product: "DROPPED",
          bytes: 40,
          nowMs,
          expiresMs: nowMs + 1,
          quotaBytes: plenty,
          storageTotalBytes: plenty,
        };
        for (let i = 0; i < 3; i++) await bench.db.transact((tx) => other.reserve(tx, { ...room, id: `dropped-${i}` }));
        await bench.reserve("DROPPED", 100, "dropped-here");
        expect(await store.dropReservationsOf("that-process")).toBe(3);
        expect(await store.usage("DROPPED")).toEqual({ usedBytes: 0, heldBytes: 100, artifacts: 0 });
      });
    });

    describe("settling", () => {
      it("keeps the artifact exactly as it was given", async () => {
        const parent = bench.artifact("WHOLE");
        await bench.put(parent);
        const artifact = bench.artifact("WHOLE", {
          tags: ["b", "a", "a"],
          metadata: { z: [1, { deep: null }], a: "\u0000\u202e", ["__proto__"]: "own" },
          derivedFrom: [parent.artifact_id],
          sizeBytes: 0,
        });
        await bench.put(artifact, { location: "pack/7:4096" });
        expect(await store.get("WHOLE", artifact.artifact_id)).toEqual({ artifact, location: "pack/7:4096" });
      });

      it("shows an artifact to its own product and to callers of none, and to nobody else", async () => {
        const artifact = bench.artifact("MINE");
        await bench.put(artifact);
        expect(await store.get(null, artifact.artifact_id)).toBeDefined();
        expect(await store.get("THEIRS", artifact.artifact_id)).toBeUndefined();
        expect(await store.get("MINE", newId<"artifact">({ nowMs: () => nowMs }))).toBeUndefined();
      });

      it("names the parents that the product does not have and stores nothing", async () => {
        const foreign = bench.artifact("FOREIGN");
        const own = bench.artifact("CHILD");
        await bench.put(foreign);
        await bench.put(own);
        const artifact = bench.artifact("CHILD", { derivedFrom: [own.artifact_id, foreign.artifact_id] });
        const idempotency = { principal: "key_p", key: "unused", fingerprint: "f", expiresMs: nowMs + 1 };
        const settled = await bench.put(artifact, { idempotency });
        expect(settled).toEqual({ outcome: "parent_missing", missing: [foreign.artifact_id] });
        expect(await store.get(null, artifact.artifact_id)).toBeUndefined();
        expect(await store.idempotent("CHILD", "key_p", "unused", nowMs)).toBeUndefined();
        expect(await store.usage("CHILD")).toEqual({ usedBytes: 100, heldBytes: 0, artifacts: 1 });
      });

      it("stores one of 50 concurrent requests with one idempotency key and tells the others which", async () => {
        const artifacts = Array.from({ length: 50 }, () => bench.artifact("KEYED"));
        const outcomes = await Promise.all(
          artifacts.map((artifact, i) => {
            const idempotency = { principal: "key_p", key: "k", fingerprint: `f${i}`, expiresMs: nowMs + 1000 };
            return bench.put(artifact, { idempotency });
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
          return bench.put(bench.artifact(product), { idempotency, nowMs: atMs });
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
        const artifacts = Array.from({ length: 50 }, () => bench.artifact("FIRST", { content_hash }));
        const outcomes = await Promise.all(
          artifacts.map((artifact, i) => {
            const idempotency = { principal: "key_p", key: `first-${i}`, fingerprint: "f", expiresMs: nowMs + 1000 };
            return bench.put(artifact, { ifNoneMatch: true, idempotency });
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
        const again = bench.artifact("FIRST", { content_hash });
        const typed = bench.artifact("FIRST", { content_hash, artifact_type: "MediaArtifact" });
        const elsewhere = bench.artifact("SECOND", { content_hash });
        expect(await bench.put(again)).toEqual({ outcome: "stored" });
        expect(await bench.put(typed, { ifNoneMatch: true })).toEqual({ outcome: "stored" });
        expect(await bench.put(elsewhere, { ifNoneMatch: true })).toEqual({ outcome: "stored" });
      });

      it("finds bytes that a product keeps, and never those of another", async () => {
        const artifact = bench.artifact("KEEPER", { sizeBytes: 5 });
        await bench.put(artifact, { location: "pack/9:1" });
        const blob = { digest: artifact.content_hash, sizeBytes: 5, location: "pack/9:1" };
        expect(await store.findBlob("KEEPER", artifact.content_hash)).toEqual(blob);
        expect(await store.findBlob("OTHER", artifact.content_hash)).toBeUndefined();
      });
    });

    describe("listing", () => {
      it("gives every artifact once, newest first, while others are being written", async () => {
        const made = Array.from({ length: 57 }, (_, i) =>
          bench.artifact("PAGED", { created_at: instant(nowMs + Math.floor(i / 5)) }),
        );
        await Promise.all(made.map((artifact) => bench.put(artifact)));
        const late = async () => void (await bench.put(bench.artifact("PAGED", { created_at: instant(nowMs + 999) })));
        const seen = await bench.pages({ product: "PAGED" }, 10, late);
        const expected = made.toSorted((left, right) =>
          left.created_at + left.artifact_id < right.created_at + right.artifact_id ? 1 : -1,
        );
        expect(ids(seen)).toEqual(ids(expected));
      });

      it("filters by product, type, tag, creator and time, alone and together, with and without a product", async () => {
        const all: Artifact[] = [];
        for (let i = 0; i < 48; i++) {
          const artifact = bench.artifact(i % 2 === 0 ? "SIFT_A" : "SIFT_B", {
            artifact_type: i % 3 === 0 ? "SiftX" : "SiftY",
            tags: i % 4 === 0 ? ["sift-hot", "other"] : ["other"],
            created_by: i % 5 === 0 ? "key_sift0" : "key_sift1",
            created_at: instant(nowMs + 5000 + Math.floor(i / 3)),
          });
          all.push(artifact);
          await bench.put(artifact);
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
          expect(ids(await bench.pages(choice, 4)), JSON.stringify(choice)).toEqual(ids(expected));
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
          const artifact = bench.artifact("FAMILY", { derivedFrom: ids(derivedFrom) });
          expect(await bench.put(artifact)).toEqual({ outcome: "stored" });
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
        const artifact = bench.artifact("LOCKED", { tags: ["t"] });
        await bench.put(artifact);
        const before = await store.get(null, artifact.artifact_id);
        for (const [column, value] of Object.entries(locked)) {
          const change = sql`update depository_artifacts set ${sql.ref(column)} = ${sql.raw(value)}
            where artifact_id = ${artifact.artifact_id}`;
          await expect(
            bench.db.transact((tx) => change.execute(tx)),
            column,
          ).rejects.toThrow("RULE_04");
        }
        expect(await store.get(null, artifact.artifact_id)).toEqual(before);
        const later = Date.parse(artifact.retainUntil) + 1;
        await bench.db.transact((tx) =>
          sql`update depository_artifacts set retain_until_ms = ${later} where artifact_id = ${artifact.artifact_id}`.execute(
            tx,
          ),
        );
        expect((await store.get(null, artifact.artifact_id))?.artifact.retainUntil).toBe(instant(later));
      });

      it("refuses to delete, replace or change the rows of artifacts, tags, lineage, content and holds", async () => {
        const parent = bench.artifact("KEPT");
        const artifact = bench.artifact("KEPT", { tags: ["t"], derivedFrom: [parent.artifact_id] });
        await bench.put(parent);
        await bench.put(artifact);
        const hold = {
          artifactId: artifact.artifact_id,
          hold: true,
          reason: "claim",
          by: "key_a",
          nowMs,
          intentIndex: 80_000,
        };
        await bench.db.transact((tx) => store.setHold(tx, hold));
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
        if (db.dialect === "sqlite") {
          refusals.push("insert or replace into depository_artifacts select * from depository_artifacts limit 1");
        } else {
          refusals.push(...Object.keys(tables).map((table) => `truncate ${table} cascade`));
        }
        for (const statement of refusals) {
          await expect(
            bench.db.transact((tx) => sql.raw(statement).execute(tx)),
            statement,
          ).rejects.toThrow("RULE_0");
        }
        expect(await store.get("KEPT", artifact.artifact_id)).toBeDefined();
      });
    });

    describe("holds and intents", () => {
      it("sets and clears a hold and keeps every change", async () => {
        const artifact = bench.artifact("HELD");
        await bench.put(artifact);
        const change = { artifactId: artifact.artifact_id, hold: true, reason: "claim 7", by: "key_legal000", nowMs };
        const set = await bench.db.transact((tx) => store.setHold(tx, { ...change, intentIndex: 90_001 }));
        expect(set).toEqual({ ...artifact, legalHold: true });
        expect((await store.get("HELD", artifact.artifact_id))?.artifact.legalHold).toBe(true);
        const cleared = await bench.db.transact((tx) =>
          store.setHold(tx, { ...change, hold: false, intentIndex: 90_002 }),
        );
        expect(cleared?.legalHold).toBe(false);
        const kept = await bench.db.read
          .selectFrom("depository_holds")
          .select("hold")
          .where("artifact_id", "=", artifact.artifact_id)
          .orderBy("intent_index")
          .execute();
        expect(kept.map((row) => row.hold)).toEqual([1, 0]);
        const nobody = { ...change, artifactId: newId<"artifact">({ nowMs: () => nowMs }), intentIndex: 90_003 };
        expect(await bench.db.transact((tx) => store.setHold(tx, nobody))).toBeUndefined();
        expect(await store.wasApplied(90_003)).toBe(false);
      });

      it("knows which intents became rows, and the newest of them", async () => {
        const artifact = bench.artifact("INTENT", { intentIndex: 95_000 });
        expect(await store.wasApplied(95_000)).toBe(false);
        await bench.put(artifact);
        expect(await store.wasApplied(95_000)).toBe(true);
        expect(await store.wasApplied(90_001)).toBe(true);
        expect(await store.maxIntentIndex()).toBe(95_000);
        await expect(bench.put(bench.artifact("INTENT", { intentIndex: 95_000 }))).rejects.toThrow();
      });
    });
  });

  describe(`an empty store on ${name}`, () => {
    it("answers with nothing", async () => {
      const place = await places();
      const db = await place.open();
      await db.migrate(depositoryMigrations);
      const store = openArtifactStore(db, instance);
      expect(await store.maxIntentIndex()).toBe(-1);
      expect(await store.totals()).toEqual({ usedBytes: 0, heldBytes: 0, artifacts: 0 });
      expect(await store.usage("ANY")).toEqual({ usedBytes: 0, heldBytes: 0, artifacts: 0 });
      expect(await store.list({ limit: 10 })).toEqual([]);
      expect(await store.eachBlob(null, 10)).toEqual([]);
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });
  });
}
