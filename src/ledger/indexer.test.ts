// What the index does when its database fails it, or says nothing of what it has done.
import { afterEach, describe, expect, it, vi } from "vitest";
import { onBothDialects } from "../../test/contract/databases.ts";
import { intentLeaf } from "../../test/support/ledger/ledger-folder.ts";
import { temporaryDatabase } from "../../test/support/storage/temporary-database.ts";
import { TroubledConnection } from "../../test/support/storage/troubled.ts";
import { sha256 } from "../kernel/hash.ts";
import { silentLog } from "../kernel/ctx.ts";
import { EntryIndexStore, ledgerMigrations } from "./index-store.ts";
import { Indexer } from "./indexer.ts";
import type { IndexedLog } from "./indexer.ts";
import { leafJson } from "./leaf-json.ts";
import type { Leaf } from "./leaf.ts";

/** A log of so many leaves. */
function logOf(leaves: readonly Leaf[]): IndexedLog {
  return {
    size: leaves.length,
    leaves: async (from, to) => leaves.slice(from, to),
    leafHash: async (index) => sha256(JSON.stringify(leafJson(leaves[index]!))).toString("hex"),
  };
}

const leaves = Array.from({ length: 300 }, (_, at) => intentLeaf(at));

onBothDialects((name, places) => {
  describe(`the index of a ledger over a connection to ${name} that is lost`, () => {
    it("goes on from what is durable, whatever of its commits was answered", async () => {
      await using place = await places();
      await using database = await place.open();
      await database.migrate(ledgerMigrations);
      const connection = new TroubledConnection(database);
      const store = new EntryIndexStore(connection.database());
      const indexer = new Indexer(logOf(leaves), store, silentLog);
      connection.next = ["lost_after", "lost_before", "lost_after", "lost_before", "lost_after"];
      for (let left = connection.next.length; left > 0; left--) {
        await expect(indexer.reach(300)).rejects.toMatchObject({ code: "db.unavailable" });
      }
      const position = await indexer.reach(300);
      expect(position.next).toBe(300);
      const found = await store.matching({ product: "GURUKUL", limit: 1_000 }, position);
      expect(found).toEqual(leaves.flatMap(({ product }, index) => (product === "GURUKUL" ? [index] : [])));
    });
  });
});

describe("an index that cannot be filled", () => {
  afterEach(() => void vi.useRealTimers());

  it("is tried again after a second, then ever more rarely, and says so once a minute", async () => {
    await using opened = await temporaryDatabase(ledgerMigrations);
    const connection = new TroubledConnection(opened.database);
    const reads = vi.fn();
    const source = logOf(leaves);
    const told = vi.fn();
    const indexer = new Indexer(
      { ...source, leaves: async (from, to) => (reads(), await source.leaves(from, to)) },
      new EntryIndexStore(connection.database()),
      { ...silentLog, warn: told },
    );
    await indexer.reach(0);
    reads.mockClear();
    vi.useFakeTimers();
    connection.next = Array.from({ length: 1_000 }, () => "lost_before" as const);
    indexer.wake();
    await vi.advanceTimersByTimeAsync(250);
    expect(reads).toHaveBeenCalledTimes(1);
    for (let ms = 0; ms < 600_000; ms += 100) {
      // Each commit wakes it, which must not make it hurry.
      indexer.wake();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(reads.mock.calls.length).toBeGreaterThan(15);
    expect(reads.mock.calls.length).toBeLessThan(30);
    expect(told.mock.calls.length).toBeGreaterThan(5);
    expect(told.mock.calls.length).toBeLessThan(12);
    await indexer.stop();
  });
});
