// Reads a whole log back and checks every byte of it: checkpoint signature, entries against leaf hashes, hashes against
// the signed root, then the journal's frames one by one. Damage is named by the first entry it concerns.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { AcceptedLoss } from "./accepted.ts";
import type { Damage } from "../damage.ts";
import { TreeTail } from "../tree-tail.ts";
import { readIfThere, systemCode } from "../../durable-files/index.ts";
import { checkpointCopy, checkpointFile } from "./tree.ts";
import { OpenIntents } from "../intents.ts";
import { hashBytes, leafHash } from "../merkle.ts";
import { openNote, parseCheckpoint } from "../note.ts";
import type { Checkpoint, NoteVerifier } from "../note.ts";
import { salvage } from "../salvage.ts";
import { entryBytes, frameEntry, HashTile, levelCount, splitBundle, tilePath, tileWidth, widthAt } from "../tiles.ts";
import type { TileName } from "../tiles.ts";

/** Told how many of the published entries have been checked. */
export type ScanProgress = (done: number, total: number) => void;

/** A signed checkpoint that was read and checked. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: string;
}

/** What a scan works with. */
export interface ScanOptions {
  readonly dir: string;
  readonly verifier: NoteVerifier;
  readonly accepted: ReadonlyMap<number, AcceptedLoss>;
  readonly onProgress?: ScanProgress;
}

/** The published part of a log as found on disk. */
export interface PublishedState {
  /** Undefined when neither the checkpoint nor its copy verifies. */
  readonly checkpoint: SignedCheckpoint | undefined;
  /** The tree of the published entries. */
  readonly edge: TreeTail;
  readonly intents: OpenIntents;
  readonly damages: readonly Damage[];
  /** Whether the tree folds to the signed root, so that appending may go on once `damages` are mended. */
  readonly sound: boolean;
}

/** Bundles between two pauses that let other work run. */
const bundlesPerTurn = 64;

/** Reads and checks the published part of a log. A lost checkpoint is replaced by its copy, which is signed, too. */
export async function scanPublished(options: ScanOptions): Promise<PublishedState> {
  const { dir, verifier } = options;
  const note = (await readIfThere(join(dir, checkpointFile)))?.toString();
  const checkpoint = checkNote(note ?? "", verifier);
  if (checkpoint !== undefined) return scanSigned(options, checkpoint);
  const reason = note === undefined ? "the checkpoint is missing" : "the checkpoint is not signed by this ledger's key";
  const copy = checkNote((await readIfThere(join(dir, checkpointCopy)))?.toString() ?? "", verifier);
  if (copy === undefined) {
    const damages: Damage[] = [{ index: 0, reason, mend: "restore" }];
    return { checkpoint, edge: new TreeTail(), intents: new OpenIntents(), damages, sound: false };
  }
  const state = await scanSigned(options, copy);
  const mend = state.sound ? "rewrite" : "restore";
  const damage: Damage = { index: 0, reason, mend, path: checkpointFile, bytes: Buffer.from(copy.note) };
  return { ...state, damages: [damage, ...state.damages] };
}

async function scanSigned(options: ScanOptions, checkpoint: SignedCheckpoint): Promise<PublishedState> {
  const first = await scanTrusting("tiles", options, checkpoint);
  if (first.state.sound || !first.guessed) return first.state;
  // Nothing vouched for one side of some disagreement, and taking the hashes' side was wrong: take the entries' side.
  const second = await scanTrusting("entries", options, checkpoint);
  return second.state.sound ? second.state : first.state;
}

/** Which side to take where a bundle and its hashes disagree and nothing else speaks for either. */
type Trust = "tiles" | "entries";

async function scanTrusting(trust: Trust, options: ScanOptions, checkpoint: SignedCheckpoint) {
  const scan = new PublishedScan(trust, options, checkpoint);
  const bundles = Math.ceil(checkpoint.size / tileWidth);
  for (let bundle = 0; bundle < bundles; bundle++) {
    scan.bundle(bundle);
    if (bundle % bundlesPerTurn === 0) {
      options.onProgress?.(Math.min(bundle * tileWidth, checkpoint.size), checkpoint.size);
      await nextTurn();
    }
  }
  options.onProgress?.(checkpoint.size, checkpoint.size);
  return { state: scan.finish(), guessed: scan.guessed };
}

/** Checks a checkpoint note: signature, spelling and origin. */
export function checkNote(note: string, verifier: NoteVerifier): SignedCheckpoint | undefined {
  const text = openNote(note, verifier);
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text);
  return checkpoint?.origin === verifier.name ? { ...checkpoint, note } : undefined;
}

