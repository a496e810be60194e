// Opening a log: lock, key, full check of what is published, replay of the journal. A first opening makes the empty log.
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/ctx.ts";
import type { Meter } from "../../kernel/meter.ts";
import { acceptedFile, readAccepted } from "./accepted.ts";
import { readIfThere, removeTemporary, replaceFile, syncFolder } from "../../durable-files/index.ts";
import { Journal, journalSegments, readSegment } from "./journal.ts";
import type { JournalOptions, OpenJournalFile, Segment } from "./journal.ts";
import { openSigner } from "./keys.ts";
import type { CheckpointSigner } from "./keys.ts";
import { lockFolder } from "./lock.ts";
import type { FolderLock } from "./lock.ts";
import { replayJournal } from "./replay.ts";
import type { Replayed } from "./replay.ts";
import { scanPublished } from "./scan.ts";
import type { ScanProgress } from "./scan.ts";
import { journalledEntries, publishedEntries } from "./tail.ts";
import type { JournalEnd } from "./tail.ts";
import { checkpointCopy, checkpointFile, DiskTree } from "./tree.ts";
import { firstDamage } from "../damage.ts";
import type { Damage } from "../damage.ts";
import type { TreeTail } from "../tree-tail.ts";
import { emptyRoot } from "../merkle.ts";
import { checkpointText } from "../note.ts";

/** What a log is opened with. */
export interface DiskLogOptions {
  /** The log's folder; made when it does not exist. */
  readonly dir: string;
  /** The log's name and its key's name. */
  readonly origin: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Nothing is measured when it is absent. */
  readonly meter?: Meter;
  readonly onProgress?: ScanProgress;
  /** How long to wait for a dying holder of the folder, milliseconds (default 5 000). */
  readonly lockWaitMs?: number;
  /** Entries that others have been told are durable; a log with fewer has lost its end (default 0). */
  readonly knownEntries?: number;
  /** Opens journal files; replaced by tests that need a failing disk. */
  readonly openJournalFile?: OpenJournalFile;
}

/** What a repair opens a log under. */
export interface UnderRepair {
  /** Held already; closing the log releases it. */
  readonly lock: FolderLock;
  /** Whether to open although the end of the log is gone. */
  readonly withoutTail: boolean;
}

/** A log that has been read and checked. */
export interface OpenedParts {
  readonly lock: FolderLock;
  readonly signer: CheckpointSigner;
  readonly tree: DiskTree;
  readonly edge: TreeTail;
  /** Entries that are published. */
  readonly published: number;
  /** The newest checkpoint; the empty text when none could be read. */
  readonly note: string;
  readonly openIntents: readonly number[];
  /** The first damage; undefined for a sound log. */
  readonly damage: Damage | undefined;
  readonly damages: readonly Damage[];
  /** Entries whose loss an operator has accepted. */
  readonly lost: readonly number[];
  /** Where commits go; undefined for a damaged log. */
  readonly journal: Journal | undefined;
  /** How far the journal could be read; undefined when what is published does not fold to its signed root. */
  readonly journalEnd: JournalEnd | undefined;
  /** Whether an entry lies in a damaged part. */
  unreadable(index: number): boolean;
}

