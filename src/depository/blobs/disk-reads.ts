// Reading a disk store: finding a blob, streaming it, and comparing it with its name.
//
// 1. Another product's blob, or a location that names something else, reads as missing.
// 2. Full reads are hashed while they stream, and the last chunk is withheld when the hash is wrong. A packed blob is
//    hashed before a part of it is sent; parts of a large one are sent as they lie on the disk.
// 3. No file stays open when a stream is dropped, because a stream opens its file when it is first pulled.
import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { isDigest, runningHash, sha256Hex } from "../../kernel/hash.ts";
import type { Digest } from "../../kernel/hash.ts";
import type { BlobCheck, BlobLocation, ByteRange, StoredBlob } from "./blobs.ts";
import { Flaw, flawOf, readChunkBytes, readFault, readFully, readStream } from "./disk-files.ts";
import { objectPath } from "./disk-objects.ts";
import { segmentPath } from "./disk-segments.ts";
import { decodeHeader, packAddress, recordHeaderBytes } from "./pack-record.ts";

/** Where a large blob lies: under its product and digest, so that the location need not say more. */
export const fileLocation: BlobLocation = "file";

/** The folders of a store that are read. */
export interface ReadFolders {
  readonly packs: string;
  readonly objects: string;
}

/** Where a blob's bytes begin in which file, once that file was found to be the right one. */
interface Place {
  readonly path: string;
  readonly start: number;
}

/**
 * Streams a blob or a range of it; a packed blob is verified before the first byte of a range, a small one always.
 * @throws Fault `content.missing`, `content.corrupt` or `content.storage_failed`, from here or from the stream.
 */
export async function readBlob(
  folders: ReadFolders,
  product: string,
  stored: StoredBlob,
  range?: ByteRange,
): Promise<AsyncIterable<Uint8Array>> {
  const first = range?.first ?? 0;
  const length = (range?.last ?? stored.sizeBytes - 1) - first + 1;
  const whole = length === stored.sizeBytes;
  try {
    const packed = packAddress(stored.location) !== undefined;
    if (packed && stored.sizeBytes <= readChunkBytes) {
      const content = await readPacked(folders, product, stored);
      return once(content.subarray(first, first + length));
    }
    const place = await findBlob(folders, product, stored);
    // Read twice rather than held, so that hundreds of slow readers of parts hold one chunk each.
    if (packed && !whole && (await digestAt(place, stored)) !== stored.digest) throw new Flaw("corrupt");
    const chunks = chunksOf(place.path, place.start + first, length);
    return asFaults(whole ? verified(chunks, stored) : chunks);
  } catch (error) {
    throw readFault(error);
  }
}

/** Reads a blob again from the medium and compares it with its name. */
export async function checkBlob(folders: ReadFolders, product: string, stored: StoredBlob): Promise<BlobCheck> {
  try {
    const place = await findBlob(folders, product, stored);
    return (await digestAt(place, stored)) === stored.digest ? { ok: true } : { ok: false, reason: "corrupt" };
  } catch (error) {
    const reason = flawOf(error);
    if (reason) return { ok: false, reason };
    throw readFault(error);
  }
}

/** The place of a blob's bytes, after its record or file was found to be this product's and of the right length. */
async function findBlob(folders: ReadFolders, product: string, stored: StoredBlob): Promise<Place> {
  const address = packAddress(stored.location);
  if (address) {
    const path = segmentPath(folders.packs, address.segment);
    await withFile(path, async (handle) => {
      checkRecord(await readFully(handle, address.offset, recordHeaderBytes), product, stored);
      const { size } = await handle.stat();
      if (size < address.offset + recordHeaderBytes + stored.sizeBytes) throw new Flaw("truncated");
    });
    return { path, start: address.offset + recordHeaderBytes };
  }
  if (stored.location !== fileLocation || !isDigest(stored.digest)) throw new Flaw("missing");
  const path = objectPath(folders.objects, product, stored.digest);
  const { size } = await stat(path);
  if (size !== stored.sizeBytes) throw new Flaw(size < stored.sizeBytes ? "truncated" : "corrupt");
  return { path, start: 0 };
}

/** The digest of what lies at a place now. */
async function digestAt({ path, start }: Place, { sizeBytes }: StoredBlob): Promise<Digest> {
  const hash = runningHash();
  for await (const chunk of chunksOf(path, start, sizeBytes)) hash.update(chunk);
  return hash.digest();
}

/** A small packed blob with its header in one read. */
async function readPacked(folders: ReadFolders, product: string, stored: StoredBlob): Promise<Buffer> {
  const address = packAddress(stored.location);
  if (!address) throw new Flaw("missing");
  const record = await withFile(segmentPath(folders.packs, address.segment), (handle) =>
    readFully(handle, address.offset, recordHeaderBytes + stored.sizeBytes),
  );
  checkRecord(record, product, stored);
  const content = record.subarray(recordHeaderBytes);
  if (content.length < stored.sizeBytes) throw new Flaw("truncated");
  if (`sha256:${sha256Hex(content)}` !== stored.digest) throw new Flaw("corrupt");
  return content;
}

/** A header that is whole but tells of another blob means that this location never held ours. */
function checkRecord(record: Buffer, product: string, stored: StoredBlob): void {
  if (record.length < recordHeaderBytes) throw new Flaw("truncated");
  const header = decodeHeader(record);
  if (!header) throw new Flaw("corrupt");
  const ours = header.product === product && header.digest === stored.digest && header.sizeBytes === stored.sizeBytes;
  if (!ours) throw new Flaw("missing");
}

async function withFile<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, "r");
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function* chunksOf(path: string, start: number, length: number): AsyncGenerator<Buffer> {
  const handle = await open(path, "r");
  try {
    yield* readStream(handle, start, length);
  } finally {
    await handle.close();
  }
}

async function* verified(chunks: AsyncIterable<Buffer>, stored: StoredBlob): AsyncGenerator<Buffer> {
  const hash = runningHash();
  let seen = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    seen += chunk.length;
    if (seen === stored.sizeBytes && hash.digest() !== stored.digest) throw new Flaw("corrupt");
    yield chunk;
  }
}

async function* asFaults(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw readFault(error);
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  if (bytes.length > 0) yield bytes;
}
