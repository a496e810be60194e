import { randomUUID } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  failingDisk,
  intentLeaf,
  leafIn,
  ledgerFolder,
  outcomeLeaf,
  systemError,
} from "../../../test/support/ledger/ledger-folder.ts";
import { steppedClock } from "../../../test/support/stepped-clock.ts";
import { maxCommitLeaves } from "../../kernel/limits.ts";
import { leafJson } from "../leaf-json.ts";
import { ballastFile } from "./disk-reserve.ts";
import { leafHash } from "../merkle.ts";
import { openNote, parseCheckpoint, parseVerifierKey } from "../note.ts";
import { tilePath, tilesBetween } from "../tiles.ts";
import { inclusionHolds } from "../verify/inclusion.ts";

/** Checks a tlog-proof text against an entry, as a stranger would. */
function proves(proof: string, entry: Buffer, verifierKey: string): boolean {
  const [head = "", ...rest] = proof.split("\n\n");
  const [magic, indexLine = "", ...hashes] = head.split("\n");
  const text = openNote(rest.join("\n\n"), parseVerifierKey(verifierKey)!);
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text);
  if (magic !== "c2sp.org/tlog-proof@v1" || checkpoint === undefined) return false;
  const index = Number(indexLine.replace("index ", ""));
  const path = hashes.map((hash) => Buffer.from(hash, "base64"));
  return inclusionHolds({ index, size: checkpoint.size, leaf: leafHash(entry), root: checkpoint.root, path });
}

describe("appending", () => {
  it("gives concurrent writers dense indexes, and keeps what one writer gives together together", async () => {
    await using folder = await ledgerFolder();
    await using log = await folder.open();
    const firsts = await Promise.all(
      Array.from({ length: 300 }, (_, at) => log.append([intentLeaf(2 * at), intentLeaf(2 * at + 1)])),
    );
    expect(firsts.toSorted((left, right) => left - right)).toEqual(Array.from({ length: 300 }, (_, at) => 2 * at));
    expect(log.size).toBe(600);
    for (const [at, first] of firsts.entries()) {
      for (const offset of [0, 1]) {
        const leaf = leafIn(await log.entryBytes(first + offset));
        expect(leaf).toEqual(intentLeaf(2 * at + offset));
      }
    }
  });

  it("shares one sync between everybody who waits", async () => {
    await using folder = await ledgerFolder();
    const disk = failingDisk();
    await using log = await folder.open({ openJournalFile: disk.open });
    disk.syncs = 0;
    await Promise.all(Array.from({ length: 200 }, (_, at) => log.append([intentLeaf(at)])));
    expect(disk.syncs).toBeGreaterThan(0);
    expect(disk.syncs).toBeLessThanOrEqual(2);
  });

  it("proves every entry under the newest checkpoint, published or not", async () => {
    await using folder = await ledgerFolder();
    await folder.fill(700);
    await using log = await folder.open();
    for (let at = 0; at < 70; at++) await log.append([intentLeaf(700 + at)]);
    for (let index = 0; index < log.size; index++) {
      const proof = await log.proof(index);
      expect(proves(proof, await log.entryBytes(index), log.verifierKey), String(index)).toBe(true);
      expect(proves(proof, Buffer.from("{}"), log.verifierKey)).toBe(false);
    }
    for (const index of [-1, 770, 0.5, Number.NaN]) {
      await expect(log.proof(index)).rejects.toMatchObject({ code: "ledger.no_such_entry" });
      await expect(log.entryBytes(index)).rejects.toMatchObject({ code: "ledger.no_such_entry" });
    }
  });

  it("refuses leaves that are too large or have no canonical form, and batches that are too long", async () => {
    await using folder = await ledgerFolder();
    await using log = await folder.open();
    const sized = (length: number) => ({ ...intentLeaf(0), note: "x".repeat(length) });
    const overhead = JSON.stringify(leafJson(sized(0))).length;
    for (const leaf of [sized(65_536 - overhead), sized(200_000), { ...intentLeaf(0), intent: 2 ** 60 }]) {
      await expect(log.append([leaf])).rejects.toMatchObject({ code: "ledger.leaf_too_large" });
    }
    const many = Array.from({ length: maxCommitLeaves + 1 }, (_, at) => intentLeaf(at));
    await expect(log.append(many)).rejects.toMatchObject({ code: "ledger.batch_too_large" });
    expect(log.size).toBe(0);
    expect(await log.append([sized(65_535 - overhead)])).toBe(0);
    expect(await log.append([])).toBe(1);
  });
});

