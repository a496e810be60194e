// A folder for one test ledger, leaves to put into it, and a disk that fails when told to.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import { openOnDisk } from "../../../src/ledger/disk/journal.ts";
import type { JournalFile, OpenJournalFile } from "../../../src/ledger/disk/journal.ts";
import { DiskLog } from "../../../src/ledger/disk/log.ts";
import type { DiskLogOptions } from "../../../src/ledger/disk/opening.ts";
import type { Leaf } from "../../../src/ledger/leaf.ts";
import { readLeaf } from "../../../src/ledger/leaf-json.ts";

/** A folder that is removed with all it holds. */
export interface LedgerFolder extends AsyncDisposable {
  readonly dir: string;
  /** Opens the log in the folder. */
  open(options?: Partial<DiskLogOptions>): Promise<DiskLog>;
  /** Fills the log with this many intents in commits of `perCommit` and closes it cleanly. */
  fill(count: number, perCommit?: number): Promise<void>;
  /** Flips the lowest bit of one byte of a file; negative places count from the end. */
  flip(path: string, at: number): Promise<void>;
}

/** Makes an empty folder for a ledger. */
export async function ledgerFolder(): Promise<LedgerFolder> {
  const root = await mkdtemp(join(tmpdir(), "charter-ledger-"));
  const dir = join(root, "ledger");
  const open = (options: Partial<DiskLogOptions> = {}): Promise<DiskLog> =>
    DiskLog.open({
      dir,
      origin: "test.example/ledger",
      clock: systemClock,
      log: silentLog,
      lockWaitMs: 200,
      ...options,
    });
  return {
    dir,
    open,
    fill: async (count, perCommit = 100) => {
      await using log = await open();
      for (let first = 0; first < count; first += perCommit) {
        const size = Math.min(perCommit, count - first);
        await log.append(Array.from({ length: size }, (_, at) => intentLeaf(first + at)));
      }
    },
    flip: async (path, at) => {
      const bytes = await readFile(join(dir, path));
      const place = at < 0 ? bytes.length + at : at;
      bytes[place] = (bytes[place] ?? 0) ^ 1;
      await writeFile(join(dir, path), bytes);
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** An intent leaf that differs from every other number's. */
export function intentLeaf(number: number): Leaf {
  return {
    kind: "intent",
    time: new Date(1_795_000_000_000 + number).toISOString(),
    principal: "key_test",
    principalKind: "product",
    product: number % 2 === 0 ? "AI_ASSISTANT" : "GURUKUL",
    operation: "artifact.create",
    resource: `artifact/${number}`,
    constitutionHash: "0123456789abcdef",
    requestId: `request-${number}`,
  };
}

/** The leaf that an entry's bytes say. */
export function leafIn(bytes: Uint8Array): Leaf {
  return readLeaf(JSON.parse(Buffer.from(bytes).toString()));
}

/** The outcome leaf of an intent. */
export function outcomeLeaf(intent: number): Leaf {
  return { ...intentLeaf(intent), kind: "outcome", outcome: "committed", intent };
}

/** A disk below the journal whose next calls can be made to fail. */
export interface FailingDisk {
  /** What the next writes or syncs fail with; undefined lets them pass. */
  writeError: NodeJS.ErrnoException | undefined;
  syncError: NodeJS.ErrnoException | undefined;
  truncateError: NodeJS.ErrnoException | undefined;
  /** Times that a sync was asked for. */
  syncs: number;
  readonly open: OpenJournalFile;
}

/** The real disk with failures on demand; a failing write leaves half of its bytes, as a full disk does. */
export function failingDisk(): FailingDisk {
  const disk: FailingDisk = {
    writeError: undefined,
    syncError: undefined,
    truncateError: undefined,
    syncs: 0,
    open: async (path) => wrap(await openOnDisk(path)),
  };
  const wrap = (file: JournalFile): JournalFile => ({
    write: async (bytes, position) => {
      if (disk.writeError === undefined) return file.write(bytes, position);
      await file.write(bytes.subarray(0, bytes.length / 2), position);
      throw disk.writeError;
    },
    sync: async () => {
      disk.syncs++;
      if (disk.syncError !== undefined) throw disk.syncError;
      return file.sync();
    },
    truncate: async (length) => {
      if (disk.truncateError !== undefined) throw disk.truncateError;
      return file.truncate(length);
    },
    close: () => file.close(),
  });
  return disk;
}

/** A system error with a code, as the file system throws it. */
export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made by a test`), { code });
}
