// Pack segments on disk: many small blobs in few files, one write and one fdatasync for everyone who waits.
//
// 1. `append` resolves only after the record's bytes were synced.
// 2. Acknowledged bytes are never overwritten or cut: a segment only grows, and what looks wrong is left as it is.
// 3. A segment whose sync failed is never written again, because a second fdatasync may report a success that did not
//    happen (the kernel marks failed pages clean); the next record opens a new segment.
import { open, readdir } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../durable-files/index.ts";
import type { Log } from "../../kernel/ctx.ts";
import { faultsOf } from "../../kernel/fault.ts";
import { privateFileMode } from "../../kernel/file-modes.ts";
import type { Fault } from "../../kernel/fault.ts";
import { GroupCommit } from "../../kernel/group-commit.ts";
import type { CommitLine, Pending } from "../../kernel/group-commit.ts";
import { endOf } from "../../kernel/credential.ts";
import { writeFault, readChunkBytes, readFully, writeFully } from "./disk-files.ts";
import { contentCodes } from "./errors.ts";
import { decodeHeader, encodeHeader, recordHeaderBytes } from "./pack-record.ts";
import type { PackAddress, RecordHeader } from "./pack-record.ts";

const fault = faultsOf(contentCodes);

/** Most bytes in one group commit; bounds how long the first waiter waits for the last. */
const maxBatchBytes = 8 * 1024 * 1024;

/** Most records in one group commit: two buffers each stay within one writev of Linux (IOV_MAX 1024). */
const maxBatchRecords = 512;

/** Largest last segment that is scanned at open in order to go on in it; a larger one is closed and the next begun. */
const maxResumeBytes = 64 * 1024 * 1024;

/** One record that waits to become durable. */
interface PackRecord {
  readonly header: Buffer;
  readonly content: Buffer;
  readonly signal: AbortSignal;
}

/** The segment being written. */
interface Tail {
  readonly number: number;
  readonly handle: FileHandle;
  position: number;
}

/** The file of a segment. */
export function segmentPath(dir: string, segment: number): string {
  return join(dir, `${String(segment).padStart(8, "0")}.pack`);
}

/** The writer of a folder of pack segments; one per folder and process. */
export class SegmentWriter implements AsyncDisposable {
  readonly #dir: string;
  readonly #segmentBytes: number;
  #lastNumber: number;
  #tail: Tail | undefined;
  readonly #queue = new GroupCommit<PackRecord, PackAddress>({ commit: (line) => this.#commit(takeBatch(line)) });
  #closed = false;

  private constructor(dir: string, segmentBytes: number, lastNumber: number, tail: Tail | undefined) {
    this.#dir = dir;
    this.#segmentBytes = segmentBytes;
    this.#lastNumber = lastNumber;
    this.#tail = tail;
  }

  /** Finds where writing goes on; segments roll at `segmentBytes`. */
  static async open(dir: string, segmentBytes: number, log: Log): Promise<SegmentWriter> {
    const last = Math.max(0, ...(await segmentNumbers(dir)));
    const tail = last === 0 ? undefined : await resumable(dir, last, log);
    return new SegmentWriter(dir, segmentBytes, last, tail);
  }

  /**
   * Appends one blob and resolves when it is durable.
   * @throws Fault `content.storage_full`, `content.storage_failed`, or `content.aborted` when `signal` aborts before the write began.
   */
  append(header: RecordHeader, content: Buffer, signal: AbortSignal): Promise<PackAddress> {
    if (this.#closed) return Promise.reject(fault("content.storage_failed", "The content store is closing."));
    return this.#queue.submit({ header: encodeHeader(header), content, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#queue.drain();
    await this.#tail?.handle.close();
    this.#tail = undefined;
  }

  /** Writes and syncs one batch, then tells everyone in it. */
  async #commit(batch: readonly Pending<PackRecord, PackAddress>[]): Promise<void> {
    if (batch.length === 0) return;
    const buffers = batch.flatMap(({ item }) => [item.header, item.content]);
    const totalBytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    try {
      const tail = await this.#tailFor(totalBytes);
      await this.#writeDurably(tail, buffers);
      let offset = tail.position;
      tail.position += totalBytes;
      for (const { item, resolve } of batch) {
        resolve({ segment: tail.number, offset, sizeBytes: item.content.length });
        offset += recordHeaderBytes + item.content.length;
      }
    } catch (error) {
      throw writeFault(error);
    }
  }

