// The depository: write-once artifacts per product. Its promises:
//
// 1. An artifact is created through the gate or not at all; nothing updates or deletes one.
// 2. What was acknowledged is durable: blob first, row second, outcome leaf third, then the answer.
// 3. A product's artifacts do not exist for another product: not by status, not by content, not by listing.
// 4. Space is reserved before bytes flow, and the reservation is settled or released however the upload ends.
// 5. The same Idempotency-Key with the same request gives the same artifact and receipt; with another, a conflict.
import { checkArtifactSize, quotaState, retainUntil } from "../constitution/index.ts";
import type { Constitution } from "../constitution/index.ts";
import type { Database } from "../db/index.ts";
import { governanceFault } from "../governance/index.ts";
import type { Attempt, Done, Gate, Receipt } from "../governance/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Ctx, Log } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { digestOf, digestOfJson, runningHash } from "../kernel/hash.ts";
import type { Digest } from "../kernel/hash.ts";
import { newId } from "../kernel/ids.ts";
import type { ArtifactId } from "../kernel/ids.ts";
import { openActivity } from "./activity.ts";
import type { Artifact } from "./artifact.ts";
import { watched } from "./body.ts";
import { contentFault } from "./blobs/errors.ts";
import type { Blobs } from "./blobs/blobs.ts";
import { openIntake } from "./blobs/intake.ts";
import { artifactFrom, checkMetadata, checkRetention, fingerprintOf, provenance, retentionClassOf } from "./draft.ts";
import type { Content, CreateOptions, Draft } from "./draft.ts";
import { depositoryFault } from "./errors.ts";
import type { Shelf } from "./shelf.ts";
import type { ArtifactStore, Settled } from "./store/store.ts";
import type { DepositoryTables } from "./store/tables.ts";
import { openTurns } from "./turns.ts";
import { openWriteGate } from "./write-gate.ts";
import type { WriteGate } from "./write-gate.ts";

/** What a create answers. */
export interface Stored {
  readonly artifact: Artifact;
  readonly receipt: Receipt;
  /** The Idempotency-Key was seen before; nothing new was stored. */
  readonly replayed: boolean;
  readonly warnings: readonly { readonly code: string; readonly detail: string }[];
}

/** The writing side. */
export interface Depository {
  readonly writers: WriteGate;
  /** Stores an artifact. Rejects with the fault of the step that refused it, in the order size, governance, threats, room. */
  create(ctx: Ctx, draft: Draft, content: Content, options: CreateOptions): Promise<Stored>;
  /** Attempts what RULE_01 forbids; the refusal is recorded. Always rejects. */
  refuse(ctx: Ctx, id: string, action: "UPDATE" | "DELETE", operation: string): Promise<never>;
  /** Sets or clears a legal hold. Rejects with `artifact.not_found`. */
  hold(ctx: Ctx, id: string, change: { readonly hold: boolean; readonly reason: string }): Promise<Done<Artifact>>;
}

