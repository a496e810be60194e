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
import { unknownProduct } from "../governance/index.ts";
import type { Attempt, Receipted, Gate, Receipt } from "../governance/index.ts";
import type { Clock } from "../kernel/clock.ts";
import { KeyedMutex } from "../kernel/concurrency.ts";
import { seesAll } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { holderOf } from "../kernel/fair-share.ts";
import { Fault } from "../kernel/fault.ts";
import type { FaultFacts } from "../kernel/fault.ts";
import { digestOf, digestOfJson, runningHash } from "../kernel/hash.ts";
import type { Digest } from "../kernel/hash.ts";
import { isUuid, newId } from "../kernel/ids.ts";
import type { ArtifactId } from "../kernel/ids.ts";
import { silentMeter } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import { openActivity } from "./activity.ts";
import type { Artifact } from "./artifact.ts";
import { attemptOf, baseAttempt } from "./attempt.ts";
import { watched } from "./body.ts";
import { contentFault } from "./blobs/errors.ts";
import type { Blobs } from "./blobs/blobs.ts";
import { openIntake } from "./blobs/body-reader.ts";
import { checkMetadata, fingerprintOf, provenance, retentionClassOf } from "./draft.ts";
import type { Content, CreateOptions, Draft } from "./draft.ts";
import { depositoryFault } from "./errors.ts";
import { depositoryMetrics } from "./metrics.ts";
import type { RoomUse } from "./metrics.ts";
import type { ArtifactReader } from "./artifact-reader.ts";
import type { ArtifactStore, StoreTx } from "./store/store.ts";
import { openUploads } from "./uploads.ts";
import { openWriteGate } from "./write-gate.ts";
import type { WriteGate } from "./write-gate.ts";
import type { OperationName } from "../kernel/operation.ts";

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
  refuse(ctx: Ctx, id: string, action: "UPDATE" | "DELETE", operation: OperationName): Promise<never>;
  /** Sets or clears a legal hold. Rejects with `artifact.not_found`. */
  hold(ctx: Ctx, id: string, change: { readonly hold: boolean; readonly reason: string }): Promise<Receipted<Artifact>>;
}

/** The parts that the depository works with. */
export interface DepositoryParts {
  readonly constitution: Constitution;
  readonly gate: Gate;
  readonly database: Database;
  readonly store: ArtifactStore;
  readonly reader: ArtifactReader;
  readonly blobs: Blobs;
  readonly clock: Clock;
  /** Nothing is measured when it is absent. */
  readonly meter?: Meter;
}

/** How long an abandoned upload counts against its caller, milliseconds: long enough for a pattern, short for a bad line. */
const abandonedWindowMs = 5 * 60_000;

/** Most requests under one idempotency key at a time; a client that repeats itself more often has lost count, and each holds a connection. */
const maxRepeats = 32;

