import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onBothDialects, sqlitePlace } from "../../../test/contract/databases.ts";
import { intentLeaf, outcomeLeaf } from "../../../test/support/ledger/ledger-folder.ts";
import type { Database } from "../../db/index.ts";
import { systemClock } from "../../kernel/clock.ts";
import { silentLog } from "../../kernel/ctx.ts";
import { openLedger } from "./disk.ts";
import type { DiskLedger } from "./disk.ts";
import { repairLedger } from "./repair.ts";
import { indexedEntries, ledgerMigrations } from "../index-store.ts";
import type { Leaf } from "../leaf.ts";
import { tilePath } from "../tiles.ts";

/** A folder for a ledger that is removed at the end. */
async function folder() {
  const root = await mkdtemp(join(tmpdir(), "charter-ledger-"));
  const dir = join(root, "ledger");
  return {
    dir,
    copy: join(root, "copy"),
    open: (database: Database): Promise<DiskLedger> =>
      openLedger({ dir, origin: "test.example/ledger", clock: systemClock, log: silentLog, database }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

const indexesOf = (entries: readonly { index: number }[]): number[] => entries.map(({ index }) => index);

/** Everything the queries below can tell apart. */
const mixed: readonly Leaf[] = Array.from({ length: 600 }, (_, at) => ({
  ...(at % 3 === 2 ? outcomeLeaf(at - 1) : intentLeaf(at)),
  principal: `key_${at % 5}`,
  operation: at % 7 === 0 ? "artifact.hold" : "artifact.create",
  product: at % 2 === 0 ? "AI_ASSISTANT" : "GURUKUL",
  // Concurrent writers and clock steps: times do not follow the index.
  time: new Date(1_795_000_000_000 + at * 1_000 - (at % 10 === 0 ? 45_000 : 0)).toISOString(),
}));

onBothDialects((name, places) => {
  describe(`the index of entries on ${name}`, () => {
    it("answers every filter as a walk over all leaves would", async () => {
      await using place = await places();
      await using database = await place.open();
      await database.migrate(ledgerMigrations);
      await using home = await folder();
      await using ledger = await home.open(database);
      await ledger.append(mixed);
      const at = (index: number): number => 1_795_000_000_000 + index * 1_000;
      const queries = [
        {},
        { after: 100 },
        { kind: "outcome" },
        { product: "GURUKUL", after: 300 },
        { principal: "key_3", operation: "artifact.hold" },
        { requestId: "request-12" },
        { sinceMs: at(590) },
        { untilMs: at(20) },
        { sinceMs: at(100), untilMs: at(120), product: "AI_ASSISTANT" },
        { sinceMs: at(10_000) },
        { product: "NOBODY" },
      ] as const;
      for (const query of queries) {
        const want: Partial<Record<string, unknown>> = query;
        const matches = mixed.flatMap((leaf, index) => {
          const fields = ["kind", "product", "principal", "operation", "requestId"] as const;
          const equal = fields.every((field) => want[field] === undefined || leaf[field] === want[field]);
          const timeMs = Date.parse(leaf.time);
          const since = timeMs >= Number(want["sinceMs"] ?? 0) && timeMs < Number(want["untilMs"] ?? Infinity);
          return equal && since && index > Number(want["after"] ?? -1) ? [index] : [];
        });
        const found = await ledger.entries({ ...query, limit: 40 });
        expect(indexesOf(found), JSON.stringify(query)).toEqual(matches.slice(0, 40));
        for (const { index, leaf } of found) expect(leaf).toEqual(mixed[index]);
      }
    });

    it("sees every leaf that was durable when it was asked, and finds the outcome of an intent", async () => {
      await using place = await places();
      await using database = await place.open();
      await database.migrate(ledgerMigrations);
      await using home = await folder();
      await using ledger = await home.open(database);
      for (let at = 0; at < 20; at++) {
        const intent = await ledger.append([intentLeaf(at)]);
        expect(await ledger.outcomeOf(intent)).toBeUndefined();
        const outcome = await ledger.append([outcomeLeaf(intent)]);
        expect((await ledger.outcomeOf(intent))?.index).toBe(outcome);
        expect(indexesOf(await ledger.entries({ kind: "outcome", after: outcome - 1, limit: 9 }))).toEqual([outcome]);
      }
    });

    it("is filled again when it belongs to another log or is ahead of this one", async () => {
      await using place = await places();
      await using database = await place.open();
      await database.migrate(ledgerMigrations);
      {
        await using other = await folder();
        await using ledger = await other.open(database);
        await ledger.append(mixed);
        expect(await ledger.entries({ product: "GURUKUL", limit: 1 })).toHaveLength(1);
      }
      await using home = await folder();
      for (const count of [1, 2, 3]) {
        await using ledger = await home.open(database);
        await ledger.append([intentLeaf(count)]);
        const found = await ledger.entries({ kind: "intent", limit: 1_000 });
        expect(found.map(({ leaf }) => leaf.requestId)).toEqual(
          ["request-1", "request-2", "request-3"].slice(0, count),
        );
      }
    });
  });
});

describe("a listing", () => {
  it("fills its pages up behind entries that are lost, so that a short page is the last one", async () => {
    await using place = await sqlitePlace();
    await using database = await place.open();
    await database.migrate(ledgerMigrations);
    await using home = await folder();
    {
      await using ledger = await home.open(database);
      await ledger.append(Array.from({ length: 20 }, (_, at) => intentLeaf(at)));
      expect(await ledger.entries({ kind: "intent", limit: 1 })).toHaveLength(1);
    }
    const bundle = join(home.dir, tilePath({ level: "entries", index: 0, width: 20 }));
    const bytes = await readFile(bundle);
    bytes[bytes.indexOf("request-3")]! ^= 1;
    await writeFile(bundle, bytes);
    const mended = await repairLedger({
      dir: home.dir,
      clock: systemClock,
      log: silentLog,
      reason: "no backup holds it",
      constitutionHash: "0123456789abcdef",
      accept: [3],
    });
    expect(mended).toMatchObject({ accepted: [3], remaining: [] });
    await using ledger = await home.open(database);
    for (const filter of [{}, { kind: "intent" } as const]) {
      expect(indexesOf(await ledger.entries({ ...filter, limit: 5 }))).toEqual([0, 1, 2, 4, 5]);
      expect(indexesOf(await ledger.entries({ ...filter, after: 2, limit: 1 }))).toEqual([4]);
    }
    expect(await indexedEntries(database)).toBe(21);
  });
});

describe("intents that a crash cut off", () => {
  it("are closed once, with whether their effect had become durable", async () => {
    await using place = await sqlitePlace();
    await using database = await place.open();
    await database.migrate(ledgerMigrations);
    await using home = await folder();
    {
      await using ledger = await home.open(database);
      await ledger.append([intentLeaf(0), intentLeaf(1), intentLeaf(2)]);
      await ledger.append([outcomeLeaf(1)]);
      expect(await ledger.closeInterrupted(() => Promise.reject(new Error("nothing was cut off")))).toBe(0);
    }
    {
      await using ledger = await home.open(database);
      const asked: number[] = [];
      const closed = await ledger.closeInterrupted(async (intents) => {
        asked.push(...intents);
        return new Set(intents.slice(0, 1));
      });
      expect([closed, asked]).toEqual([2, [0, 2]]);
      const { product, resource, operation, requestId, constitutionHash } = intentLeaf(0);
      expect((await ledger.outcomeOf(0))?.leaf).toMatchObject({
        product,
        resource,
        operation,
        requestId,
        constitutionHash,
        kind: "outcome",
        outcome: "interrupted",
        code: "effect.applied",
        intent: 0,
        principal: "system",
        principalKind: "system",
      });
      expect((await ledger.outcomeOf(2))?.leaf.code).toBe("effect.none");
      expect(await ledger.closeInterrupted(async (intents) => new Set(intents))).toBe(0);
    }
    await using ledger = await home.open(database);
    expect(await ledger.closeInterrupted(async (intents) => new Set(intents))).toBe(0);
    expect(ledger.size).toBe(6);
  });

  it("are closed as unknown where what was asked is done elsewhere and nothing says that it took effect", async () => {
    await using place = await sqlitePlace();
    await using database = await place.open();
    await database.migrate(ledgerMigrations);
    await using home = await folder();
    const call = (number: number): Leaf => ({ ...intentLeaf(number), operation: "chat.create" });
    {
      await using ledger = await home.open(database);
      await ledger.append([call(0), intentLeaf(1), call(2)]);
    }
    await using ledger = await home.open(database);
    await ledger.closeInterrupted(
      async () => new Set([2]),
      (operation) => operation === "chat.create",
    );
    const closed = await ledger.entries({ kind: "outcome", limit: 9 });
    expect(closed.map(({ leaf }) => leaf.code)).toEqual(["effect.unknown", "effect.none", "effect.applied"]);
  });

  it("are all closed when there are more than fit one commit", async () => {
    await using place = await sqlitePlace();
    await using database = await place.open();
    await database.migrate(ledgerMigrations);
    await using home = await folder();
    {
      await using ledger = await home.open(database);
      await ledger.append(Array.from({ length: 600 }, (_, at) => intentLeaf(at)));
    }
    await using ledger = await home.open(database);
    expect(await ledger.closeInterrupted(async () => new Set())).toBe(600);
    expect(await ledger.entries({ kind: "outcome", limit: 1_000 })).toHaveLength(600);
  });
});

describe("a ledger that was exchanged", () => {
  it("is known as such at every start until that is on record, and its index is not touched before", async () => {
    await using place = await sqlitePlace();
    await using database = await place.open();
    await database.migrate(ledgerMigrations);
    {
      await using other = await folder();
      await using ledger = await other.open(database);
      await ledger.append([intentLeaf(1), intentLeaf(2)]);
      await ledger.entries({ kind: "intent", limit: 1 });
    }
    await using home = await folder();
    {
      await using fresh = await sqlitePlace();
      await using nothing = await fresh.open();
      await nothing.migrate(ledgerMigrations);
      await using ledger = await home.open(nothing);
      await ledger.append([3, 4, 5].map(intentLeaf));
    }
    for (let start = 0; start < 2; start++) {
      await using ledger = await home.open(database);
      expect(ledger.exchanged).toBe(true);
      await ledger.append([intentLeaf(6 + start)]);
      await expect(ledger.entries({ kind: "intent", limit: 9 })).rejects.toMatchObject({ code: "ledger.unavailable" });
    }
    {
      await using ledger = await home.open(database);
      ledger.exchangeNoted();
      expect(indexesOf(await ledger.entries({ kind: "intent", limit: 9 }))).toEqual([0, 1, 2, 3, 4]);
    }
    await using ledger = await home.open(database);
    expect(ledger.exchanged).toBe(false);
  });
});

describe("a ledger in which nothing new may begin yet", () => {
  it("ends what has begun, says that it is full, and goes on when it is let go", async () => {
    await using place = await sqlitePlace();
    await using database = await place.open();
    await database.migrate(ledgerMigrations);
    await using home = await folder();
    await using ledger = await home.open(database);
    const intent = await ledger.append([intentLeaf(1)]);
    const release = ledger.holdNew("not settled");
    expect(ledger.condition()).toEqual({ state: "full", reason: "not settled" });
    await expect(ledger.append([intentLeaf(2)])).rejects.toMatchObject({ code: "ledger.full" });
    await ledger.append([outcomeLeaf(intent)]);
    release();
    expect(ledger.condition()).toEqual({ state: "open" });
    expect(await ledger.append([intentLeaf(2)])).toBe(2);
  });
});