/** The parts that the depository works with. */
export interface DepositoryParts {
  readonly constitution: Constitution;
  readonly gate: Gate;
  readonly database: Database;
  readonly store: ArtifactStore;
  readonly shelf: Shelf;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long an idempotency key is remembered, milliseconds: a day, so that a client may retry across a night. */
const idempotencyMs = 24 * 3_600_000;

/** Opens the writing side. */
export function openDepository(parts: DepositoryParts): Depository {
  const { constitution, gate, store, shelf, clock, blobs } = parts;
  const { data } = constitution;
  const { limits } = data;
  const database = parts.database.tables<DepositoryTables>();
  const writers = openWriteGate({
    pauseAt: limits.concurrentWritersPause,
    reopenBelow: limits.concurrentWritersReopen,
    retryAfterSeconds: limits.writersRetryAfterSeconds,
  });
  const turns = openTurns();
  const activity = openActivity(clock, limits.abandonedUploadSeconds * 1000);

  /** Stores through the gate, whatever the idempotency key says. */
  async function createGoverned(ctx: Ctx, draft: Draft, content: Content, options: CreateOptions): Promise<Stored> {
    const id = newId<"artifact">(clock);
    const attempt = await createAttempt(ctx, id, draft, content);
    const { value: artifact, receipt } = await gate.act(ctx, attempt, async (intentIndex) => {
      const body = watched(content.body);
      const stored = await storeContent(ctx, { id, draft, content: { ...content, body }, options, intentIndex });
      const seen = { actualBytes: stored.sizeBytes, firstBytesHex: body.firstBytesHex() };
      return { value: stored, digest: digestOfJson(provenance(stored)), content: seen };
    });
    return { artifact, receipt, replayed: false, warnings: await quotaWarnings(ctx, draft.product) };
  }

  /** Looks the key up before anything is attempted; callers under one key take turns. */
  async function createOnce(ctx: Ctx, key: string, draft: Draft, content: Content, options: CreateOptions) {
    const seen = await store.idempotent(draft.product, ctx.principal.id, key, clock.nowMs());
    if (!seen) return createGoverned(ctx, draft, content, options);
    const fingerprint = fingerprintOf(draft, await digestOfBody(ctx, content, limits.artifactMaxBytes));
    if (fingerprint !== seen.fingerprint) return refuseReuse(ctx, seen.artifactId, draft);
    const { artifact, receipt } = await shelf.receiptOf(seen.artifactId);
    return { artifact, receipt, replayed: true, warnings: [] };
  }

  /** A key that comes back with another request is a write collision: recorded, and refused with 409. */
  async function refuseReuse(ctx: Ctx, id: ArtifactId, draft: Draft): Promise<never> {
    const collision = { idempotencyConflict: true, sameContentExists: false, concurrentDuplicate: false };
    const attempt = { ...baseAttempt(id, draft), evidence: { collision } };
    await gate.act(ctx, attempt, () => {
      throw depositoryFault("idempotency.conflict", "this Idempotency-Key stands for another request", {
        at: "Idempotency-Key",
        remedy: "use a new key for a new request",
      });
    });
    throw new Error("a refused act cannot resolve");
  }

  function baseAttempt(id: ArtifactId, draft: Draft): Attempt {
    return {
      operation: "artifact.create",
      resource: `artifact/${id}`,
      action: "CREATE",
      target: { kind: "artifact", product: draft.product === "" ? null : draft.product, artifactType: draft.type },
    };
  }

  async function createAttempt(ctx: Ctx, id: ArtifactId, draft: Draft, content: Content): Promise<Attempt> {
    const serverOwnedFields = draft.suppliedServerFields ?? [];
    const [total, product] = await Promise.all([store.totals(), store.usage(draft.product)]);
    // How full another product is must not show, not even as a finding about a write that is refused.
    const isOwn = ctx.principal.product === null || ctx.principal.product === draft.product;
    return {
      ...baseAttempt(id, draft),
      context: { complete: draft.complete ?? true, setsLockedField: serverOwnedFields.length > 0, hashed: true },
      evidence: {
        client: { serverOwnedFields, ...(draft.clientTime === undefined ? {} : { timestamp: draft.clientTime }) },
        metadata: draft.metadata,
        content: {
          declaredMediaType: draft.mediaType,
          ...(content.declaredBytes === undefined ? {} : { declaredBytes: content.declaredBytes }),
          ...(content.claimedDigest === undefined ? {} : { declaredDigest: content.claimedDigest }),
          ...(content.knownDigest === undefined ? {} : { actualDigest: content.knownDigest }),
        },
        storage: {
          usedBytes: total.usedBytes,
          heldBytes: total.heldBytes,
          totalBytes: limits.storageTotalBytes,
          quotaBytes: isOwn ? (data.products[draft.product]?.quotaBytes ?? null) : null,
          productUsedBytes: product.usedBytes,
          bytesPerSecondRecent: activity.bytesPerSecond(),
          abandonedReservations: activity.abandonedBy(ctx.principal.id),
        },
      },
    };
  }

  /** Room, bytes, row: the part that runs once the intent is durable. */
  async function storeContent(ctx: Ctx, upload: Upload): Promise<Artifact> {
    const { id, draft, content } = upload;
    checkRetention(data, draft, clock.nowMs());
    await reserve(id, draft.product, content.declaredBytes);
    let artifact: Artifact | undefined;
    let settled = false;
    try {
      const blob = await blobs.put({
        product: draft.product,
        body: content.body,
        maxBytes: limits.artifactMaxBytes,
        signal: ctx.signal,
        known: (digest) => store.findBlob(draft.product, digest),
        ...(content.expectedDigest === undefined ? {} : { expectedDigest: content.expectedDigest }),
      });
      artifact = artifactFrom(ctx, data, draft, {
        id,
        createdMs: clock.nowMs(),
        blob,
        intentIndex: upload.intentIndex,
      });
      const outcome = await settle(ctx, upload, artifact, blob.location);
      settled = true;
      if (outcome.outcome !== "stored") throw settlementFault(outcome);
      activity.stored(blob.sizeBytes);
      return artifact;
    } catch (error) {
      if (error instanceof Fault && error.code === "content.aborted") activity.abandoned(ctx.principal.id);
      if (settled || (await released(ctx, id))) throw error;
      // The reservation is gone: it expired, or the commit was done and only its answer was lost on the way.
      if (artifact && (await store.wasApplied(upload.intentIndex))) return artifact;
      throw error;
    }
  }

  /** Gives room back; false when it was given back or used already. What cannot be released now expires by itself. */
  async function released(ctx: Ctx, id: ArtifactId): Promise<boolean> {
    try {
      return await database.transact((tx) => store.release(tx, id));
    } catch (error) {
      ctx.log.warn({ err: error, requestId: ctx.requestId }, "a reservation could not be released and will expire");
      return true;
    }
  }

  async function reserve(id: ArtifactId, product: string, declaredBytes: number | undefined): Promise<void> {
    const bytes = declaredBytes ?? limits.artifactMaxBytes;
    const nowMs = clock.nowMs();
    const reserved = await database.transact((tx) =>
      store.reserve(tx, {
        id,
        product,
        bytes,
        nowMs,
        expiresMs: nowMs + limits.abandonedUploadSeconds * 1000,
        quotaBytes: data.products[product]?.quotaBytes ?? 0,
        storageTotalBytes: limits.storageTotalBytes,
      }),
    );
    if (reserved.outcome === "admitted") return;
    const free = (usage: { usedBytes: number; heldBytes: number }): number =>
      Math.max(0, reserved.limitBytes - usage.usedBytes - usage.heldBytes);
    if (reserved.outcome === "quota_exceeded") {
      throw depositoryFault("quota.exceeded", `the quota of ${product} has ${free(reserved.product)} bytes left`, {
        limit: "quotaBytes",
        remedy: `${declaredBytes === undefined ? "declare the length, and " : ""}store at most ${free(reserved.product)} bytes, or have the quota raised in the constitution`,
      });
    }
    // Without the number of bytes that are left: it would tell one product what the others store.
    throw depositoryFault("storage.full", `the depository has no room for ${bytes} bytes more`, {
      limit: "storageTotalBytes",
      remedy: "wait until the operators have added storage; reads go on",
      retryAfterSeconds: storageRetrySeconds,
    });
  }

  function settle(ctx: Ctx, upload: Upload, artifact: Artifact, location: string): Promise<Settled> {
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
              fingerprint: fingerprintOf(upload.draft, artifact.content_hash),
              expiresMs: nowMs + idempotencyMs,
            },
          }),
    };
    return database.transact((tx) => store.settle(tx, settlement));
  }

  /** Advice that goes with what has been stored; not having it must not make the answer a failure. */
  async function quotaWarnings(ctx: Ctx, product: string): Promise<Stored["warnings"]> {
    try {
      const { usedBytes } = await store.usage(product);
      const { state, usage_percent } = quotaState(data, product, usedBytes);
      if (state === "HEALTHY") return [];
      return [{ code: "quota.near", detail: `${product} has used ${usage_percent} % of its quota` }];
    } catch (error) {
      ctx.log.warn({ err: error, requestId: ctx.requestId }, "the quota could not be read after a write");
      return [];
    }
  }

  return {
    writers,

    async create(ctx, draft, content, options) {
      checkSize(constitution, content.declaredBytes);
      using _writer = writers.enter();
      // One that is not named at all is a missing field, which the constitution refuses in its own words.
      if (ctx.principal.product === null && draft.product !== "" && !Object.hasOwn(data.products, draft.product)) {
        throw governanceFault("product.not_found", "there is no such product");
      }
      checkMetadata(draft.metadata);
      retainUntil(data, retentionClassOf(data, draft), clock.nowMs());
      const key = options.idempotencyKey;
      // Awaited here: the place in the gate is left when this function ends.
      if (key === undefined) return await createGoverned(ctx, draft, content, options);
      return await turns.take(`${draft.product} ${ctx.principal.id} ${key}`, () =>
        createOnce(ctx, key, draft, content, options),
      );
    },

    async refuse(ctx, id, action, operation) {
      const found = await shelf.find(ctx, id);
      const target = { kind: "artifact", product: found.product_id, artifactType: found.artifact_type } as const;
      await gate.act(ctx, { operation, resource: `artifact/${id}`, action, target }, () => {
        throw new Error(`the constitution allowed ${action}, and nothing here can do it`);
      });
      throw new Error("a refused act cannot resolve");
    },

    async hold(ctx, id, { hold, reason }) {
      const found = await shelf.find(ctx, id);
      const attempt: Attempt = {
        operation: "artifact.hold",
        resource: `artifact/${id}`,
        action: "MANAGE_GOVERNANCE",
        target: { kind: "governance", product: found.product_id },
        digest: digestOf(reason),
      };
      return gate.act(ctx, attempt, async (intentIndex) => {
        const change = { artifactId: found.artifact_id, hold, reason, by: ctx.principal.id, intentIndex };
        const artifact = await database.transact((tx) => store.setHold(tx, { ...change, nowMs: clock.nowMs() }));
        if (!artifact) throw depositoryFault("artifact.not_found", "there is no such artifact");
        return { value: artifact, digest: digestOfJson({ artifact_id: id, hold, reason: digestOf(reason) }) };
      });
    },
  };
}