/** Opens the writing side. */
export function openDepository(parts: DepositoryParts): Depository {
  const { constitution, gate, store, reader, clock } = parts;
  const { data } = constitution;
  const { limits } = data;
  const activity = openActivity(clock, abandonedWindowMs);
  const carryOut = openUploads({ ...parts, data, activity });
  const writers = openWriteGate({
    pauseAt: limits.concurrentWritersPause,
    reopenBelow: limits.concurrentWritersReopen,
    retryAfterSeconds: limits.writersRetryAfterSeconds,
  });
  // A repeat that arrives while the first is still being stored waits for its receipt instead of storing twice.
  const byKey = new KeyedMutex();
  const products = Object.keys(data.products);
  const metrics = depositoryMetrics(parts.meter ?? silentMeter, {
    products,
    writers: () => writers,
    use: () => Promise.all(products.map(useOf)),
  });

  /** How the room of a product is used now. */
  async function useOf(product: string): Promise<RoomUse> {
    return { ...(await store.usage(product)), product, quotaBytes: data.products[product]?.quotaBytes ?? 0 };
  }

  /** Stores, in turn where the request has an idempotency key. */
  async function create(ctx: Ctx, draft: Draft, content: Content, options: CreateOptions): Promise<Stored> {
    checkSize(constitution, content.declaredBytes);
    const key = options.idempotencyKey;
    if (key === undefined) return inside(ctx, draft, () => createGoverned(ctx, draft, content, options));
    const name = `${draft.product} ${ctx.principal.id} ${key}`;
    if (byKey.countOf(name) >= maxRepeats) throw inProgress();
    // Who waits for the turn of a key holds no place in the gate meanwhile.
    return byKey.run(name, () => inside(ctx, draft, () => createOnce(ctx, key, draft, content, options)));
  }

  /** Stores in a place of the gate, unless that can be refused before anything is attempted. */
  async function inside(ctx: Ctx, draft: Draft, makeStored: () => Promise<Stored>): Promise<Stored> {
    using _writer = writers.enter(seesAll(ctx.principal) ? undefined : holderOf(ctx.principal.product));
    // One that is not named at all is a missing field, which the constitution refuses in its own words.
    if (ctx.principal.product === null && draft.product !== "" && !Object.hasOwn(data.products, draft.product)) {
      throw unknownProduct(data.products);
    }
    await checkMetadata(draft.metadata);
    // Asked here for its refusal alone: a class that does not exist is a malformed request and no attempt.
    retainUntil(data, retentionClassOf(data, draft), clock.nowMs());
    // Awaited here: the place in the gate is left when this function ends.
    return await makeStored();
  }

  /** Stores through the gate, whatever the idempotency key says. */
  async function createGoverned(ctx: Ctx, draft: Draft, content: Content, options: CreateOptions): Promise<Stored> {
    const id = newId<"artifact">(clock);
    const attempt = await attemptOf({ data, store, activity }, ctx, id, draft, content);
    const { value, receipt } = await gate.act(ctx, attempt, async (act) => {
      const body = watched(content.body);
      const carried = await carryOut(ctx, { id, draft, content: { ...content, body }, options, act });
      const seen = { actualBytes: carried.artifact.sizeBytes, firstBytesHex: body.firstBytesHex() };
      return { value: carried, digest: digestOfJson(provenance(carried.artifact)), content: seen };
    });
    const { artifact, productUsedBytes } = value;
    return { artifact, receipt, replayed: false, warnings: quotaWarnings(draft.product, productUsedBytes) };
  }

  /** Looks the key up before anything is attempted; callers under one key take turns. */
  async function createOnce(ctx: Ctx, key: string, draft: Draft, content: Content, options: CreateOptions) {
    const seen = await store.idempotent(draft.product, ctx.principal.id, key, clock.nowMs());
    if (!seen) return createGoverned(ctx, draft, content, options);
    const digest = await digestOfBody(ctx, content, limits.artifactMaxBytes);
    if (content.expectedDigest !== undefined && content.expectedDigest !== digest) {
      throw contentFault("content.digest_mismatch", `the bytes received hash to ${digest}, not to the declared digest`);
    }
    const fingerprint = await fingerprintOf(draft, digest);
    if (fingerprint !== seen.fingerprint) return refuseReuse(ctx, seen.artifactId, draft);
    const { artifact, receipt } = await reader.receiptOf(seen.artifactId);
    return { artifact, receipt, replayed: true, warnings: [] };
  }

  /** A key that comes back with another request is a write collision: recorded, and refused with 409. */
  async function refuseReuse(ctx: Ctx, id: ArtifactId, draft: Draft): Promise<never> {
    const attempt = { ...baseAttempt(id, draft), evidence: { collision: { idempotencyConflict: true } } };
    await gate.act(ctx, attempt, () => {
      throw depositoryFault("idempotency.conflict", "this Idempotency-Key stands for another request", {
        at: "Idempotency-Key",
        remedy: "use a new key for a new request",
      });
    });
    throw new Error("a refused act cannot resolve");
  }

  function quotaWarnings(product: string, usedBytes: number): Stored["warnings"] {
    const { state, usage_percent } = quotaState(data, product, usedBytes);
    if (state === "HEALTHY") return [];
    return [{ code: "quota.near", detail: `${product} has used ${usage_percent} % of its quota` }];
  }

  return {
    writers,

    create: (ctx, draft, content, options) => metrics.put(() => create(ctx, draft, content, options)),

    async refuse(ctx, id, action, operation) {
      if (!isUuid(id)) throw notThere();
      const found = await reader.find(ctx, id);
      const target = { kind: "artifact", ...placeOf(ctx, found) } as const;
      await recorded(
        found,
        gate.act(ctx, { operation, resource: `artifact/${id}`, action, target, absent: !found }, () => {
          throw new Error(`the constitution allowed ${action}, and nothing here can do it`);
        }),
      );
      throw new Error("a refused act cannot resolve");
    },

    async hold(ctx, id, { hold, reason }) {
      if (!isUuid(id)) throw notThere();
      const found = await reader.find(ctx, id);
      const attempt: Attempt = {
        operation: "artifact.hold",
        resource: `artifact/${id}`,
        action: "MANAGE_GOVERNANCE",
        target: { kind: "governance", product: placeOf(ctx, found).product },
        digest: digestOf(reason),
        absent: !found,
      };
      const done = gate.act(ctx, attempt, async (act) => {
        const change = { hold, reason, by: ctx.principal.id, intentIndex: act.intentIndex, nowMs: clock.nowMs() };
        if (!found) throw notThere();
        const artifactId = found.artifact_id;
        const artifact = await act.transact(async (tx: StoreTx) => {
          const changed = await store.setHold(tx, { ...change, artifactId });
          if (!changed) throw notThere();
          return changed;
        });
        return { value: artifact, digest: digestOfJson({ artifact_id: id, hold, reason: digestOf(reason) }) };
      });
      return recorded(found, done);
    },
  };
}

/** Where an artifact that an attempt names lies; one that is not there is looked for in the caller's own product. */
function placeOf({ principal }: Ctx, found: Artifact | undefined): { product: string | null; artifactType?: string } {
  return found ? { product: found.product_id, artifactType: found.artifact_type } : { product: principal.product };
}

/** An attempt on something that is not there is recorded like any other and answered as what it is: not found. */
async function recorded<T>(found: Artifact | undefined, act: Promise<T>): Promise<T> {
  if (found) return act;
  return act.catch((error: unknown) => {
    const refused = error instanceof Fault && error.code.startsWith("governance.");
    throw refused ? notThere(error.facts) : error;
  });
}

function notThere({ intentIndex, outcomeIndex }: FaultFacts = {}): Fault {
  const place = intentIndex === undefined || outcomeIndex === undefined ? {} : { intentIndex, outcomeIndex };
  return depositoryFault("artifact.not_found", "there is no such artifact", place);
}

function inProgress(): Fault {
  return depositoryFault("idempotency.in_progress", `${maxRepeats} requests under this Idempotency-Key are waiting`, {
    at: "Idempotency-Key",
    remedy: "wait for the answer to the first of them",
    retryAfterSeconds: 1,
  });
}

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
