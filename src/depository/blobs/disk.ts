// The blob port on a local disk.
//
// 1. Blobs of up to `maxPackedBlobBytes` share pack segments and their syncs; a larger one has its own file.
// 2. Nothing is acknowledged before it is durable, and acknowledged bytes are never written again.
// 3. A packed put appends, unless the copy that its caller's records name is there and whole: it is read again before it
//    is relied on, so that storing damaged bytes once more heals them. The same holds for a file, which is replaced.
// 4. Full reads, and ranges of packed blobs, are verified against the digest: a reader never gets the last byte of wrong
//    content.
// 5. One process owns the folder at a time; its caller sees to that.
import { statSync, unlinkSync } from "node:fs";
import { mkdir, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { syncFolder, systemCode } from "../../durable-files/index.ts";
import type { Log } from "../../kernel/ctx.ts";
import { faultsOf } from "../../kernel/fault.ts";
import { privateFolderMode } from "../../kernel/file-modes.ts";
import { digestOf, runningHash } from "../../kernel/hash.ts";
import type { Digest } from "../../kernel/hash.ts";
import { maxPackedBlobBytes, maxSegmentBytes } from "../../kernel/limits.ts";
import type { BlobCheck, Blobs, ByteRange, PutBlob, StoredBlob } from "./blobs.ts";
import { writeFault } from "./disk-files.ts";
import { Directories, objectPath, removeLeftovers, Upload } from "./disk-objects.ts";
import { checkBlob, fileLocation, readBlob } from "./disk-reads.ts";
import { SegmentWriter } from "./disk-segments.ts";
import { contentCodes } from "./errors.ts";
import { gather, openIntake } from "./body-reader.ts";
import type { Gathered, BodyReader } from "./body-reader.ts";
import { packLocation } from "./pack-record.ts";

const fault = faultsOf(contentCodes);

/** How a disk store is opened. */
export interface DiskBlobsOptions {
  /** The store's folder; made when it does not exist. */
  readonly dir: string;
  readonly log: Log;
  /** Bytes at which a pack segment is closed and the next begun; `maxSegmentBytes` unless told. */
  readonly segmentBytes?: number;
}

/** Opens a disk store: makes its folders, removes unfinished uploads, finds the end of the last segment. */
export async function openDiskBlobs(options: DiskBlobsOptions): Promise<Blobs> {
  const dir = resolve(options.dir);
  const folders = { packs: join(dir, "packs"), objects: join(dir, "objects"), tmp: join(dir, "tmp") };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: privateFolderMode });
  await syncFolder(dir);
  await syncFolder(dirname(dir));
  const removed = await removeLeftovers(folders.tmp);
  if (removed > 0) options.log.info({ removed }, "Removed uploads that an earlier process did not finish.");
  const segments = await SegmentWriter.open(folders.packs, options.segmentBytes ?? maxSegmentBytes, options.log);
  return new DiskBlobs(folders, segments);
}

interface Folders {
  readonly packs: string;
  readonly objects: string;
  readonly tmp: string;
}

class DiskBlobs implements Blobs {
  readonly fileLocation = fileLocation;
  /** Paths that a put is about to give a file, and how many do. */
  readonly #naming = new Map<string, number>();
  readonly #folders: Folders;
  readonly #segments: SegmentWriter;
  readonly #directories: Directories;

  constructor(folders: Folders, segments: SegmentWriter) {
    this.#folders = folders;
    this.#segments = segments;
    this.#directories = new Directories(folders.objects);
  }

  async put(blob: PutBlob): Promise<StoredBlob> {
    checkProduct(blob.product);
    const intake = openIntake(blob.body, blob.maxBytes, blob.signal);
    try {
      const gathered = await gather(intake, maxPackedBlobBytes);
      return await (gathered.beyond ? this.#putFile(blob, intake, gathered) : this.#putPacked(blob, gathered.bytes));
    } catch (error) {
      throw writeFault(error);
    } finally {
      intake.close();
    }
  }

  async read(product: string, stored: StoredBlob, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    checkProduct(product);
    return readBlob(this.#folders, product, stored, range);
  }

  async check(product: string, stored: StoredBlob): Promise<BlobCheck> {
    checkProduct(product);
    return checkBlob(this.#folders, product, stored);
  }

  async remove(product: string, stored: StoredBlob, writtenBeforeMs: number): Promise<boolean> {
    checkProduct(product);
    if (stored.location !== fileLocation) return false;
    const path = objectPath(this.#folders.objects, product, stored.digest);
    // In one go: no put of this process gives the path a new file in between.
    if (this.#naming.has(path)) return false;
    try {
      if (statSync(path).mtimeMs >= writtenBeforeMs) return false;
      unlinkSync(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw writeFault(error);
      return true;
    }
    await syncFolder(dirname(path));
    return true;
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folders.packs);
    return bavail * bsize;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#segments[Symbol.asyncDispose]();
  }

  async #putPacked(blob: PutBlob, bytes: Buffer): Promise<StoredBlob> {
    const digest = digestOf(bytes);
    checkDigest(blob, digest);
    const known = await blob.known?.(digest);
    if (known && (await checkBlob(this.#folders, blob.product, known)).ok) return known;
    const header = { product: blob.product, digest, sizeBytes: bytes.length };
    const address = await this.#segments.append(header, bytes, blob.signal);
    return { digest, sizeBytes: bytes.length, location: packLocation(address) };
  }

  async #putFile(blob: PutBlob, intake: BodyReader, gathered: Gathered): Promise<StoredBlob> {
    const upload = await Upload.begin(this.#folders.tmp);
    try {
      const hash = runningHash();
      hash.update(gathered.bytes);
      await upload.write(gathered.bytes);
      for (let piece = gathered.beyond; piece; piece = await intake.next()) {
        hash.update(piece);
        await upload.write(piece);
      }
      const digest = hash.digest();
      checkDigest(blob, digest);
      await this.#name(upload, objectPath(this.#folders.objects, blob.product, digest));
      return { digest, sizeBytes: intake.sizeBytes, location: fileLocation };
    } catch (error) {
      await upload.discard();
      throw error;
    }
  }

  async #name(upload: Upload, path: string): Promise<void> {
    this.#naming.set(path, (this.#naming.get(path) ?? 0) + 1);
    try {
      await upload.commit(path, this.#directories);
    } finally {
      const others = (this.#naming.get(path) ?? 1) - 1;
      if (others > 0) this.#naming.set(path, others);
      else this.#naming.delete(path);
    }
  }
}

/** Names become folders: nothing that could climb out of one, hide, or collide where case is ignored. */
function checkProduct(product: string): void {
  if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(product)) {
    throw fault("content.product_name", "A product is named by 1 to 64 capital letters, digits and underscores.");
  }
}

function checkDigest(blob: PutBlob, digest: Digest): void {
  if (blob.expectedDigest !== undefined && blob.expectedDigest !== digest) {
    throw fault("content.digest_mismatch", `The bytes received hash to ${digest}, not to the declared digest.`, {
      remedy: "Send the bytes that the declared digest belongs to, or declare their own digest.",
    });
  }
}