describe("the folder", () => {
  it("is a complete log after a clean close: what is served is what lies there", async () => {
    await using folder = await ledgerFolder();
    await folder.fill(256 * 3 + 19, 50);
    const size = 256 * 3 + 19;
    await using log = await folder.open();
    expect(log.size).toBe(size);
    expect(await readFile(join(folder.dir, "checkpoint"), "utf8")).toBe(log.checkpoint());
    let seen = 0;
    for (const name of tilesBetween(0, size)) {
      const { level, index, width } = name;
      const served = level === "entries" ? await log.bundle(index, width) : await log.tile(level, index, width);
      const stored = await readFile(join(folder.dir, tilePath(name)));
      expect(Buffer.from(served!).equals(stored), tilePath(name)).toBe(true);
      seen++;
    }
    expect(seen).toBe(4 + 4 + 1);
  });

  it("serves any narrower tile as a prefix, and none that the tree does not have", async () => {
    await using folder = await ledgerFolder();
    await folder.fill(300);
    await using log = await folder.open();
    const whole = Buffer.from((await log.tile(0, 0, 256))!);
    expect(Buffer.from((await log.tile(0, 0, 77))!).equals(whole.subarray(0, 77 * 32))).toBe(true);
    expect(await log.tile(0, 1, 44)).toHaveLength(44 * 32);
    expect((await log.bundle(1, 1))!.length).toBe(2 + (await log.entryBytes(256)).length);
    for (const [level, index, width] of [
      [0, 1, 45],
      [1, 0, 2],
      [0, 0, 0],
      [0, 0, 257],
      [0, -1, 1],
      [9, 0, 1],
      [0.5, 0, 1],
    ] as const) {
      expect(await log.tile(level, index, width), `${level}/${index}/${width}`).toBeUndefined();
    }
  });

  it("drops the journal that is published and the partial tiles that a full one replaces", async () => {
    await using folder = await ledgerFolder();
    await folder.fill(200);
    await folder.fill(200);
    expect(await readdir(join(folder.dir, "journal"))).toEqual(["0000000000000400.frames"]);
    expect((await stat(join(folder.dir, "journal", "0000000000000400.frames"))).size).toBe(0);
    expect(await readdir(join(folder.dir, "tile", "0"))).toEqual(["000", "001.p"]);
    expect(await readdir(join(folder.dir, "tile", "entries"))).toEqual(["000", "001.p"]);
    expect(await readdir(join(folder.dir, "tmp"))).toEqual([]);
  });

  it("is opened without what a killed process had half replaced, which no one but its owner removes", async () => {
    await using folder = await ledgerFolder();
    await folder.fill(3);
    const left = join(folder.dir, `${ballastFile}.${randomUUID()}.tmp`);
    await writeFile(left, "torn");
    {
      await using _log = await folder.open();
      expect(await readdir(folder.dir)).not.toContain(basename(left));
      await writeFile(left, "being written");
      await expect(folder.open({ lockWaitMs: 0 })).rejects.toMatchObject({ code: "ledger.locked" });
      expect(await readdir(folder.dir)).toContain(basename(left));
    }
  });

  it("keeps the key to its owner and refuses to go on without it or under another name", async () => {
    await using folder = await ledgerFolder();
    await folder.fill(3);
    expect((await stat(join(folder.dir, "key.pem"))).mode & 0o777).toBe(0o600);
    await expect(folder.open({ origin: "other.example/ledger" })).rejects.toMatchObject({
      code: "ledger.key_unusable",
    });
    await rm(join(folder.dir, "key.pem"));
    await expect(folder.open()).rejects.toMatchObject({ code: "ledger.key_unusable" });
  });

  it("has one owner: a second opener is refused, and may open after the first has closed", async () => {
    await using folder = await ledgerFolder();
    const first = await folder.open();
    await expect(folder.open()).rejects.toMatchObject({ code: "ledger.locked" });
    await first[Symbol.asyncDispose]();
    await using second = await folder.open();
    expect(second.condition()).toEqual({ state: "open" });
    await expect(first.append([intentLeaf(0)])).rejects.toMatchObject({ code: "ledger.closed" });
  });
});

describe("a folder that another process has taken over", () => {
  it("gets nothing more from its former owner, not even at the end", async () => {
    await using folder = await ledgerFolder();
    const log = await folder.open();
    await log.append([intentLeaf(0)]);
    const others = '{"pid":1,"started":"another container","token":"theirs"}';
    await writeFile(join(folder.dir, "lock"), others);
    const before = await readdir(folder.dir, { recursive: true });
    await expect(log.append([intentLeaf(1)])).rejects.toMatchObject({ code: "ledger.unavailable" });
    expect(log.condition().state).toBe("unavailable");
    await log[Symbol.asyncDispose]();
    expect(await readdir(folder.dir, { recursive: true })).toEqual(before);
    expect(await readFile(join(folder.dir, "lock"), "utf8")).toBe(others);
  });
});

