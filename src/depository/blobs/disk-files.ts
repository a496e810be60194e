// The few file-system moves that both disk stores share, and how the medium's failures become faults.
import type { FileHandle } from "node:fs/promises";
import { isNoSpace, systemCode } from "../../durable-files/index.ts";
import { Fault, faultsOf } from "../../kernel/fault.ts";
import type { BlobCheck } from "./blobs.ts";
import { contentCodes } from "./errors.ts";

const fault = faultsOf(contentCodes);

/** Bytes per read of a stream: large enough to keep the disk busy, small enough that hundreds of slow readers hold little. */
export const readChunkBytes = 64 * 1024;

/** What is wrong with a stored blob; becomes a fault when a reader meets it and a report when a check does. */
export class Flaw extends Error {
  override readonly name = "Flaw";
  readonly reason: NonNullable<BlobCheck["reason"]>;

  constructor(reason: NonNullable<BlobCheck["reason"]>) {
    super(`stored blob is ${reason}`);
    this.reason = reason;
  }
}

/** What the medium reported while writing, as a fault; faults pass unchanged. */
export function writeFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (isNoSpace(error)) return fault("content.storage_full", "The medium has no room for the content.", {}, error);
  return fault("content.storage_failed", "The content store could not complete the operation.", {}, error);
}

/** What the medium reported while reading, as a fault. */
export function readFault(error: unknown): Fault {
  const flaw = flawOf(error);
  if (flaw === "missing") return fault("content.missing", "The content is not in the store.", {}, error);
  if (flaw) return fault("content.corrupt", "The stored content no longer matches its digest or length.", {}, error);
  return writeFault(error);
}

/** The flaw that an error of reading stands for; undefined when the medium itself failed. */
export function flawOf(error: unknown): Flaw["reason"] | undefined {
  if (error instanceof Flaw) return error.reason;
  return systemCode(error) === "ENOENT" ? "missing" : undefined;
}

/** Writes every byte at a position, however the kernel splits the writes. */
export async function writeFully(handle: FileHandle, buffers: readonly Buffer[], position: number): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    rest = without(rest, bytesWritten);
  }
}

function without(buffers: readonly Buffer[], count: number): Buffer[] {
  let skip = count;
  const rest: Buffer[] = [];
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}

/** Reads exactly `length` bytes, or fewer only where the file ends. */
export async function readFully(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  let fill = 0;
  while (fill < length) {
    const { bytesRead } = await handle.read(buffer, fill, length - fill, position + fill);
    if (bytesRead === 0) break;
    fill += bytesRead;
  }
  return buffer.subarray(0, fill);
}

/**
 * Streams `length` bytes, reading one chunk ahead of the consumer.
 * @throws Flaw `truncated` when the file ends early.
 */
export async function* readStream(handle: FileHandle, position: number, length: number): AsyncGenerator<Buffer> {
  let at = 0;
  const next = () => {
    const size = Math.min(readChunkBytes, length - at);
    const chunk = readFully(handle, position + at, size);
    at += size;
    chunk.catch(() => {}); // Awaited below unless the consumer leaves first.
    return { chunk, size };
  };
  let ahead = length > 0 ? next() : undefined;
  while (ahead) {
    const bytes = await ahead.chunk;
    if (bytes.length < ahead.size) throw new Flaw("truncated");
    ahead = at < length ? next() : undefined;
    yield bytes;
  }
}
