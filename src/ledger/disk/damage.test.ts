import { cp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { intentLeaf, leafIn, ledgerFolder } from "../../../test/support/ledger/ledger-folder.ts";
import type { LedgerFolder } from "../../../test/support/ledger/ledger-folder.ts";
import { systemClock } from "../../kernel/clock.ts";
import { silentLog } from "../../kernel/ctx.ts";
import type { RepairReport } from "./repair.ts";
import { repairLedger } from "./repair.ts";

/** Three full bundles and a partial one. */
const size = 256 * 3 + 40;
const entryLength = 270;

/** A log that is closed cleanly. */
async function filled(): Promise<LedgerFolder> {
  const folder = await ledgerFolder();
  await folder.fill(size);
  return folder;
}

/** A log that was killed: nothing is published, the journal holds commits of one leaf each. */
async function killed(commits: number): Promise<LedgerFolder> {
  const folder = await ledgerFolder();
  const log = await folder.open();
  for (let at = 0; at < commits; at++) await log.append([intentLeaf(at)]);
  const copy = `${folder.dir}-copy`;
  await cp(folder.dir, copy, { recursive: true });
  await log[Symbol.asyncDispose]();
  await rm(folder.dir, { recursive: true });
  await cp(copy, folder.dir, { recursive: true });
  await rm(join(folder.dir, "lock"));
  return folder;
}

const repair = (
  folder: LedgerFolder,
  accept: number[] = [],
  more: { acceptLostTail?: boolean; knownEntries?: number } = {},
): Promise<RepairReport> =>
  repairLedger({
    ...more,
    dir: folder.dir,
    clock: systemClock,
    log: silentLog,
    reason: "a disk was replaced",
    constitutionHash: "0123456789abcdef",
    accept,
  });

/** Where entry `index` of a bundle begins, its length included. */
async function startOf(folder: LedgerFolder, bundle: string, index: number): Promise<number> {
  const bytes = await readFile(join(folder.dir, bundle));
  let at = 0;
  for (let entry = 0; entry < index; entry++) at += 2 + bytes.readUInt16BE(at);
  return at;
}

describe("damage of the published log", () => {
  const journal = "journal/0000000000000808.frames";
  const cases: [string, (folder: LedgerFolder) => Promise<void>, number][] = [
    [
      "a flipped byte in an entry",
      async (f) => f.flip("tile/entries/001", (await startOf(f, "tile/entries/001", 44)) + 9),
      300,
    ],
    [
      "a flipped length in a bundle",
      async (f) => f.flip("tile/entries/002", await startOf(f, "tile/entries/002", 8)),
      520,
    ],
    ["a flipped byte in the partial bundle", (f) => f.flip("tile/entries/003.p/40", -3), 807],
    ["a flipped byte in a level-0 tile", (f) => f.flip("tile/0/001", 44 * 32 + 5), 300],
    ["a flipped byte in the partial level-0 tile", (f) => f.flip("tile/0/003.p/40", 39 * 32), 807],
    ["a flipped byte in a level-1 tile", (f) => f.flip("tile/1/000.p/3", 2 * 32), 512],
    ["a missing bundle", (f) => rm(join(f.dir, "tile/entries/001")), 256],
    ["a missing tile", (f) => rm(join(f.dir, "tile/0/002")), 512],
    ["a missing partial bundle", (f) => rm(join(f.dir, "tile/entries/003.p"), { recursive: true }), 768],
    ["a short bundle", (f) => truncate(join(f.dir, "tile/entries/000"), 10 * entryLength), 9],
    ["a short tile", (f) => truncate(join(f.dir, "tile/0/001"), 8_000), 256],
    ["a flipped byte in the checkpoint", (f) => f.flip("checkpoint", 30), 0],
    ["a flipped byte in the checkpoint's signature", (f) => f.flip("checkpoint", -10), 0],
    ["a missing checkpoint", (f) => rm(join(f.dir, "checkpoint")), 0],
    ["a missing journal", (f) => rm(join(f.dir, journal)), 808],
  ];

  it("is found when an older checkpoint and journal were put back beside the newer tiles", async () => {
    await using folder = await ledgerFolder();
    await folder.fill(20);
    const older = `${folder.dir}-older`;
    await cp(folder.dir, older, { recursive: true });
    await folder.fill(5);
    for (const name of ["checkpoint", "checkpoint.copy", "journal"]) {
      await rm(join(folder.dir, name), { recursive: true });
      await cp(join(older, name), join(folder.dir, name), { recursive: true });
    }
    await using log = await folder.open();
    expect(log.condition()).toMatchObject({ state: "damaged", index: 20 });
  });

  it("is found when the last segment of the journal is gone and an empty one stands behind it", async () => {
    await using folder = await killed(5);
    await writeFile(join(folder.dir, "journal/0000000000000009.frames"), "");
    await using log = await folder.open();
    expect(log.condition()).toMatchObject({ state: "damaged", index: 5 });
  });

  for (const [what, harm, index] of cases) {
    it(`is found at opening and named by index: ${what}`, async () => {
      await using folder = await filled();
      await harm(folder);
      await using log = await folder.open();
      const condition = log.condition();
      expect(condition.state).toBe("damaged");
      // How many whole entries a short bundle keeps depends on their lengths; the first lost one follows them.
      if (what !== "a short bundle") expect(condition).toMatchObject({ index });
      await expect(log.append([intentLeaf(0)])).rejects.toMatchObject({ code: "ledger.damaged" });
    });
  }

  it("leaves everything else readable", async () => {
    await using folder = await filled();
    await folder.flip("tile/entries/001", (await startOf(folder, "tile/entries/001", 44)) + 9);
    await using log = await folder.open();
    await expect(log.entryBytes(300)).rejects.toMatchObject({ code: "ledger.damaged" });
    for (const index of [0, 299, 301, 511, 807]) {
      expect(leafIn(await log.entryBytes(index))).toEqual(intentLeaf(index));
      expect(await log.proof(index)).toContain(`index ${index}\n`);
    }
  });

  it("writes nothing to a damaged folder", async () => {
    await using folder = await filled();
    await rm(join(folder.dir, "tile/0/002"));
    const names = async (): Promise<string[]> => (await readdir(folder.dir, { recursive: true })).toSorted();
    const before = (await names()).filter((name) => name !== "tmp");
    {
      await using log = await folder.open();
      expect(log.condition().state).toBe("damaged");
    }
    expect((await names()).filter((name) => name !== "tmp")).toEqual(before);
  });
});

describe("the journal after a crash", () => {
  it("is replayed whole, and published at the next close", async () => {
    await using folder = await killed(30);
    {
      await using log = await folder.open();
      expect(log.size).toBe(30);
      expect(log.openIntents).toHaveLength(30);
    }
    await using log = await folder.open();
    expect(log.size).toBe(30);
    expect(await readFile(join(folder.dir, "checkpoint"), "utf8")).toContain("\n30\n");
  });

  it("loses a torn last frame and nothing else, wherever it was cut", async () => {
    await using folder = await killed(5);
    const path = join(folder.dir, "journal/0000000000000000.frames");
    const { size: whole } = await stat(path);
    const copy = await readFile(path);
    for (const missing of [1, 4, 100, 300]) {
      await writeFile(path, copy);
      await truncate(path, whole - missing);
      const log = await folder.open();
      expect(log.size, String(missing)).toBe(4);
      expect(log.condition()).toEqual({ state: "open" });
      expect((await stat(path)).size).toBeLessThan(whole - missing);
      await log[Symbol.asyncDispose]();
      await rm(join(folder.dir, "tile"), { recursive: true });
      await rm(join(folder.dir, "journal"), { recursive: true });
      await using fresh = await killed(5);
      await rm(folder.dir, { recursive: true });
      await cp(fresh.dir, folder.dir, { recursive: true });
      copy.set(await readFile(path));
    }
  });

  it("loses a last frame that a power cut left as zeros, and nothing else", async () => {
    await using folder = await killed(5);
    const path = join(folder.dir, "journal/0000000000000000.frames");
    const frames = await readFile(path);
    const last = frames.lastIndexOf("CLJ1");
    await writeFile(path, Buffer.concat([frames.subarray(0, last + 300), Buffer.alloc(4_096)]));
    {
      await using log = await folder.open();
      expect(log.condition()).toEqual({ state: "open" });
      expect(log.size).toBe(4);
      expect(await log.append([intentLeaf(9)])).toBe(4);
    }
    await using log = await folder.open();
    expect(log.size).toBe(5);
  });

  it("is damaged when the segment before a torn one is gone", async () => {
    await using folder = await killed(5);
    const frames = await readFile(join(folder.dir, "journal/0000000000000000.frames"));
    await rm(join(folder.dir, "journal/0000000000000000.frames"));
    await writeFile(join(folder.dir, "journal/0000000000000005.frames"), frames.subarray(0, 20));
    await using log = await folder.open();
    expect(log.condition()).toMatchObject({ state: "damaged", index: 0 });
  });

  it("is damaged where a byte of a whole frame has flipped", async () => {
    for (const at of [3, 40, -2, -120]) {
      await using folder = await killed(5);
      await folder.flip("journal/0000000000000000.frames", at);
      await using log = await folder.open();
      expect(log.condition(), String(at)).toMatchObject({ state: "damaged", index: at > 0 ? 0 : 4 });
      expect(log.size).toBe(at > 0 ? 0 : 4);
    }
  });
});

describe("repair", () => {
  it("rewrites hash tiles and lengths from what is intact, keeps the evidence, and records it", async () => {
    await using folder = await filled();
    await folder.flip("tile/0/001", 44 * 32 + 5);
    await rm(join(folder.dir, "tile/1/000.p/3"));
    await folder.flip("tile/entries/002", await startOf(folder, "tile/entries/002", 8));
    const report = await repair(folder);
    expect(report.found.map(({ mend }) => mend)).toEqual(["rewrite", "rewrite", "rewrite"]);
    expect(report).toMatchObject({ remaining: [], accepted: [], recordedAt: size });
    await using log = await folder.open();
    expect(log.condition()).toEqual({ state: "open" });
    expect(leafIn(await log.entryBytes(size))).toMatchObject({
      kind: "admin",
      operation: "ledger.repair",
    });
    expect((await readdir(join(folder.dir, "damaged"), { recursive: true })).join()).toContain("entries/002");
  });

  it("accepts a lost entry only when told to, and goes on naming it", async () => {
    await using folder = await filled();
    await folder.flip("tile/entries/001", (await startOf(folder, "tile/entries/001", 44)) + 9);
    await folder.flip("tile/entries/003.p/40", -3);
    expect(await repair(folder, [300])).toMatchObject({
      accepted: [300],
      recordedAt: undefined,
      remaining: [{ index: 807 }],
    });
    expect(await repair(folder, [807])).toMatchObject({ accepted: [807], recordedAt: size, remaining: [] });
    {
      await using log = await folder.open();
      expect(log.condition()).toEqual({ state: "open", lost: [300, 807] });
      await expect(log.entryBytes(300)).rejects.toMatchObject({ code: "ledger.entry_lost" });
      expect(leafIn(await log.entryBytes(301))).toEqual(intentLeaf(301));
      expect(await log.proof(300)).toContain("index 300\n");
      for (let at = 0; at < 300; at++) await log.append([intentLeaf(at)]);
    }
    await using log = await folder.open();
    expect(log.condition()).toEqual({ state: "open", lost: [300, 807] });
    expect(log.size).toBe(size + 1 + 300);
  });

  it("leaves alone what only a backup can bring back", async () => {
    await using folder = await filled();
    await folder.flip("tile/entries/001", 100);
    await folder.flip("tile/0/001", 100);
    const report = await repair(folder, [256, 257]);
    expect(report).toMatchObject({ rewritten: [], accepted: [], recordedAt: undefined });
    expect(report.remaining.every(({ mend }) => mend === "restore")).toBe(true);
    await using log = await folder.open();
    expect(log.condition()).toMatchObject({ state: "damaged" });
  });

  it("puts a damaged checkpoint back from its signed copy, and only from one that the tree folds to", async () => {
    for (const isForged of [false, true]) {
      await using folder = await filled();
      const before = await readFile(join(folder.dir, "checkpoint"), "utf8");
      await folder.flip("checkpoint", 30);
      if (isForged) await folder.flip("checkpoint.copy", 30);
      const report = await repair(folder);
      expect(report.remaining).toHaveLength(isForged ? 1 : 0);
      if (isForged) continue;
      expect(report).toMatchObject({ rewritten: ["checkpoint"], recordedAt: size });
      await using log = await folder.open();
      expect(log.size).toBe(size + 1);
      expect(before).toContain(`\n${size}\n`);
    }
  });

  it("goes on without a lost end only when told to, and gives no lost index to another act", async () => {
    await using folder = await filled();
    const known = { knownEntries: size + 5 };
    expect(await repair(folder, [], known)).toMatchObject({
      remaining: [{ index: size, mend: "tail" }],
      rewritten: [],
    });
    {
      await using log = await folder.open(known);
      await expect(log.append([intentLeaf(0)])).rejects.toMatchObject({ code: "ledger.damaged" });
    }
    expect(await repair(folder, [], { ...known, acceptLostTail: true })).toMatchObject({
      lostTail: { first: size, count: 5 },
      remaining: [],
      recordedAt: size + 5,
    });
    await using log = await folder.open(known);
    expect(log.condition()).toEqual({ state: "open" });
    expect(leafIn(await log.entryBytes(size + 4))).toMatchObject({
      kind: "admin",
      operation: "ledger.entry_lost",
      resource: `entry/${size + 4}`,
    });
    expect(await log.append([intentLeaf(0)])).toBe(size + 6);
  });

  it("cuts a damaged journal off behind its last whole frame, counting what its frames still tell", async () => {
    await using folder = await killed(9);
    const path = join(folder.dir, "journal/0000000000000000.frames");
    const frames = await readFile(path);
    const third = frames.indexOf("CLJ1", frames.indexOf("CLJ1", 1) + 1);
    await folder.flip("journal/0000000000000000.frames", third + 200);
    expect(await repair(folder)).toMatchObject({ remaining: [{ index: 2, mend: "tail" }] });
    expect(await readFile(path)).toHaveLength(frames.length);
    expect(await repair(folder, [], { acceptLostTail: true })).toMatchObject({
      lostTail: { first: 2, count: 7 },
      recordedAt: 9,
    });
    await using log = await folder.open();
    expect(log.size).toBe(10);
    expect(leafIn(await log.entryBytes(1))).toEqual(intentLeaf(1));
    const evidence = (await readdir(join(folder.dir, "damaged"), { recursive: true })).join();
    expect(evidence).toContain("journal/0000000000000000.frames");
  });

  it("begins a new journal where the whole journal is gone", async () => {
    await using folder = await filled();
    await rm(join(folder.dir, "journal"), { recursive: true });
    expect(await repair(folder)).toMatchObject({ remaining: [{ index: size, mend: "tail" }] });
    expect(await repair(folder, [], { acceptLostTail: true })).toMatchObject({
      lostTail: { first: size, count: 0 },
      recordedAt: size,
    });
    await using log = await folder.open();
    expect(log.condition()).toEqual({ state: "open" });
  });

  it("keeps the folder to itself from the first look to the last write", async () => {
    await using folder = await filled();
    await using log = await folder.open();
    await expect(
      repairLedger({
        dir: folder.dir,
        clock: systemClock,
        log: silentLog,
        reason: "while it is open",
        constitutionHash: "0123456789abcdef",
        lockWaitMs: 50,
      }),
    ).rejects.toMatchObject({ code: "ledger.locked" });
    expect(await log.append([intentLeaf(0)])).toBe(size);
  });

  it("does nothing to a sound log", async () => {
    await using folder = await filled();
    expect(await repair(folder)).toEqual({
      found: [],
      rewritten: [],
      accepted: [],
      remaining: [],
      recordedAt: undefined,
    });
  });
});
