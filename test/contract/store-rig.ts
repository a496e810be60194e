// What the suites of the depository's store share: a store, artifacts to put into it, and the two steps of a write.
import { expect } from "vitest";
import type { Database } from "../../src/db/index.ts";
import type { Artifact } from "../../src/depository/artifact.ts";
import { openArtifactStore } from "../../src/depository/store/sql.ts";
import type { ArtifactCursor, ArtifactQuery, ArtifactStore, Settlement } from "../../src/depository/store/store.ts";
import type { DepositoryTables } from "../../src/depository/store/tables.ts";
import { instant } from "../../src/kernel/clock.ts";
import { digestOf } from "../../src/kernel/hash.ts";
import { newId } from "../../src/kernel/ids.ts";

/** The moment at which the suites play, milliseconds. */
export const nowMs = Date.UTC(2026, 5, 1);
/** A limit that is never in the way, bytes. */
export const plenty = 1_000_000_000_000;
/** The instance that holds the reservations. */
export const instance = "this-process";

/** A store with the helpers that the suites share. */
export class StoreRig {
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
    limits: { quota?: number; total?: number; expiresMs?: number; artifacts?: number } = {},
  ) {
    const { quota = plenty, total = plenty, expiresMs = nowMs + 1000, artifacts = plenty } = limits;
    const bounds = { quotaBytes: quota, maxArtifacts: artifacts, storageTotalBytes: total };
    const room = { id, product, bytes, nowMs, expiresMs, ...bounds };
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

/** The ids of artifacts, in their order. */
export function ids(artifacts: readonly Artifact[]): readonly Artifact["artifact_id"][] {
  return artifacts.map((artifact) => artifact.artifact_id);
}
