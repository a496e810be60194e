// One upload: parents and room first, then the bytes, then the row. However it ends, the room is used or given back.
import type { ConstitutionData } from "../constitution/index.ts";
import type { Database } from "../db/index.ts";
import type { Act } from "../governance/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import type { ArtifactId } from "../kernel/ids.ts";
import { storageRetrySeconds } from "../kernel/limits.ts";
import type { Activity } from "./activity.ts";
import type { Artifact } from "./artifact.ts";
import type { Blobs, StoredBlob } from "./blobs/blobs.ts";
import { artifactFrom, checkRetention, fingerprintOf } from "./draft.ts";
import type { Content, CreateOptions, Draft } from "./draft.ts";
import { depositoryFault } from "./errors.ts";
import type { ArtifactStore, Reserved, Settled, StoreTx } from "./store/store.ts";
import type { DepositoryTables } from "./store/tables.ts";

/** One create under way. */
export interface Upload {
  readonly id: ArtifactId;
  readonly draft: Draft;
  readonly content: Content;
  readonly options: CreateOptions;
  readonly act: Pick<Act, "intentIndex" | "transact">;
}

/** An upload that was carried out. */
export interface Carried {
  readonly artifact: Artifact;
  /** What the product uses with it, bytes; others that are under way are not counted. */
  readonly productUsedBytes: number;
}

/** Stores the bytes and the row of an upload; both are durable when it resolves. */
export type CarryOut = (ctx: Ctx, upload: Upload) => Promise<Carried>;

/** How long an idempotency key is remembered, milliseconds: a day, so that a client may retry across a night. */
const idempotencyMs = 24 * 3_600_000;

/** What carries uploads into one store out. */
export function openUploads(parts: {
  readonly data: ConstitutionData;
  readonly database: Database;
  readonly store: ArtifactStore;
  readonly blobs: Blobs;
  readonly activity: Activity;
  readonly clock: Clock;
}): CarryOut {
  const { data, store, blobs, activity, clock } = parts;
  const { limits } = data;
  const database = parts.database.tables<DepositoryTables>();

  /**
   * Refuses unknown parents while there is no byte that a refusal would leave behind, outside every quota. What is found
   * here is final, because artifacts never vanish; one that is made meanwhile was not there when it was named.
   */
  async function checkParents({ product, derivedFrom }: Draft): Promise<void> {
    const missing = await store.missingParents(product, derivedFrom);
    if (missing.length > 0) throw parentFault(missing);
  }

  /** Gives room back, unless it was given back or used already. What cannot be released now expires by itself. */
  async function released(ctx: Ctx, release: (tx: StoreTx) => Promise<unknown>): Promise<void> {
    try {
      await database.transact(release);
    } catch (error) {
      ctx.log.warn({ err: error, requestId: ctx.requestId }, "a reservation could not be released and will expire");
    }
  }

  /** Takes room; resolves with what the product used before. */
  async function reserve(ctx: Ctx, { id, draft: { product }, content: { declaredBytes } }: Upload): Promise<number> {
    const nowMs = clock.nowMs();
    const room = {
      id,
      product,
      bytes: declaredBytes ?? limits.artifactMaxBytes,
      nowMs,
      expiresMs: nowMs + limits.abandonedUploadSeconds * 1000,
      quotaBytes: data.products[product]?.quotaBytes ?? 0,
      maxArtifacts: limits.artifactsPerProductMax,
      storageTotalBytes: limits.storageTotalBytes,
    };
    const reserved = await database
      .transact((tx) => store.reserve(tx, room))
      .catch(async (error: unknown) => {
        // Only the answer may have been lost, and the room be taken.
        if (error instanceof Fault && error.code === "db.unavailable") {
          await released(ctx, (tx) => store.disown(tx, room));
        }
        throw error;
      });
    if (reserved.outcome !== "admitted") throw roomFault(reserved, product, declaredBytes, limits);
    return reserved.product.usedBytes;
  }

  async function settle(ctx: Ctx, upload: Upload, artifact: Artifact, location: string): Promise<void> {
    const { idempotencyKey: key, onlyIfNew } = upload.options;
    const nowMs = clock.nowMs();
    const settlement = {
      reservationId: upload.id,
      artifact,
      location,
      nowMs,
      ...(onlyIfNew ? { ifNoneMatch: true } : {}),
      ...(key === undefined
        ? {}
        : {
            idempotency: {
              principal: ctx.principal.id,
              key,
              fingerprint: await fingerprintOf(upload.draft, artifact.content_hash),
              expiresMs: nowMs + idempotencyMs,
            },
          }),
    };
    await upload.act.transact(async (tx: StoreTx) => {
      const settled = await store.settle(tx, settlement);
      if (settled.outcome !== "stored") throw settlementFault(settled);
    });
  }

  return async (ctx, upload) => {
    const { id, draft, content } = upload;
    checkRetention(data, draft, clock.nowMs());
    await checkParents(draft);
    const usedBefore = await reserve(ctx, upload);
    const carried = (stored: Artifact): Carried => ({
      artifact: stored,
      productUsedBytes: usedBefore + stored.sizeBytes,
    });
    let blob: StoredBlob | undefined;
    try {
      blob = await blobs.put({
        product: draft.product,
        body: content.body,
        maxBytes: limits.artifactMaxBytes,
        signal: ctx.signal,
        known: (digest) => store.findBlob(draft.product, digest),
        ...(content.expectedDigest === undefined ? {} : { expectedDigest: content.expectedDigest }),
      });
      const artifact = artifactFrom(ctx, data, draft, {
        id,
        createdMs: clock.nowMs(),
        blob,
        intentIndex: upload.act.intentIndex,
      });
      await settle(ctx, upload, artifact, blob.location);
      activity.stored(blob.sizeBytes);
      return carried(artifact);
    } catch (error) {
      if (error instanceof Fault && error.code === "content.aborted") activity.abandoned(ctx.principal.id);
      const leftover = blob && { product: draft.product, blob, atMs: clock.nowMs() };
      await released(ctx, (tx) => (leftover ? store.abandon(tx, id, leftover) : store.release(tx, id)));
      throw error;
    }
  };
}

