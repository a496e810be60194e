// Removes what refused writes have left on the disk in files of their own. Bytes that share a segment stay, and stay counted.
import type { Database } from "../db/index.ts";
import type { Blobs } from "./blobs/blobs.ts";
import type { ArtifactStore } from "./store/store.ts";
import type { DepositoryTables } from "./store/tables.ts";

/** How long a leftover stays, milliseconds: far longer than an upload may take, whose bytes may be the same. */
const keptMs = 24 * 3_600_000;

/** Most that are looked at in one sweep: each is a file that is removed and a transaction. */
const removedAtOnce = 100;

/** Removes old leftovers; resolves with how many. One that was written again meanwhile stays. */
export async function collectLeftovers(
  { store, blobs, database }: { readonly store: ArtifactStore; readonly blobs: Blobs; readonly database: Database },
  nowMs: number,
): Promise<number> {
  const beforeMs = nowMs - keptMs;
  const db = database.tables<DepositoryTables>();
  let removed = 0;
  for (const { product, blob, isTaken } of await store.oldLeftovers(beforeMs, blobs.fileLocation, removedAtOnce)) {
    // The file of bytes that an artifact has is never touched.
    if (!isTaken && !(await blobs.remove(product, blob, beforeMs))) continue;
    await db.transact((tx) => store.dropLeftover(tx, product, blob.digest));
    removed++;
  }
  return removed;
}
