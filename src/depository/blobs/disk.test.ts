import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeBlobs, putBytes, readBytes } from "../../../test/contract/blobs.ts";
import type { BlobMedium } from "../../../test/contract/blobs.ts";
import { silentLog } from "../../kernel/ctx.ts";
import { digestOf } from "../../kernel/hash.ts";
import { maxPackedBlobBytes } from "../../kernel/limits.ts";
import { bodyOf } from "../body.ts";
import type { Blobs, StoredBlob } from "./blobs.ts";
import { openDiskBlobs } from "./disk.ts";
import { objectPath } from "./disk-objects.ts";
import { scanSegment, segmentNumbers, segmentPath } from "./disk-segments.ts";
import { packAddress, recordHeaderBytes } from "./pack-record.ts";

const product = "AI_ASSISTANT";

/** The file that holds a blob and where in it the blob begins. */
function whereabouts(dir: string, owner: string, stored: StoredBlob): { path: string; start: number } {
  const address = packAddress(stored.location);
  return address
    ? { path: segmentPath(join(dir, "packs"), address.segment), start: address.offset + recordHeaderBytes }
    : { path: objectPath(join(dir, "objects"), owner, stored.digest), start: 0 };
}

async function flipByte(path: string, offset: number): Promise<void> {
  const handle = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, offset);
  await handle.write(Buffer.from([byte[0]! ^ 1]), 0, 1, offset);
  await handle.close();
}

async function diskMedium(): Promise<BlobMedium> {
  const dir = await mkdtemp(join(tmpdir(), "blobs-"));
  return {
    open: () => openDiskBlobs({ dir, log: silentLog, segmentBytes: 3 * 1024 * 1024 }),
    strays: async () => (await readdir(join(dir, "tmp"))).length,
    corrupt: async (owner, stored) => {
      const { path, start } = whereabouts(dir, owner, stored);
      await flipByte(path, start + stored.sizeBytes - 1);
    },
    remove: (owner, stored) => rm(whereabouts(dir, owner, stored).path),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  };
}

describeBlobs("the disk store", diskMedium);