describe("a disk that fails", () => {
  it("rejects the commit, keeps the tree as it was, and takes leaves again afterwards", async () => {
    await using folder = await ledgerFolder();
    const disk = failingDisk();
    {
      await using log = await folder.open({ openJournalFile: disk.open });
      await log.append([intentLeaf(0)]);
      const before = log.checkpoint();
      disk.writeError = systemError("EIO");
      await expect(log.append([intentLeaf(1)])).rejects.toMatchObject({ code: "ledger.unavailable" });
      expect(log.checkpoint()).toBe(before);
      disk.writeError = undefined;
      expect(await log.append([intentLeaf(2)])).toBe(1);
    }
    await using log = await folder.open();
    expect(log.size).toBe(2);
    expect(leafIn(await log.entryBytes(1))).toEqual(intentLeaf(2));
  });

  it("full: gives up its ballast for outcomes, refuses new intents, and opens again when there is room", async () => {
    await using folder = await ledgerFolder();
    const disk = failingDisk();
    let nowMs = 1_795_000_000_000;
    await using log = await folder.open({ openJournalFile: disk.open, clock: { nowMs: () => nowMs } });
    await log.append([intentLeaf(0)]);
    disk.writeError = systemError("ENOSPC");
    await expect(log.append([intentLeaf(1)])).rejects.toMatchObject({ code: "ledger.full" });
    expect(log.condition().state).toBe("full");
    expect(await readdir(folder.dir)).not.toContain(ballastFile);
    disk.writeError = undefined;
    expect(await log.append([outcomeLeaf(0)])).toBe(1);
    await expect(log.append([intentLeaf(2)])).rejects.toMatchObject({ code: "ledger.full" });
    nowMs += 1_000;
    expect(await log.append([intentLeaf(3)])).toBe(2);
    expect(log.condition()).toEqual({ state: "open" });
    expect(await readdir(folder.dir)).toContain(ballastFile);
  });

  it("full: opens again when there is room although the clock was set back meanwhile", async () => {
    await using folder = await ledgerFolder();
    const disk = failingDisk();
    const clock = steppedClock();
    await using log = await folder.open({ openJournalFile: disk.open, clock });
    disk.writeError = systemError("ENOSPC");
    await expect(log.append([intentLeaf(0)])).rejects.toMatchObject({ code: "ledger.full" });
    disk.writeError = undefined;
    clock.step(-3_600_000);
    clock.pass(1_000);
    expect(await log.append([intentLeaf(1)])).toBe(0);
  });

  it("full: an outcome that shared the failing commit with an intent is made durable from the ballast", async () => {
    await using folder = await ledgerFolder();
    const disk = failingDisk();
    let fail = 1;
    const open: typeof disk.open = async (path) => {
      const file = await disk.open(path);
      return {
        ...file,
        write: (bytes, at) => (fail-- === 0 ? Promise.reject(systemError("ENOSPC")) : file.write(bytes, at)),
      };
    };
    await using log = await folder.open({ openJournalFile: open });
    await log.append([intentLeaf(0)]);
    const [intent, outcome] = await Promise.allSettled([log.append([intentLeaf(1)]), log.append([outcomeLeaf(0)])]);
    expect(intent).toMatchObject({ status: "rejected", reason: { code: "ledger.full" } });
    expect(outcome).toMatchObject({ status: "fulfilled", value: 1 });
  });

  it("takes nothing more after a failed sync until it is opened again", async () => {
    await using folder = await ledgerFolder();
    const disk = failingDisk();
    {
      await using log = await folder.open({ openJournalFile: disk.open });
      await log.append([intentLeaf(0)]);
      disk.syncError = systemError("EIO");
      await expect(log.append([intentLeaf(1)])).rejects.toMatchObject({ code: "ledger.unavailable" });
      disk.syncError = undefined;
      await expect(log.append([intentLeaf(2)])).rejects.toMatchObject({ code: "ledger.unavailable" });
      expect(log.condition().state).toBe("unavailable");
      expect(log.size).toBe(1);
    }
    await using log = await folder.open();
    expect(log.condition()).toEqual({ state: "open" });
    expect(await log.append([intentLeaf(3)])).toBe(1);
  });

  it("takes nothing more when a half-written frame cannot be cut off", async () => {
    await using folder = await ledgerFolder();
    const disk = failingDisk();
    {
      await using log = await folder.open({ openJournalFile: disk.open });
      await log.append([intentLeaf(0)]);
      disk.writeError = systemError("EIO");
      disk.truncateError = systemError("EIO");
      await expect(log.append([intentLeaf(1)])).rejects.toMatchObject({ code: "ledger.unavailable" });
      disk.writeError = undefined;
      await expect(log.append([intentLeaf(2)])).rejects.toMatchObject({ code: "ledger.unavailable" });
    }
    await using log = await folder.open();
    expect(log.size).toBe(1);
    expect(await log.append([intentLeaf(3)])).toBe(1);
  });
});
