// The journal: append-only segments that hold every commit which is not yet published as tiles.
//
// 1. `append` resolves only when the frame is on disk; when the write fails, the segment is cut back to its last whole frame.
// 2. After a failed sync the journal takes nothing more: what the disk holds is unknown until it is opened and read again.
// 3. Nothing is written when the folder has been taken over by another process.
// 4. Segments follow each other without a gap and are named by the index of their first entry.
import { writeSync } from "node:fs";
import { mkdir, open, readFile, readdir, rm, truncate } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { privateFileMode, privateFolderMode } from "../../kernel/file-modes.ts";
import { isNoSpace, syncFolder } from "../../durable-files/index.ts";

/** An open file of the journal, as small as it can be, so that tests can put a failing disk below it. */
export interface JournalFile {
  write(bytes: Uint8Array, position: number): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens a segment, making it when it is not there. */
export type OpenJournalFile = (path: string) => Promise<JournalFile>;

/** A commit that the journal did not take. `sticky` failures last until the ledger is opened again. */
export class JournalError extends Error {
  override readonly name = "JournalError";
  readonly noSpace: boolean;
  readonly sticky: boolean;

  constructor(cause: unknown, sticky: boolean) {
    super("the journal could not be written", { cause });
    this.noSpace = isNoSpace(cause) && !sticky;
    this.sticky = sticky;
  }
}

/** A segment on disk. */
export interface Segment {
  /** Index of its first entry. */
  readonly first: number;
  readonly path: string;
}

const segmentName = /^(\d{16})[.]frames$/;

/** The folder of a ledger's journal. */
export function journalFolder(dir: string): string {
  return join(dir, "journal");
}

/** The segments of a ledger, oldest first. */
export async function journalSegments(dir: string): Promise<Segment[]> {
  const folder = journalFolder(dir);
  const names = await readdir(folder).catch(() => []);
  const segments = names.flatMap((name) => {
    const first = segmentName.exec(name)?.[1];
    return first === undefined ? [] : [{ first: Number(first), path: join(folder, name) }];
  });
  return segments.sort((left, right) => left.first - right.first);
}

/** The bytes of a segment. */
export async function readSegment(segment: Segment): Promise<Buffer> {
  return readFile(segment.path);
}

/** What a journal is continued with. */
export interface JournalOptions {
  readonly dir: string;
  /** Asked before anything is written; a journal that is no longer ours takes nothing more. */
  readonly isOwner: () => boolean;
  readonly openFile?: OpenJournalFile | undefined;
}

/** The growing end of the journal. */
export class Journal {
  readonly #dir: string;
  readonly #openFile: OpenJournalFile;
  readonly #segments: Segment[];
  readonly #isOwner: () => boolean;
  #file: JournalFile;
  #length: number;
  #broken: JournalError | undefined;

  private constructor(options: JournalOptions, segments: Segment[], file: JournalFile, length: number) {
    this.#dir = options.dir;
    this.#openFile = options.openFile ?? openOnDisk;
    this.#isOwner = options.isOwner;
    this.#segments = segments;
    this.#file = file;
    this.#length = length;
  }

  /** Continues the last of these segments after `length` whole bytes, dropping a torn frame behind them. */
  static async continue(options: JournalOptions, segments: Segment[], length: number): Promise<Journal> {
    const last = segments.at(-1);
    if (last === undefined) throw new Error("a journal has at least one segment");
    await truncate(last.path, length);
    const file = await (options.openFile ?? openOnDisk)(last.path);
    await file.sync();
    return new Journal(options, segments, file, length);
  }

  /** Makes the first segment of a journal. */
  static async begin(dir: string, first: number): Promise<void> {
    await mkdir(journalFolder(dir), { recursive: true, mode: privateFolderMode });
    const { file } = await makeSegment(dir, first, openOnDisk);
    await file.close();
    await syncFolder(dir);
  }

  /** Makes one frame durable. Rejects with a `JournalError`. */
  async append(frame: Uint8Array): Promise<void> {
    this.#refuseUnlessOurs();
    try {
      await this.#file.write(frame, this.#length);
    } catch (error) {
      throw await this.#cutBack(error);
    }
    try {
      await this.#file.sync();
    } catch (error) {
      await this.#file.truncate(this.#length).catch(() => {});
      this.#broken = new JournalError(error, true);
      throw this.#broken;
    }
    this.#length += frame.length;
  }

  /** Starts a new segment for entries from `first` on, unless the present one is still empty. */
  async rotate(first: number): Promise<void> {
    this.#refuseUnlessOurs();
    if (this.#length === 0) return;
    const next = await makeSegment(this.#dir, first, this.#openFile);
    await this.#file.close();
    this.#file = next.file;
    this.#segments.push(next.segment);
    this.#length = 0;
  }

  /** Removes the segments whose entries all lie before `published`. */
  async drop(published: number): Promise<void> {
    for (let next = this.#segments[1]; next !== undefined && next.first <= published; next = this.#segments[1]) {
      const old = this.#segments.shift();
      if (old !== undefined) await rm(old.path, { force: true });
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #refuseUnlessOurs(): void {
    if (this.#broken === undefined && !this.#isOwner()) {
      this.#broken = new JournalError(new Error("another process has taken the ledger's folder over"), true);
    }
    if (this.#broken !== undefined) throw this.#broken;
  }

  async #cutBack(cause: unknown): Promise<JournalError> {
    try {
      await this.#file.truncate(this.#length);
      return new JournalError(cause, false);
    } catch {
      this.#broken = new JournalError(cause, true);
      return this.#broken;
    }
  }
}

async function makeSegment(dir: string, first: number, openFile: OpenJournalFile) {
  const path = join(journalFolder(dir), `${String(first).padStart(16, "0")}.frames`);
  const file = await openFile(path);
  try {
    await syncFolder(journalFolder(dir));
  } catch (error) {
    await file.close();
    throw error;
  }
  return { file, segment: { first, path } };
}

/** Opens a segment on the real disk. */
export async function openOnDisk(path: string): Promise<JournalFile> {
  const handle = await open(path, "a", privateFileMode);
  await handle.close();
  return diskFile(await open(path, "r+"));
}

/**
 * Largest frame that is handed to the system on the event loop's own thread, bytes: it is copied into memory in microseconds,
 * while a hop to another thread and back takes some hundred. What waits for the disk is the sync, which has a thread.
 */
const maxCopiedBytes = 64 * 1024;

function diskFile(handle: FileHandle): JournalFile {
  return {
    write: async (bytes, position) => {
      const { length } = bytes;
      for (let written = 0; written < length;) {
        written +=
          length <= maxCopiedBytes
            ? writeSync(handle.fd, bytes, written, length - written, position + written)
            : (await handle.write(bytes, written, length - written, position + written)).bytesWritten;
      }
    },
    sync: () => handle.datasync(),
    truncate: (length) => handle.truncate(length),
    close: () => handle.close(),
  };
}
