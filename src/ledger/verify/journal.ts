// The journal of a ledger that runs or was killed: commits that may not be published as tiles yet, read from the
// layout its writer documents. Segments are named by the index of their first entry and follow each other without a gap;
// a segment is a row of frames, each with a checksum over its header and one over all of it:
//
//   "CLJ1" | first index u64 | entries u32 | bytes of entries u32 | bytes of note u32 | CRC-32 of these 24 bytes u32
//   entries, each led by its uint16 length | checkpoint note | CRC-32 of everything before it u32      (big-endian)
//
// Only the last frame of the last segment may be cut short, or end in zeros to the end of the file as a power cut can
// leave it: that is a commit which was never acknowledged. A whole frame is never zeros from its note's last byte on.
import { open, readdir } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { bundleEntries } from "./bundle.ts";
import { UnreadableError } from "./source.ts";
import { LogFault } from "./fault.ts";

const headBytes = 28;
/** Most bytes of one frame's entries: 4096 entries of the largest size; more is damage, not data. */
const maxEntriesBytes = 4096 * (2 + 65_535);
const maxNoteBytes = 128 * 1024;
/** How often the folder is listed again when a running writer removes a segment meanwhile. */
const maxListings = 5;

/** One commit. */
export interface JournalFrame {
  /** Index of its first entry. */
  readonly first: number;
  readonly entries: readonly Buffer[];
  /** The signed checkpoint of the tree that ends with these entries. */
  readonly note: Buffer;
}

interface OpenSegment {
  readonly first: number;
  readonly file: FileHandle;
  readonly sizeBytes: number;
}

/** The journal as it was when it was opened; a writer may go on meanwhile. */
export class JournalSnapshot implements AsyncDisposable {
  readonly #segments: readonly OpenSegment[];
  #tornBytes = 0;

  constructor(segments: readonly OpenSegment[]) {
    this.#segments = segments;
  }

  /** Index of the first entry that the journal can hold; undefined when there is no journal. */
  get first(): number | undefined {
    return this.#segments[0]?.first;
  }

  /** Bytes after the last whole frame; known when the frames have been read. */
  get tornBytes(): number {
    return this.#tornBytes;
  }

  /** The frames, oldest first. @throws LogFault at the first one that is damaged or out of order, UnreadableError */
  async *frames(): AsyncGenerator<JournalFrame> {
    let next = this.first ?? 0;
    for (const [i, segment] of this.#segments.entries()) {
      if (segment.first !== next) throw new LogFault(next, `the journal lacks the entries before ${segment.first}`);
      let at = 0;
      while (at < segment.sizeBytes) {
        const found = await frameAt(segment, at, next);
        if (found === undefined) {
          if (i < this.#segments.length - 1) throw new LogFault(next, "a frame inside the journal is cut short");
          this.#tornBytes = segment.sizeBytes - at;
          return;
        }
        yield found.frame;
        at = found.end;
        next += found.frame.entries.length;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { file } of this.#segments) await file.close();
  }
}

/** Opens the journal of a folder. Open it before reading the checkpoint: then no published entry can fall between. */
export async function openJournal(folder: string): Promise<JournalSnapshot> {
  for (let listing = 1; ; listing++) {
    const segments = await openSegments(join(folder, "journal"));
    if (segments !== undefined) return new JournalSnapshot(segments);
    if (listing === maxListings) throw new UnreadableError("the journal changes too fast to be read");
  }
}

/** Undefined when a segment went away between listing and opening. @throws UnreadableError */
async function openSegments(folder: string): Promise<OpenSegment[] | undefined> {
  const opened: OpenSegment[] = [];
  try {
    const names = (await readdir(folder)).filter((name) => /^[0-9]{16}[.]frames$/.test(name)).sort();
    for (const name of names) {
      const file = await open(join(folder, name), "r");
      opened.push({ first: Number(name.slice(0, 16)), file, sizeBytes: 0 });
    }
    return await Promise.all(
      opened.map(async (segment) => ({ ...segment, sizeBytes: (await segment.file.stat()).size })),
    );
  } catch (error) {
    for (const { file } of opened) await file.close();
    const { code, syscall } = error as NodeJS.ErrnoException;
    if ((code === "ENOENT" || code === "ENOTDIR") && syscall === "scandir") return [];
    if (code === "ENOENT") return undefined;
    throw new UnreadableError(`the journal cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** The frame at a place; undefined when the segment, or what was written of it, ends inside it. @throws LogFault */
async function frameAt(
  segment: OpenSegment,
  at: number,
  next: number,
): Promise<{ frame: JournalFrame; end: number } | undefined> {
  if (segment.sizeBytes - at < headBytes) return undefined;
  const head = await bytesAt(segment, at, headBytes, next);
  if (head.toString("latin1", 0, 4) !== "CLJ1" || head.readUInt32BE(24) !== crc32(head.subarray(0, 24))) {
    if (await isBlankFrom(segment, at + headBytes, next)) return undefined;
    throw new LogFault(next, "the head of a journal frame is damaged");
  }
  const first = Number(head.readBigUInt64BE(4));
  const [count, entriesBytes, noteBytes] = [head.readUInt32BE(12), head.readUInt32BE(16), head.readUInt32BE(20)];
  if (first !== next || count === 0 || entriesBytes > maxEntriesBytes || noteBytes > maxNoteBytes) {
    throw new LogFault(next, "a journal frame does not continue the one before it");
  }
  const end = at + headBytes + entriesBytes + noteBytes + 4;
  if (end > segment.sizeBytes) return undefined;
  const body = await bytesAt(segment, at + headBytes, entriesBytes + noteBytes + 4, next);
  if (body.readUInt32BE(body.length - 4) !== crc32(body.subarray(0, -4), crc32(head))) {
    if (await isBlankFrom(segment, end - 5, next)) return undefined;
    throw new LogFault(next, "a journal frame is damaged");
  }
  const { entries, trailingBytes } = bundleEntries(body.subarray(0, entriesBytes), count);
  if (entries.length !== count || trailingBytes > 0) throw new LogFault(next, "a journal frame is malformed");
  return { frame: { first, entries, note: body.subarray(entriesBytes, -4) }, end };
}

/** Bytes looked at together for zeros. */
const blankStep = 64 * 1024;

/** Whether a segment holds nothing but zeros from a place on. */
async function isBlankFrom(segment: OpenSegment, from: number, next: number): Promise<boolean> {
  for (let at = from; at < segment.sizeBytes; at += blankStep) {
    const bytes = await bytesAt(segment, at, Math.min(blankStep, segment.sizeBytes - at), next);
    if (bytes.some((byte) => byte !== 0)) return false;
  }
  return true;
}

async function bytesAt({ file }: OpenSegment, at: number, length: number, next: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, at + filled).catch((error: Error) => {
      throw new UnreadableError(`the journal cannot be read: ${error.message}`, { cause: error });
    });
    if (bytesRead === 0) throw new LogFault(next, "the journal became shorter while it was read");
    filled += bytesRead;
  }
  return bytes;
}