class PublishedScan {
  /** Whether a side was taken that nothing vouched for. */
  guessed = false;
  readonly #trust: Trust;
  readonly #options: ScanOptions;
  readonly #checkpoint: SignedCheckpoint;
  readonly #edge = new TreeTail();
  readonly #intents = new OpenIntents();
  readonly #damages: Damage[] = [];
  /** Hashes of levels 1 and up as they follow from level 0. */
  readonly #upper: Buffer[][] = [];
  #rootsOnDisk: { index: number; tile: Buffer | undefined } = { index: -1, tile: undefined };

  constructor(trust: Trust, options: ScanOptions, checkpoint: SignedCheckpoint) {
    this.#trust = trust;
    this.#options = options;
    this.#checkpoint = checkpoint;
  }

  /** Checks one bundle against its leaf hashes. */
  bundle(index: number): void {
    const width = widthAt("entries", index, this.#checkpoint.size);
    const bytes = this.#read({ level: "entries", index, width });
    const read = this.#read({ level: 0, index, width });
    const tile = read?.length === width * hashBytes ? read : undefined;
    const entries = bytes === undefined ? undefined : splitBundle(bytes, width);
    const hashes = entries?.map((entry) => leafHash(entryBytes(entry)));
    const agree = hashes !== undefined && tile !== undefined && Buffer.concat(hashes).equals(tile);
    if (agree) this.#adopt(index, hashes, entries ?? []);
    else this.#settle({ index, width, bytes, tile, entries, hashes });
  }

  /** Checks the upper tiles and the root. */
  finish(): PublishedState {
    this.#checkUpper();
    const sound = Buffer.compare(this.#edge.frontier.root(), this.#checkpoint.root) === 0;
    const damages = sound ? this.#damages : this.#damages.map((damage) => ({ ...damage, mend: "restore" as const }));
    if (!sound && damages.length === 0) {
      // Entries and all tiles agree with each other but not with the signature: no place can be told from another.
      damages.push({ index: 0, reason: "the tree does not fold to the signed root", mend: "restore" });
    }
    return { checkpoint: this.#checkpoint, edge: this.#edge, intents: this.#intents, damages, sound };
  }

  /** Takes these leaf hashes and entries as the truth of one bundle. */
  #adopt(index: number, hashes: readonly Buffer[], entries: readonly Buffer[]): void {
    const growth = this.#edge.plan(hashes);
    this.#edge.grow(growth, entries);
    this.#edge.trim(this.#edge.size);
    for (const [level, added] of growth.hashes.entries()) {
      if (level > 0) (this.#upper[level] ??= []).push(...added);
    }
    for (const [offset, entry] of entries.entries()) this.#intents.observe(index * tileWidth + offset, entry);
  }

  /** Decides whether the entries or the leaf hashes of a bundle are right, and names what is wrong with the other. */
  #settle(found: FoundBundle): void {
    const { index, width, bytes, tile, entries, hashes } = found;
    const fromEntries = hashes === undefined ? undefined : Buffer.concat(hashes);
    const sides = this.#trust === "tiles" ? [tile, fromEntries] : [fromEntries, tile];
    const candidates = sides.filter((candidate) => candidate !== undefined);
    const vouched = candidates.find((candidate) => this.#vouched(index, candidate));
    const chosen = vouched ?? candidates[0];
    this.guessed ||= vouched === undefined && candidates.length > 1;
    const first = index * tileWidth;
    if (chosen === undefined) {
      const reason = `entries ${first} to ${first + width - 1} and their hashes are missing or damaged`;
      this.#damages.push({ index: first, reason, mend: "restore" });
      const filler = Array.from({ length: width }, () => Buffer.alloc(hashBytes));
      this.#adopt(index, filler, filler.map(lost));
      return;
    }
    const whole = splitHashes(chosen);
    if (chosen === fromEntries) {
      const wrong = firstDifference(chosen, tile);
      const name: TileName = { level: 0, index, width };
      const reason = `${tilePath(name)} is missing or damaged`;
      this.#damages.push({ index: first + wrong, reason, mend: "rewrite", path: tilePath(name), bytes: chosen });
      this.#adopt(index, whole, entries ?? []);
      return;
    }
    const salvaged = salvage(bytes ?? Buffer.alloc(0), chosen);
    this.#nameLosses(found, whole, salvaged);
    this.#adopt(
      index,
      whole,
      salvaged.map((entry) => entry ?? lost()),
    );
  }

  /** Names the entries of a bundle that are lost and not accepted, or the bundle when only its framing is wrong. */
  #nameLosses({ index, width, bytes }: FoundBundle, hashes: readonly Buffer[], salvaged: (Buffer | undefined)[]): void {
    const first = index * tileWidth;
    const right = Buffer.concat(salvaged.map((entry) => entry ?? lost()));
    const path = tilePath({ level: "entries", index, width });
    let lossCount = 0;
    for (const [offset, entry] of salvaged.entries()) {
      const leaf = hashes[offset]?.toString("hex") ?? "";
      if (entry !== undefined || this.#options.accepted.get(first + offset)?.leafHash === leaf) continue;
      lossCount++;
      const reason = `the bytes of entry ${first + offset} do not have the hash that the tree holds`;
      this.#damages.push({ index: first + offset, reason, mend: "accept", leafHash: leaf, path, bytes: right });
    }
    if (lossCount > 0 || bytes?.equals(right)) return;
    const reason = `${path} is damaged between its entries`;
    const at = first + firstMisframed(bytes ?? Buffer.alloc(0), salvaged);
    this.#damages.push({ index: at, reason, mend: "rewrite", path, bytes: right });
  }

  /** Whether something outside a bundle speaks for these leaf hashes: the level above, or the signed root. */
  #vouched(index: number, hashes: Buffer): boolean {
    if (hashes.length === tileWidth * hashBytes) {
      const claimed = this.#rootOnDisk(index);
      return claimed !== undefined && new HashTile(hashes).node(8, 0).equals(claimed);
    }
    const { frontier } = this.#edge.plan(splitHashes(hashes));
    return Buffer.compare(frontier.root(), this.#checkpoint.root) === 0;
  }

  /** The root of one full bundle as the level-1 tile on disk states it. */
  #rootOnDisk(bundle: number): Buffer | undefined {
    const index = Math.floor(bundle / tileWidth);
    if (this.#rootsOnDisk.index !== index) {
      const width = widthAt(1, index, this.#checkpoint.size);
      this.#rootsOnDisk = { index, tile: this.#read({ level: 1, index, width }) };
    }
    const at = (bundle % tileWidth) * hashBytes;
    const hash = this.#rootsOnDisk.tile?.subarray(at, at + hashBytes);
    return hash?.length === hashBytes ? hash : undefined;
  }

  /** Compares the tiles of levels 1 and up with what follows from level 0. */
  #checkUpper(): void {
    for (const [level, hashes] of this.#upper.entries()) {
      if (level === 0) continue;
      const count = levelCount(level, this.#checkpoint.size);
      for (let index = 0; index * tileWidth < count; index++) {
        const width = widthAt(level, index, this.#checkpoint.size);
        const name: TileName = { level, index, width };
        const bytes = Buffer.concat(hashes.slice(index * tileWidth, index * tileWidth + width));
        const found = this.#read(name);
        if (found?.equals(bytes)) continue;
        const at = (index * tileWidth + firstDifference(bytes, found)) * tileWidth ** level;
        const reason = `${tilePath(name)} is missing or damaged`;
        this.#damages.push({ index: at, reason, mend: "rewrite", path: tilePath(name), bytes });
      }
    }
  }

  #read(name: TileName): Buffer | undefined {
    try {
      // Synchronous on purpose: opening reads every file once, and this is several times faster than a promise per file.
      return readFileSync(join(this.#options.dir, tilePath(name)));
    } catch (error) {
      if (["ENOENT", "ENOTDIR", "EISDIR", "EIO"].includes(systemCode(error) ?? "")) return undefined;
      throw error;
    }
  }
}

/** One bundle and its leaf hashes as found on disk; what is missing or malformed is undefined. */
interface FoundBundle {
  readonly index: number;
  readonly width: number;
  readonly bytes: Buffer | undefined;
  readonly tile: Buffer | undefined;
  readonly entries: readonly Buffer[] | undefined;
  readonly hashes: readonly Buffer[] | undefined;
}

/** What stands for an entry whose bytes are lost. */
const lost = (): Buffer => frameEntry(Buffer.alloc(0));

function splitHashes(tile: Buffer): Buffer[] {
  return Array.from({ length: tile.length / hashBytes }, (_, at) =>
    tile.subarray(at * hashBytes, (at + 1) * hashBytes),
  );
}

/** Index of the first hash that differs; 0 when there is nothing to compare with. */
function firstDifference(right: Buffer, found: Buffer | undefined): number {
  if (found === undefined) return 0;
  const at = splitHashes(right).findIndex((hash, index) => {
    return !found.subarray(index * hashBytes, (index + 1) * hashBytes).equals(hash);
  });
  return at < 0 ? right.length / hashBytes - 1 : at;
}

/** Index of the first entry that does not stand where it should. */
function firstMisframed(bytes: Buffer, entries: readonly (Buffer | undefined)[]): number {
  let at = 0;
  for (const [index, entry] of entries.entries()) {
    const right = entry ?? lost();
    if (!bytes.subarray(at, at + right.length).equals(right)) return index;
    at += right.length;
  }
  return Math.max(0, entries.length - 1);
}
