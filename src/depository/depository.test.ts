import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../constitution/index.ts";
import { openDatabase } from "../db/index.ts";
import type { Database } from "../db/index.ts";
import { openGate, openHalts, governanceMigrations } from "../governance/index.ts";
import { CredentialLookup } from "../identity/index.ts";
import { systemClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { newId } from "../kernel/ids.ts";
import { ledgerMigrations, openLedger } from "../ledger/index.ts";
import type { DiskLedger } from "../ledger/index.ts";
import type { Blobs } from "./blobs/blobs.ts";
import { openDiskBlobs } from "./blobs/disk.ts";
import { bodyOf } from "./body.ts";
import { sql } from "kysely";
import { digestOf } from "../kernel/hash.ts";
import { collectLeftovers } from "./leftovers.ts";
import { openDepository } from "./depository.ts";
import type { Draft } from "./draft.ts";
import { openArtifactReader } from "./artifact-reader.ts";
import { depositoryMigrations } from "./store/migrations.ts";
import { openArtifactStore } from "./store/sql.ts";

const constitution = loadConstitution(defaultConstitutionDir());
const product = "AI_ASSISTANT";
const draft: Draft = {
  product,
  type: "ConversationArtifact",
  mediaType: "text/plain",
  tags: [],
  metadata: {},
  derivedFrom: [],
};

let dir: string;
let database: Database;
let ledger: DiskLedger;
let blobs: Blobs;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "depository-"));
  database = await openDatabase({ kind: "sqlite", file: join(dir, "test.db") }, silentLog);
  await database.migrate([...depositoryMigrations, ...governanceMigrations, ...ledgerMigrations]);
  const parts = { dir: join(dir, "ledger"), origin: "test.invalid/log", clock: systemClock, log: silentLog };
  ledger = await openLedger({ ...parts, database });
  blobs = await openDiskBlobs({ dir: join(dir, "blobs"), log: silentLog });
});
afterEach(async () => {
  await blobs[Symbol.asyncDispose]();
  await ledger[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** A depository whose units of work pass through `around`; everything else is as in the house. */
async function depositoryWith(around: Database["transact"]) {
  const store = openArtifactStore(database, "test");
  const credentials = new CredentialLookup(database, systemClock, () => undefined);
  const troubled: Database = {
    ...database,
    dialect: "sqlite",
    read: database.read,
    transact: around,
    flushed: () => database.flushed(),
    tables: () => troubled as never,
  };
  const halts = await openHalts(database);
  const gate = openGate({ constitution, ledger, halts, credentials, database: troubled, log: silentLog });
  const reader = openArtifactReader({ constitution, gate, ledger, store, blobs });
  const parts = { constitution, gate, database: troubled, store, reader, blobs, clock: systemClock };
  return { store, depository: openDepository(parts) };
}

const ctx = (): Ctx => ({
  principal: { id: "key_test0001", kind: "product", product, role: "developer" },
  operation: "artifact.create",
  permission: "task.create",
  address: "",
  requestId: newId<"request">(systemClock),
  signal: new AbortController().signal,
  clock: systemClock,
  log: silentLog,
});

const lost = new Fault("db.unavailable", "gone", {}, new Error("socket"));

describe("create, when the database fails", () => {
  it("tells and records that an artifact was stored when only the commit's answer was lost", async () => {
    let units = 0;
    const { store, depository } = await depositoryWith(async (work) => {
      const value = await database.transact(work);
      if (++units === 2) throw lost;
      return value;
    });
    const stored = await depository.create(ctx(), draft, { body: bodyOf(Buffer.from("words")), declaredBytes: 5 }, {});
    expect(await store.get(product, stored.artifact.artifact_id)).toMatchObject({ artifact: stored.artifact });
    expect((await ledger.entry(stored.receipt.outcomeIndex)).leaf.outcome).toBe("committed");
    expect(await store.usage(product)).toEqual({ usedBytes: 5, heldBytes: 0, artifacts: 1 });
  });

  it("holds no room when only the answer was lost of the commit that took it", async () => {
    let units = 0;
    const { store, depository } = await depositoryWith(async (work) => {
      const value = await database.transact(work);
      if (++units === 1) throw lost;
      return value;
    });
    const create = depository.create(ctx(), draft, { body: bodyOf(Buffer.from("words")), declaredBytes: 5 }, {});
    await expect(create).rejects.toMatchObject({ code: "db.unavailable", facts: { outcomeIndex: 1 } });
    expect(await store.usage(product)).toEqual({ usedBytes: 0, heldBytes: 0, artifacts: 0 });
  });

  it("counts the bytes that are on the disk when the commit was not done, until they are stored again", async () => {
    let units = 0;
    const { store, depository } = await depositoryWith(async (work) => {
      if (++units === 2) throw lost;
      return database.transact(work);
    });
    const create = depository.create(ctx(), draft, { body: bodyOf(Buffer.from("words")), declaredBytes: 5 }, {});
    await expect(create).rejects.toMatchObject({ code: "db.unavailable", facts: { outcomeIndex: 1 } });
    expect(await store.usage(product)).toEqual({ usedBytes: 5, heldBytes: 0, artifacts: 0 });
    const again = () => depository.create(ctx(), draft, { body: bodyOf(Buffer.from("words")), declaredBytes: 5 }, {});
    const { artifact } = await again();
    expect(await store.usage(product)).toEqual({ usedBytes: 5, heldBytes: 0, artifacts: 1 });
    const found = await store.findBlob(product, artifact.content_hash);
    expect(found).toMatchObject({ isLeftover: false });
    if (found) expect(await blobs.check(product, found)).toEqual({ ok: true });
  });

  it("removes such bytes after a day where they have a file of their own, and never those that an artifact has", async () => {
    let failing = 0;
    const { store, depository } = await depositoryWith(async (work, durability) => {
      if (failing > 0 && --failing === 0) throw lost;
      return database.transact(work, durability);
    });
    const bytes = Buffer.alloc(1_500_000, "x");
    const blob = { digest: digestOf(bytes), sizeBytes: bytes.length, location: blobs.fileLocation };
    const create = () => depository.create(ctx(), draft, { body: bodyOf(bytes), declaredBytes: bytes.length }, {});
    const lose = async () => {
      // Room is taken, and the artifact is not stored.
      failing = 2;
      await expect(create()).rejects.toMatchObject({ code: "db.unavailable" });
    };
    const parts = { store, blobs, database };
    const later = Date.now() + 2 * 86_400_000;
    await lose();
    await lose();
    expect(await store.usage(product)).toMatchObject({ usedBytes: bytes.length, heldBytes: 0, artifacts: 0 });
    expect(await collectLeftovers(parts, Date.now())).toBe(0);
    expect(await collectLeftovers(parts, later)).toBe(1);
    expect(await store.usage(product)).toMatchObject({ usedBytes: 0, heldBytes: 0 });
    expect(await blobs.check(product, blob)).toMatchObject({ ok: false, reason: "missing" });
    await lose();
    await create();
    expect(await store.usage(product)).toMatchObject({ usedBytes: bytes.length, heldBytes: 0, artifacts: 1 });
    expect(await collectLeftovers(parts, later)).toBe(0);
    // Were a leftover noted all the same, what an artifact has would stay.
    await database.transact((tx) =>
      sql`insert into depository_leftovers values (${product}, ${blob.digest}, 0, ${blob.location}, 1)`.execute(tx),
    );
    expect(await collectLeftovers(parts, later)).toBe(1);
    expect(await blobs.check(product, blob)).toEqual({ ok: true });
  });

  it("passes on what went wrong first when the room cannot be given back either", async () => {
    let units = 0;
    const { depository } = await depositoryWith(async (work) => {
      if (++units >= 2) throw lost;
      return database.transact(work);
    });
    const expectedDigest = `sha256:${"0".repeat(64)}` as const;
    const content = { body: bodyOf(Buffer.from("words")), declaredBytes: 5, expectedDigest };
    await expect(depository.create(ctx(), draft, content, {})).rejects.toMatchObject({
      code: "content.digest_mismatch",
    });
  });
});

describe("requests under one Idempotency-Key", () => {
  it("wait for the first of them outside the gate, and more of them than a client has use for are refused", async () => {
    const { depository } = await depositoryWith((work, durability) => database.transact(work, durability));
    const stall = Promise.withResolvers<void>();
    const stalled = (async function* () {
      await stall.promise;
      yield Buffer.from("words");
    })();
    const store = (body: AsyncIterable<Uint8Array>) =>
      depository.create(ctx(), draft, { body, declaredBytes: 5 }, { idempotencyKey: "one" });
    const all = [store(stalled), ...Array.from({ length: 31 }, () => store(bodyOf(Buffer.from("words"))))];
    await expect(store(bodyOf(Buffer.from("words")))).rejects.toMatchObject({
      code: "idempotency.in_progress",
      facts: { retryAfterSeconds: 1 },
    });
    expect(depository.writers.inside).toBe(1);
    stall.resolve();
    const stored = await Promise.all(all);
    expect(stored.map(({ replayed }) => replayed)).toEqual([false, ...Array.from({ length: 31 }, () => true)]);
    expect(new Set(stored.map(({ artifact }) => artifact.artifact_id)).size).toBe(1);
    expect(depository.writers.inside).toBe(0);
  });
});