/** One create under way. */
interface Upload {
  readonly id: ArtifactId;
  readonly draft: Draft;
  readonly content: Content;
  readonly options: CreateOptions;
  readonly intentIndex: number;
}

/** When to come back after the storage was full, seconds: as long as an operator needs to notice. */
const storageRetrySeconds = 60;

function checkSize({ data }: Constitution, declaredBytes: number | undefined): void {
  const { allowed, limit, maxBytes } = checkArtifactSize(data, declaredBytes ?? 0);
  if (allowed) return;
  throw contentFault("content.too_large", `an artifact is at most ${maxBytes} bytes`, {
    limit,
    remedy: "store it in parts, each an artifact of its own",
  });
}

/** The digest of a body that is read and not kept. */
async function digestOfBody({ signal }: Ctx, content: Content, maxBytes: number): Promise<Digest> {
  const hash = runningHash();
  const intake = openIntake(content.body, maxBytes, signal);
  try {
    for (let bytes = await intake.next(); bytes; bytes = await intake.next()) hash.update(bytes);
    return hash.digest();
  } finally {
    intake.close();
  }
}

function settlementFault(settled: Exclude<Settled, { outcome: "stored" }>): Fault {
  const key = { at: "Idempotency-Key", remedy: "send the same request again to get its receipt" };
  const missing = settled.outcome === "parent_missing" ? settled.missing.join(", ") : "";
  const faults: Record<typeof settled.outcome, Fault> = {
    content_exists: depositoryFault("artifact.exists", "the product holds this content under this type already", {
      at: "If-None-Match",
    }),
    parent_missing: depositoryFault("artifact.parent_not_found", `the product does not hold ${missing}`, {
      at: "derivedFrom",
    }),
    key_used: depositoryFault("idempotency.conflict", "another process has just used this Idempotency-Key", key),
    reservation_lost: depositoryFault("upload.expired", "the upload took longer than its space was reserved for", {
      limit: "abandonedUploadSeconds",
    }),
  };
  return faults[settled.outcome];
}