/** Why there is no room. How full the whole store is stays unsaid: it would tell one product what the others store. */
function roomFault(
  refused: Exclude<Reserved, { outcome: "admitted" }>,
  product: string,
  declaredBytes: number | undefined,
  limits: ConstitutionData["limits"],
): Fault {
  if (refused.outcome === "storage_exceeded") {
    return depositoryFault(
      "storage.full",
      `the depository has no room for ${declaredBytes ?? limits.artifactMaxBytes} bytes more`,
      {
        limit: "storageTotalBytes",
        remedy: "wait until the operators have added storage; reads go on",
        retryAfterSeconds: storageRetrySeconds,
      },
    );
  }
  const { usedBytes, heldBytes, artifacts } = refused.product;
  if (artifacts >= limits.artifactsPerProductMax) {
    return depositoryFault("quota.exceeded", `${product} has ${artifacts} artifacts, as many as it may have`, {
      limit: "artifactsPerProductMax",
    });
  }
  const free = Math.max(0, refused.limitBytes - usedBytes - heldBytes);
  return depositoryFault("quota.exceeded", `the quota of ${product} has ${free} bytes left`, {
    limit: "quotaBytes",
    remedy: `${declaredBytes === undefined ? "declare the length, and " : ""}store at most ${free} bytes, or have the quota raised in the constitution`,
  });
}

function parentFault(missing: readonly ArtifactId[]): Fault {
  return depositoryFault("artifact.parent_not_found", `the product does not hold ${missing.join(", ")}`, {
    at: "derived_from",
  });
}

function settlementFault(settled: Exclude<Settled, { outcome: "stored" }>): Fault {
  const key = { at: "Idempotency-Key", remedy: "send the same request again to get its receipt" };
  const faults: Record<typeof settled.outcome, Fault> = {
    content_exists: depositoryFault("artifact.exists", "the product holds this content under this type already", {
      at: "If-None-Match",
    }),
    parent_missing: parentFault(settled.outcome === "parent_missing" ? settled.missing : []),
    key_used: depositoryFault("idempotency.conflict", "another process has just used this Idempotency-Key", key),
    reservation_lost: depositoryFault("upload.expired", "the upload took longer than its space was reserved for", {
      limit: "abandonedUploadSeconds",
    }),
  };
  return faults[settled.outcome];
}
