// Fills a data folder with a history of a given length, through the domain's own parts and in large batches, because
// over HTTP a million records would take most of an hour. What is there afterwards is what as many writes would have
// left: an intent and an outcome leaf and a row for each artifact. All artifacts share one blob.
import { join } from "node:path";
import { openDatabase } from "../../src/db/index.ts";
import type { Database } from "../../src/db/index.ts";
import { openDiskBlobs } from "../../src/depository/blobs/disk.ts";
import { bodyOf, depositoryMigrations, openArtifactStore } from "../../src/depository/index.ts";
import type { Artifact, ArtifactStore, StoredBlob } from "../../src/depository/index.ts";
import type { DepositoryTables } from "../../src/depository/store/tables.ts";
import { governanceMigrations } from "../../src/governance/index.ts";
import { identityMigrations } from "../../src/identity/index.ts";
import { instant, systemClock } from "../../src/kernel/clock.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import { newId } from "../../src/kernel/ids.ts";
import { ledgerMigrations, openLedger } from "../../src/ledger/index.ts";
import type { Leaf } from "../../src/ledger/index.ts";

/** Artifacts written in one ledger commit and one transaction; two leaves each stay within a commit's 2 048. */
const batch = 1000;
const yearMs = 365 * 86_400_000;
/** Time between two artifacts, milliseconds. */
const stepMs = 10;
const room = {
  maxArtifacts: Number.MAX_SAFE_INTEGER,
  quotaBytes: 400_000_000_000,
  storageTotalBytes: 1_000_000_000_000,
};

/** What a filled folder holds. */
export interface History {
  readonly product: string;
  /** Ids in the order of creation. */
  readonly ids: readonly string[];
  readonly firstMs: number;
}

/** Fills an empty data folder with so many artifacts of one product. */
export async function fillHistory(dataDir: string, records: number): Promise<History> {
  const product = "AI_ASSISTANT";
  await using database = await openDatabase({ kind: "sqlite", file: join(dataDir, "charter.db") }, silentLog);
  await database.migrate([
    ...identityMigrations,
    ...ledgerMigrations,
    ...governanceMigrations,
    ...depositoryMigrations,
  ]);
  const options = { origin: "charter.local/ledger", clock: systemClock, log: silentLog, database };
  await using ledger = await openLedger({ dir: join(dataDir, "ledger"), ...options });
  await using blobs = await openDiskBlobs({ dir: join(dataDir, "blobs"), log: silentLog });
  const content = Buffer.from("history");
  const { signal } = new AbortController();
  const blob = await blobs.put({ product, body: bodyOf(content), maxBytes: content.length, signal });
  const store = openArtifactStore(database, "history");

  const ids: string[] = [];
  const firstMs = Date.now() - records * stepMs;
  while (ids.length < records) {
    const count = Math.min(batch, records - ids.length);
    const made = Array.from({ length: count }, (_, at) =>
      artifactAt(product, blob, firstMs + (ids.length + at) * stepMs),
    );
    const firstLeaf = ledger.size;
    await ledger.append(made.flatMap((artifact, at) => leavesOf(artifact, firstLeaf + 2 * at)));
    await insert(
      database,
      store,
      blob,
      made.map((artifact, at) => ({ ...artifact, intentIndex: firstLeaf + 2 * at })),
    );
    for (const { artifact_id } of made) ids.push(artifact_id);
  }
  // Asking makes the derived index catch up, as it would have done behind slower writes.
  await ledger.outcomeOf(0);
  return { product, ids, firstMs };
}

function artifactAt(product: string, blob: StoredBlob, createdMs: number): Artifact {
  return {
    artifact_id: newId<"artifact">({ nowMs: () => createdMs }),
    product_id: product,
    artifact_type: "ConversationArtifact",
    created_by: "key_history",
    created_at: instant(createdMs),
    content_hash: blob.digest,
    sizeBytes: blob.sizeBytes,
    mediaType: "text/plain",
    tags: [],
    metadata: { session: "history" },
    derivedFrom: [],
    retentionClass: "default",
    retainUntil: instant(createdMs + yearMs),
    legalHold: false,
    intentIndex: 0,
  };
}

function leavesOf(artifact: Artifact, intent: number): Leaf[] {
  const same = {
    time: artifact.created_at,
    principal: artifact.created_by,
    principalKind: "product",
    product: artifact.product_id,
    operation: "artifact.create",
    resource: `artifact/${artifact.artifact_id}`,
    constitutionHash: "0123456789abcdef",
    requestId: newId<"request">(systemClock),
  } as const;
  const decision = { allow: true, articles: [], policies: ["product_creates"] };
  return [
    { ...same, kind: "intent", decision },
    { ...same, kind: "outcome", intent, outcome: "committed", digest: artifact.content_hash },
  ];
}

/** Stores rows through the depository's own store, many in one unit of work. */
async function insert(
  database: Database,
  store: ArtifactStore,
  blob: StoredBlob,
  artifacts: Artifact[],
): Promise<void> {
  const nowMs = systemClock.nowMs();
  await database.tables<DepositoryTables>().transact(async (tx) => {
    for (const artifact of artifacts) {
      const { artifact_id: id, product_id: product } = artifact;
      await store.reserve(tx, { id, product, bytes: blob.sizeBytes, nowMs, expiresMs: nowMs + yearMs, ...room });
      const settled = await store.settle(tx, { reservationId: id, artifact, location: blob.location, nowMs });
      if (settled.outcome !== "stored") throw new Error(`a record was not stored: ${settled.outcome}`);
    }
  });
}