/** Locks, reads and checks a log. Rejects with `ledger.locked` or `ledger.key_unusable`. */
export async function openParts(options: DiskLogOptions, repair?: UnderRepair): Promise<OpenedParts> {
  const lock = repair?.lock ?? (await lockFolder(options.dir, options.lockWaitMs));
  try {
    return await openLocked(options, lock, repair?.withoutTail ?? false);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(options: DiskLogOptions, lock: FolderLock, withoutTail: boolean): Promise<OpenedParts> {
  const { dir, origin } = options;
  await removeTemporary(dir);
  const isNew = await hasNoLog(dir);
  const signer = await openSigner(dir, origin, isNew);
  if (isNew) await beginLog(dir, origin, signer);
  const accepted = await readAccepted(dir);
  const { verifier } = signer;
  const published = await scanPublished({ ...options, verifier, accepted });
  const { edge, intents, checkpoint, sound } = published;
  const publishedSize = edge.size;
  const segments = await journalSegments(dir);
  const replayed = sound ? await replayJournal(segments, { edge, intents, verifier }) : undefined;
  const tail = await lostTail(withoutTail ? "accepted" : "refused", options, edge, replayed);
  const damages = tail === undefined ? published.damages : [...published.damages, tail];
  const damage = firstDamage(damages);
  const tree = new DiskTree(dir);
  let journal: Journal | undefined;
  if (damage === undefined && replayed?.last !== undefined) {
    await tree.prepare();
    const journalOptions = { dir, isOwner: () => lock.isHeld(), openFile: options.openJournalFile };
    journal = await tidyJournal(journalOptions, replayed.obsolete, replayed.last, replayed.wholeBytes);
  }
  const damaged = new Set(damages.map(({ index }) => index));
  const unreadable = (index: number): boolean => (sound ? damaged.has(index) : index >= (damage?.index ?? 0));
  const note = replayed?.note ?? checkpoint?.note ?? "";
  const lost = [...accepted.keys()].sort((left, right) => left - right);
  const openIntents = intents.indexes();
  return {
    lock,
    signer,
    tree,
    edge,
    published: publishedSize,
    note,
    openIntents,
    damage,
    damages,
    lost,
    journal,
    journalEnd: replayed,
    unreadable,
  };
}

/** The end of the log, when it cannot be read or others know of more entries than it has. */
async function lostTail(
  loss: "accepted" | "refused",
  { dir, knownEntries = 0 }: DiskLogOptions,
  { size }: TreeTail,
  replayed: Replayed | undefined,
): Promise<Damage | undefined> {
  if (loss === "accepted" && replayed?.damage === undefined) return undefined;
  const stored = replayed === undefined ? 0 : await publishedEntries(dir, size);
  const journalled = replayed?.damage === undefined ? 0 : await journalledEntries(dir);
  const until = Math.max(size, knownEntries, stored, journalled);
  if (replayed?.damage !== undefined) return { ...replayed.damage, until };
  if (until === size) return undefined;
  const witness = knownEntries === until ? "the database knows" : "the folder holds a bundle";
  const mend = replayed === undefined ? "restore" : "tail";
  return { index: size, reason: `${witness} of entry ${until - 1}, and the ledger ends before it`, mend, until };
}

/** Whether a folder has never held a log: a checkpoint is made before anything else, so only an unfinished start lacks it. */
async function hasNoLog(dir: string): Promise<boolean> {
  if ((await readIfThere(join(dir, checkpointFile))) !== undefined) return false;
  const names = await readdir(dir);
  if (names.includes("tile") || names.includes(acceptedFile)) return false;
  for (const segment of await journalSegments(dir)) {
    if (segment.first > 0 || (await readSegment(segment)).length > 0) return false;
  }
  return true;
}

/** Makes the empty log: journal first, then the checkpoint that declares it. The folder's own name is made durable, too. */
async function beginLog(dir: string, origin: string, signer: CheckpointSigner): Promise<void> {
  await syncFolder(dirname(dir));
  await Journal.begin(dir, 0);
  const note = signer.sign(checkpointText({ origin, size: 0, root: emptyRoot() }));
  for (const name of [checkpointFile, checkpointCopy]) await replaceFile(join(dir, name), Buffer.from(note));
}

async function tidyJournal(
  options: JournalOptions,
  obsolete: readonly Segment[],
  last: Segment,
  wholeBytes: number,
): Promise<Journal> {
  for (const segment of obsolete) await rm(segment.path, { force: true });
  const live = (await journalSegments(options.dir)).filter((segment) => segment.first <= last.first);
  return Journal.continue(options, live, wholeBytes);
}