  /** On failure the segment is cut back to its acknowledged length, or abandoned when that or the sync failed. */
  async #writeDurably(tail: Tail, buffers: readonly Buffer[]): Promise<void> {
    let syncing = false;
    try {
      await writeFully(tail.handle, buffers, tail.position);
      syncing = true;
      await tail.handle.datasync();
    } catch (error) {
      const cut = await tail.handle.truncate(tail.position).then(
        () => true,
        () => false,
      );
      if (syncing || !cut) await this.#abandon(tail);
      throw error;
    }
  }

  async #abandon(tail: Tail): Promise<void> {
    this.#tail = undefined;
    await tail.handle.close().catch(() => {});
  }

  /** The segment that takes the next batch, a new one when the current one is full. */
  async #tailFor(bytes: number): Promise<Tail> {
    if (this.#tail && this.#tail.position > 0 && this.#tail.position + bytes > this.#segmentBytes) {
      await this.#abandon(this.#tail);
    }
    this.#tail ??= await this.#newSegment();
    return this.#tail;
  }

  async #newSegment(): Promise<Tail> {
    // The number is spent whether or not the file can be made, so that a stray file never stops the store.
    const number = ++this.#lastNumber;
    const handle = await open(segmentPath(this.#dir, number), "wx", privateFileMode);
    try {
      await syncFolder(this.#dir);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return { number, handle, position: 0 };
  }
}

/** The next records to write together; those whose callers have left are told so and not written. */
function takeBatch(line: CommitLine<PackRecord, PackAddress>): readonly Pending<PackRecord, PackAddress>[] {
  let [bytes, count] = [0, 0];
  const taken = line.takeWhile(({ content }) => {
    bytes += recordHeaderBytes + content.length;
    return bytes <= maxBatchBytes && ++count <= maxBatchRecords;
  });
  return taken.filter(({ item: { signal }, reject }) => {
    if (!signal.aborted) return true;
    const left = (): Fault =>
      fault("content.aborted", "The caller left before the content was written.", {}, signal.reason);
    reject(endOf(signal) ?? left());
    return false;
  });
}

/** Numbers of the segments in a folder, unordered. */
export async function segmentNumbers(dir: string): Promise<number[]> {
  const names = await readdir(dir);
  return names.flatMap((name) => (/^\d{8}\.pack$/.test(name) ? [Number(name.slice(0, 8))] : []));
}

/** One record found by a scan, with where it lies. */
export interface ScannedRecord extends RecordHeader {
  readonly segment: number;
  readonly offset: number;
}

/**
 * Walks a segment's headers from its start and yields every whole record; the return value is the offset of the first
 * byte that belongs to none, which equals the file's length when the segment ends cleanly.
 */
export async function* scanSegment(dir: string, segment: number): AsyncGenerator<ScannedRecord, number> {
  const handle = await open(segmentPath(dir, segment), "r");
  try {
    const { size } = await handle.stat();
    let offset = 0;
    let window: { start: number; bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };
    for (;;) {
      if (offset + recordHeaderBytes > window.start + window.bytes.length) {
        window = { start: offset, bytes: await readFully(handle, offset, readChunkBytes) };
      }
      const header = decodeHeader(window.bytes.subarray(offset - window.start));
      if (!header || offset + recordHeaderBytes + header.sizeBytes > size) return offset;
      yield { segment, offset, ...header };
      offset += recordHeaderBytes + header.sizeBytes;
    }
  } finally {
    await handle.close();
  }
}

/** The last segment, if it is small and ends with a whole record; otherwise it is left untouched. */
async function resumable(dir: string, number: number, log: Log): Promise<Tail | undefined> {
  const handle = await open(segmentPath(dir, number), "r+");
  const { size } = await handle.stat();
  if (size <= maxResumeBytes) {
    const position = await scannedLength(dir, number);
    if (position === size) return { number, handle, position };
    log.warn(
      { segment: number, wholeBytes: position, fileBytes: size },
      "A pack segment does not end with a whole record; it is kept as it is and a new segment is begun.",
    );
  }
  await handle.close();
  return undefined;
}

async function scannedLength(dir: string, number: number): Promise<number> {
  const records = scanSegment(dir, number);
  for (;;) {
    const { done, value } = await records.next();
    if (done) return value;
  }
}