describe("the disk store", () => {
  let dir: string;
  let packs: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "blobs-"));
    packs = join(dir, "packs");
  });
  afterEach(() => rm(dir, { recursive: true }));
  const openStore = (segmentBytes?: number) =>
    openDiskBlobs({ dir, log: silentLog, ...(segmentBytes === undefined ? {} : { segmentBytes }) });
  const close = (blobs: Blobs) => blobs[Symbol.asyncDispose]();

  it("writes records that can be scanned without any other record", async () => {
    const blobs = await openStore();
    const contents = Array.from({ length: 30 }, (_, i) => randomBytes(i * i * 1000));
    const stored = await Promise.all(contents.map((bytes, i) => putBytes(blobs, bytes, i % 2 ? "GURUKUL" : product)));
    await close(blobs);
    const found = await Array.fromAsync(scanSegment(packs, 1));
    expect(found).toHaveLength(30);
    for (const [i, blob] of stored.entries()) {
      const record = found.find((each) => `pack:1:${each.offset}:${each.sizeBytes}` === blob.location);
      expect(record).toMatchObject({ digest: digestOf(contents[i]!), product: i % 2 ? "GURUKUL" : product });
    }
  });

  it("rolls to a new segment rather than pass the size of one", async () => {
    const blobs = await openStore(10_000);
    const stored = [];
    for (let i = 0; i < 10; i++) stored.push(await putBytes(blobs, randomBytes(3000)));
    await close(blobs);
    expect((await segmentNumbers(packs)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    for (const number of [1, 2, 3, 4])
      expect((await stat(segmentPath(packs, number))).size).toBeLessThanOrEqual(10_000);
    const again = await openStore(10_000);
    for (const blob of stored) expect(await again.check(product, blob)).toEqual({ ok: true });
    await close(again);
  });

  it("goes on in the last segment when it ends with a whole record", async () => {
    for (let i = 0; i < 3; i++) {
      const blobs = await openStore();
      await putBytes(blobs, randomBytes(100));
      await close(blobs);
    }
    expect(await segmentNumbers(packs)).toEqual([1]);
    expect(await Array.fromAsync(scanSegment(packs, 1))).toHaveLength(3);
  });

  it("loses nothing acknowledged to a torn tail and never writes over it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400 }), fc.boolean(), async (count, cut) => {
        await rm(dir, { recursive: true });
        const blobs = await openStore();
        const kept = await Promise.all([10, 0, 5000].map((size) => putBytes(blobs, randomBytes(size))));
        const torn = await putBytes(blobs, randomBytes(300));
        await close(blobs);
        const path = segmentPath(packs, 1);
        const { size } = await stat(path);
        if (cut) await truncate(path, size - count);
        else await appendFile(path, randomBytes(count));
        const before = await readFile(path);
        const again = await openStore();
        const later = await putBytes(again, randomBytes(77));
        for (const blob of [...kept, later]) expect(await again.check(product, blob)).toEqual({ ok: true });
        if (cut) expect((await again.check(product, torn)).ok).toBe(false);
        await close(again);
        expect((await readFile(path)).equals(before)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("keeps the records behind one whose header was damaged", async () => {
    const blobs = await openStore();
    const [first, second] = [await putBytes(blobs, randomBytes(500)), await putBytes(blobs, randomBytes(500))];
    await close(blobs);
    await flipByte(segmentPath(packs, 1), 20);
    const again = await openStore();
    await putBytes(again, randomBytes(500));
    expect(await again.check(product, first)).toEqual({ ok: false, reason: "corrupt" });
    expect(await again.check(product, second)).toEqual({ ok: true });
    await close(again);
  });

  it("removes uploads that an earlier process left unfinished", async () => {
    await mkdir(join(dir, "tmp"), { recursive: true });
    await writeFile(join(dir, "tmp", "left"), "half an upload");
    await close(await openStore());
    expect(await readdir(join(dir, "tmp"))).toEqual([]);
  });

  it("reports a large blob that was cut short as truncated, and heals it when the same bytes come again", async () => {
    const blobs = await openStore();
    const bytes = randomBytes(maxPackedBlobBytes + 1000);
    const stored = await putBytes(blobs, bytes);
    await truncate(whereabouts(dir, product, stored).path, 1000);
    expect(await blobs.check(product, stored)).toEqual({ ok: false, reason: "truncated" });
    await expect(blobs.read(product, stored)).rejects.toMatchObject({ code: "content.corrupt" });
    await putBytes(blobs, bytes);
    expect(await blobs.check(product, stored)).toEqual({ ok: true });
    expect(await readdir(join(dir, "tmp"))).toEqual([]);
    await close(blobs);
  });

  it("heals a large blob with a flipped bit when the same bytes come again", async () => {
    const blobs = await openStore();
    const bytes = randomBytes(maxPackedBlobBytes + 1000);
    const stored = await putBytes(blobs, bytes);
    await flipByte(whereabouts(dir, product, stored).path, 7);
    expect(await blobs.check(product, stored)).toEqual({ ok: false, reason: "corrupt" });
    await putBytes(blobs, bytes);
    expect(await blobs.check(product, stored)).toEqual({ ok: true });
    await close(blobs);
  });

  it("takes the small copy that the caller's records name, and writes another once that one is damaged", async () => {
    const blobs = await openStore();
    const bytes = randomBytes(5000);
    const first = await putBytes(blobs, bytes);
    const again = () =>
      blobs.put({
        product,
        body: bodyOf(bytes),
        maxBytes: bytes.length,
        signal: new AbortController().signal,
        known: async () => first,
      });
    expect(await again()).toEqual(first);
    const { path, start } = whereabouts(dir, product, first);
    await flipByte(path, start + 4999);
    const second = await again();
    expect(second.location).not.toBe(first.location);
    expect(await blobs.check(product, second)).toEqual({ ok: true });
    await close(blobs);
  });

  it("reports a packed blob beyond the end of its segment as truncated", async () => {
    const blobs = await openStore();
    const stored = await putBytes(blobs, randomBytes(5000));
    await truncate(segmentPath(packs, 1), 2000);
    expect(await blobs.check(product, stored)).toEqual({ ok: false, reason: "truncated" });
    await expect(blobs.read(product, stored)).rejects.toMatchObject({ code: "content.corrupt" });
    await close(blobs);
  });

  it("keeps one file for the same large bytes of one product, and one per product", async () => {
    const blobs = await openStore();
    const bytes = randomBytes(maxPackedBlobBytes + 1);
    await putBytes(blobs, bytes);
    await putBytes(blobs, bytes);
    await putBytes(blobs, bytes, "GURUKUL");
    await close(blobs);
    const names = await readdir(join(dir, "objects"), { recursive: true });
    expect(names.filter((name) => name.length > 64)).toHaveLength(2);
  });
});

const canMount = process.platform === "linux" && process.getuid?.() === 0 && mountWorks();

/** Whether this machine lets us mount a small file system, which containers often forbid even to root. */
function mountWorks(): boolean {
  try {
    execFileSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!canMount)("the disk store on a full medium (skipped where no tmpfs can be mounted)", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "blobs-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", dir]);
  });
  afterEach(async () => {
    execFileSync("umount", [dir]);
    await rm(dir, { recursive: true });
  });

  it.each([
    ["small", 200_000],
    ["large", maxPackedBlobBytes + 500_000],
  ])("refuses %s puts with storage_full, loses nothing, and works again when there is room", async (_name, size) => {
    const ballast = join(dir, "ballast");
    await writeFile(ballast, Buffer.alloc(1024 * 1024));
    const blobs = await openDiskBlobs({ dir: join(dir, "store"), log: silentLog });
    const kept: StoredBlob[] = [];
    const codes = new Set<string>();
    for (let i = 0; i < 60 && codes.size === 0; i++) {
      const puts = await Promise.allSettled([putBytes(blobs, randomBytes(size)), putBytes(blobs, randomBytes(size))]);
      for (const put of puts) {
        if (put.status === "fulfilled") kept.push(put.value);
        else codes.add((put.reason as { code: string }).code);
      }
    }
    expect([...codes]).toEqual(["content.storage_full"]);
    expect(kept.length).toBeGreaterThan(1);
    expect(await readdir(join(dir, "store", "tmp"))).toEqual([]);
    for (const blob of kept) expect(await blobs.check(product, blob)).toEqual({ ok: true });
    await rm(ballast);
    const bytes = randomBytes(100_000);
    const later = await putBytes(blobs, bytes);
    expect((await readBytes(blobs, later)).equals(bytes)).toBe(true);
    await blobs[Symbol.asyncDispose]();
    const again = await openDiskBlobs({ dir: join(dir, "store"), log: silentLog });
    for (const blob of [...kept, later]) expect(await again.check(product, blob)).toEqual({ ok: true });
    expect(await segmentNumbers(join(dir, "store", "packs"))).toEqual([1]);
    await again[Symbol.asyncDispose]();
  });
});
