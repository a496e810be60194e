// What every driver of the blob port must do, whatever it keeps the bytes on.
import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Blobs, ByteRange, StoredBlob } from "../../src/depository/blobs/blobs.ts";
import { digestOf } from "../../src/kernel/hash.ts";
import { maxPackedBlobBytes } from "../../src/kernel/limits.ts";
import { inPieces } from "../support/gateway/pieces.ts";

/** One medium under test, which outlives the stores opened on it. */
export interface BlobMedium extends AsyncDisposable {
  /** Opens a store on the medium; the suite disposes it before it opens the next. */
  open(): Promise<Blobs>;
  /** How many unfinished or unreferenced pieces lie on the medium, such as temporary files; 0 when nothing is in flight. */
  strays(): Promise<number>;
  /** Changes one byte of a stored blob behind the store's back. */
  corrupt(product: string, stored: StoredBlob): Promise<void>;
  /** Removes a stored blob behind the store's back. */
  remove(product: string, stored: StoredBlob): Promise<void>;
}

const product = "AI_ASSISTANT";
const unlimited = 1024 * maxPackedBlobBytes;

/** Puts bytes under usual conditions. */
export function putBytes(blobs: Blobs, bytes: Uint8Array, into = product, pieceBytes = 64 * 1024): Promise<StoredBlob> {
  const signal = new AbortController().signal;
  return blobs.put({ product: into, body: inPieces(bytes, pieceBytes), maxBytes: unlimited, signal });
}

/** Everything a read gives, as one buffer. */
export async function readBytes(blobs: Blobs, stored: StoredBlob, from = product, range?: ByteRange): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await blobs.read(from, stored, range)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The edges of the packed size, and some sizes around pieces and buffers. */
const sizes = [
  0,
  1,
  4096,
  65_537,
  262_145,
  maxPackedBlobBytes - 1,
  maxPackedBlobBytes,
  maxPackedBlobBytes + 1,
  3_333_333,
];

/** Runs the contract of the blob port against a driver. */
export function describeBlobs(name: string, openMedium: () => Promise<BlobMedium>): void {
  describe(`${name} keeps the contract of the blob port`, () => {
    let medium: BlobMedium;
    let blobs: Blobs;
    beforeAll(async () => {
      medium = await openMedium();
      blobs = await medium.open();
    });
    afterAll(async () => {
      await blobs[Symbol.asyncDispose]();
      await medium[Symbol.asyncDispose]();
    });
    const using = () => ({ blobs, medium });

    describe("storing and reading", () => describeStoring(using));
    describe("refusing", () => describeRefusing(using));
    describe("damage", () => describeDamage(using));

    it("finds everything again after it was closed and opened", async () => {
      const contents = [Buffer.alloc(0), randomBytes(5000), randomBytes(maxPackedBlobBytes + 5)];
      const stored = await Promise.all(contents.map((bytes) => putBytes(blobs, bytes)));
      await blobs[Symbol.asyncDispose]();
      blobs = await medium.open();
      for (const [i, bytes] of contents.entries()) expect(await readBytes(blobs, stored[i]!)).toEqual(bytes);
      const later = await putBytes(blobs, contents[1]!);
      expect(await readBytes(blobs, later)).toEqual(contents[1]);
    });

    it("refuses a put after it was closed", async () => {
      await blobs[Symbol.asyncDispose]();
      await expect(putBytes(blobs, randomBytes(10))).rejects.toMatchObject({ code: "content.storage_failed" });
      blobs = await medium.open();
    });
  });
}

type Using = () => { readonly blobs: Blobs; readonly medium: BlobMedium };

function describeStoring(using: Using): void {
  it.each(sizes)("gives back %i bytes as they were put", async (size) => {
    const { blobs } = using();
    const bytes = randomBytes(size);
    const stored = await putBytes(blobs, bytes);
    expect(stored).toMatchObject({ digest: digestOf(bytes), sizeBytes: size });
    expect((await readBytes(blobs, stored)).equals(bytes)).toBe(true);
    expect(await blobs.check(product, stored)).toEqual({ ok: true });
  });

  it.each([5000, 700_000, maxPackedBlobBytes + 4321])("serves ranges of a blob of %i bytes", async (size) => {
    const { blobs } = using();
    const bytes = randomBytes(size);
    const stored = await putBytes(blobs, bytes);
    const ends = [0, 1, 111, 112, Math.floor(size / 2), size - 2, size - 1];
    for (const first of ends) {
      for (const last of ends.filter((end) => end >= first)) {
        const part = await readBytes(blobs, stored, product, { first, last });
        expect(part.equals(bytes.subarray(first, last + 1)), `${first}-${last}`).toBe(true);
      }
    }
  });

  it("keeps any size in any pieces, even from a source that reuses its buffer", async () => {
    const { blobs } = using();
    const size = fc.oneof(fc.nat(20_000), fc.integer({ min: maxPackedBlobBytes - 3, max: maxPackedBlobBytes + 3 }));
    await fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 1, max: 300_000 }), fc.nat(255), async (sizeBytes, piece, seed) => {
        const bytes = Buffer.alloc(sizeBytes, Buffer.from([seed, sizeBytes & 255, 7, 99, 3]));
        const pieceBytes = sizeBytes > 20_000 ? Math.max(piece, 10_000) : piece;
        const reused = Buffer.alloc(pieceBytes);
        const body = (async function* () {
          for await (const part of inPieces(bytes, pieceBytes)) {
            reused.set(part);
            yield reused.subarray(0, part.length);
            reused.fill(0xff);
          }
        })();
        const signal = new AbortController().signal;
        const stored = await blobs.put({ product, body, maxBytes: sizeBytes, signal });
        expect(stored).toMatchObject({ digest: digestOf(bytes), sizeBytes });
        expect((await readBytes(blobs, stored)).equals(bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("takes 100 puts at once and confuses none of them", async () => {
    const { blobs } = using();
    const contents = Array.from({ length: 100 }, (_, i) => randomBytes(i % 10 === 9 ? maxPackedBlobBytes + i : 37 * i));
    const stored = await Promise.all(contents.map((bytes) => putBytes(blobs, bytes)));
    expect(new Set(stored.map((blob) => `${blob.location} ${blob.digest}`)).size).toBe(100);
    for (const [i, bytes] of contents.entries()) {
      expect((await readBytes(blobs, stored[i]!)).equals(bytes), `blob ${i}`).toBe(true);
    }
  });

  it.each([100, maxPackedBlobBytes + 100])("takes the same %i bytes twice, also at once", async (size) => {
    const { blobs, medium } = using();
    const bytes = randomBytes(size);
    const stored = await Promise.all([putBytes(blobs, bytes), putBytes(blobs, bytes), putBytes(blobs, bytes)]);
    for (const blob of stored) expect((await readBytes(blobs, blob)).equals(bytes)).toBe(true);
    expect(await medium.strays()).toBe(0);
  });

  it.each([100, maxPackedBlobBytes + 100])("hides %i bytes of one product from another", async (size) => {
    const { blobs } = using();
    const bytes = randomBytes(size);
    const stored = await putBytes(blobs, bytes, "GURUKUL");
    await expect(readBytes(blobs, stored, "ENFORCEMENT")).rejects.toMatchObject({ code: "content.missing" });
    expect(await blobs.check("ENFORCEMENT", stored)).toEqual({ ok: false, reason: "missing" });
    const own = await putBytes(blobs, bytes, "ENFORCEMENT");
    expect((await readBytes(blobs, own, "ENFORCEMENT")).equals(bytes)).toBe(true);
    expect((await readBytes(blobs, stored, "GURUKUL")).equals(bytes)).toBe(true);
  });

  it("removes what has a file of its own and was not put again, and nothing else", async () => {
    const { blobs } = using();
    const [small, large] = [randomBytes(1000), randomBytes(maxPackedBlobBytes + 1)];
    const [packed, own] = [await putBytes(blobs, small), await putBytes(blobs, large)];
    expect(own.location).toBe(blobs.fileLocation);
    const later = Date.now() + 3_600_000;
    expect(await blobs.remove(product, packed, later)).toBe(false);
    expect(await blobs.remove(product, own, Date.now() - 3_600_000)).toBe(false);
    for (const stored of [packed, own]) expect(await blobs.check(product, stored)).toEqual({ ok: true });
    expect(await blobs.remove("GURUKUL", own, later)).toBe(true);
    expect(await blobs.check(product, own)).toEqual({ ok: true });
    for (let i = 0; i < 2; i++) expect(await blobs.remove(product, own, later)).toBe(true);
    expect(await blobs.check(product, own)).toEqual({ ok: false, reason: "missing" });
    expect(await blobs.check(product, await putBytes(blobs, large))).toEqual({ ok: true });
  });

  it("tells how much room is left, or that it cannot", async () => {
    const free = await using().blobs.freeBytes();
    expect(free === undefined || (Number.isSafeInteger(free) && free > 0)).toBe(true);
  });
}

function describeRefusing(using: Using): void {
  const bodies = [
    ["a small body", 1000],
    ["a large body", maxPackedBlobBytes + 70_000],
  ] as const;

  it.each(bodies)("keeps nothing of %s whose digest was declared wrongly", async (_name, size) => {
    const { blobs, medium } = using();
    const bytes = randomBytes(size);
    const signal = new AbortController().signal;
    const put = (expectedDigest: `sha256:${string}`) =>
      blobs.put({ product, body: inPieces(bytes, 30_000), maxBytes: unlimited, expectedDigest, signal });
    await expect(put(digestOf("other"))).rejects.toMatchObject({ code: "content.digest_mismatch" });
    expect(await medium.strays()).toBe(0);
    const absent = { digest: digestOf(bytes), sizeBytes: size, location: "file" };
    expect(await blobs.check(product, absent)).toEqual({ ok: false, reason: "missing" });
    expect((await put(digestOf(bytes))).sizeBytes).toBe(size);
  });

  it.each(bodies)(
    "keeps nothing of %s that is one byte too long, and takes one that fits exactly",
    async (_name, size) => {
      const { blobs, medium } = using();
      const bytes = randomBytes(size);
      const signal = new AbortController().signal;
      const put = (maxBytes: number) => blobs.put({ product, body: inPieces(bytes, 30_000), maxBytes, signal });
      await expect(put(size - 1)).rejects.toMatchObject({ code: "content.too_large" });
      expect(await medium.strays()).toBe(0);
      expect((await put(size)).sizeBytes).toBe(size);
    },
  );

  it.each(bodies)("keeps nothing of %s that was aborted while its source hung", async (_name, size) => {
    const { blobs, medium } = using();
    const abort = new AbortController();
    let asked: () => void = () => {};
    const hanging = new Promise<void>((resolve) => (asked = resolve));
    const body = (async function* () {
      yield randomBytes(size);
      asked();
      await new Promise(() => {});
    })();
    const put = blobs.put({ product, body, maxBytes: unlimited, signal: abort.signal });
    await hanging;
    abort.abort();
    await expect(put).rejects.toMatchObject({ code: "content.aborted" });
    expect(await medium.strays()).toBe(0);
  });

  it("does not begin a put that was aborted before", async () => {
    const { blobs } = using();
    const put = blobs.put({ product, body: inPieces(randomBytes(9), 9), maxBytes: 9, signal: AbortSignal.abort() });
    await expect(put).rejects.toMatchObject({ code: "content.aborted" });
  });

  it.each(bodies)("keeps nothing of %s whose source failed, and lets the source go", async (_name, size) => {
    const { blobs, medium } = using();
    let released = false;
    const failing = (async function* () {
      yield randomBytes(size);
      throw new Error("connection reset");
    })();
    const tooLong = (async function* () {
      try {
        for (;;) yield randomBytes(size);
      } finally {
        released = true;
      }
    })();
    const signal = new AbortController().signal;
    const put = (body: AsyncIterable<Uint8Array>) => blobs.put({ product, body, maxBytes: 2 * size, signal });
    await expect(put(failing)).rejects.toMatchObject({ code: "content.aborted" });
    await expect(put(tooLong)).rejects.toMatchObject({ code: "content.too_large" });
    expect(released).toBe(true);
    expect(await medium.strays()).toBe(0);
  });

  it.each(["", "lower", "../UP", "A/B", "A.B", "1A", "A".repeat(65), "A\0", "A\n"])(
    "refuses the product name %j",
    async (name) => {
      const { blobs } = using();
      const stored = { digest: digestOf(""), sizeBytes: 0, location: "file" };
      await expect(putBytes(blobs, randomBytes(5), name)).rejects.toMatchObject({ code: "content.product_name" });
      await expect(blobs.read(name, stored)).rejects.toMatchObject({ code: "content.product_name" });
      await expect(blobs.check(name, stored)).rejects.toMatchObject({ code: "content.product_name" });
    },
  );

  it.each(["", "file", "pack:9999:0:4", "pack:1:999999999:4", "pack:-1:0:4", "../../etc/passwd"])(
    "answers missing or corrupt for the invented location %j",
    async (location) => {
      const { blobs } = using();
      const stored = { digest: digestOf("never stored"), sizeBytes: 4, location };
      const code = await readBytes(blobs, stored).then(
        () => "served",
        (error: { code: string }) => error.code,
      );
      expect(["content.missing", "content.corrupt"]).toContain(code);
      expect((await blobs.check(product, stored)).ok).toBe(false);
    },
  );
}

function describeDamage(using: Using): void {
  it.each([5000, 700_000, maxPackedBlobBytes + 700_000])(
    "finds one changed byte among %i and does not serve it whole",
    async (size) => {
      const { blobs, medium } = using();
      const stored = await putBytes(blobs, randomBytes(size));
      await medium.corrupt(product, stored);
      expect(await blobs.check(product, stored)).toEqual({ ok: false, reason: "corrupt" });
      await expect(readBytes(blobs, stored)).rejects.toMatchObject({ code: "content.corrupt" });
    },
  );

  it.each([5000, 700_000])("serves no part of %i bytes, of which one has changed, that are packed", async (size) => {
    const { blobs, medium } = using();
    const stored = await putBytes(blobs, randomBytes(size));
    expect(await readBytes(blobs, stored, product, { first: 0, last: 9 })).toHaveLength(10);
    await medium.corrupt(product, stored);
    for (const range of [
      { first: 0, last: 9 },
      { first: size - 10, last: size - 1 },
    ]) {
      await expect(blobs.read(product, stored, range)).rejects.toMatchObject({ code: "content.corrupt" });
    }
  });

  it("answers missing for bytes that are gone", async () => {
    const { blobs, medium } = using();
    const stored = await putBytes(blobs, randomBytes(maxPackedBlobBytes + 9));
    await medium.remove(product, stored);
    await expect(blobs.read(product, stored)).rejects.toMatchObject({ code: "content.missing" });
    expect(await blobs.check(product, stored)).toEqual({ ok: false, reason: "missing" });
  });
}
