// The walk over a published tree: every entry is hashed and compared with its hash tile, every finished tile is folded
// and compared with the tile above, and what the entries say is checked, all in the order of the log. The walk stops at
// the first thing that is wrong and names its index.
import { bundleEntries, maxBundleBytes } from "./bundle.ts";
import { LogFault } from "./fault.ts";
import { hashBytes, leafHash, sameHash, tileHashes } from "./merkle.ts";
import { OverlongError } from "./source.ts";
import type { Source } from "./source.ts";
import type { IntentPairing } from "./intent-pairing.ts";
import { firstCovered, tilePath, tileWidth } from "./tile.ts";
import type { TileTree } from "./tile-tree.ts";

/** How many bundles are requested before they are needed; hides the latency of HTTP and bounds memory (16 MiB each). */
const bundlesAhead = 3;

/** What a walk reads, fills and reports to. */
export interface Walk {
  readonly source: Source;
  /** Entries of the published tree. */
  readonly size: number;
  /** Filled by the walk. */
  readonly tree: TileTree;
  readonly story: IntentPairing;
  /** Whether an empty entry may stand for lost bytes; its hash is then taken from the tile. */
  readonly allowLost: boolean;
  /** Called after each entry is in the tree, with its hash. @throws LogFault */
  readonly onEntry: (hash: Uint8Array) => void;
  /** Called after each bundle with the number of entries done. */
  readonly onProgress: (done: number) => void;
}

/**
 * Walks the published tree; resolves with the number of hash tiles compared.
 * @throws LogFault at the first fault, UnreadableError at the first resource that could not be read, whichever comes first.
 */
export async function walkTiles(walk: Walk): Promise<number> {
  const upper = new UpperTiles(walk);
  let tiles = 0;
  for await (const { index, bundle, tile } of pairs(walk)) {
    const first = index * tileHashes;
    const width = tileWidth(walk.size, 0, index);
    const { entries } = bundle;
    for (const [i, entry] of entries.entries()) {
      const hash = tile.subarray(i * hashBytes, (i + 1) * hashBytes);
      takeEntry(walk, first + i, entry, hash);
      const finished = walk.tree.push(hash);
      walk.onEntry(hash);
      for (const above of finished) await upper.compare(above);
    }
    if (entries.length < width) throw new LogFault(first + entries.length, "the entry bundle ends before this entry");
    if (bundle.trailingBytes > 0) throw new LogFault(first, "the entry bundle goes on after its last entry");
    tiles++;
    walk.onProgress(walk.tree.size);
  }
  return tiles + upper.count;
}

/** Checks one entry against the hash that its level-0 tile holds, and against what came before. @throws LogFault */
function takeEntry(walk: Walk, index: number, entry: Buffer, hash: Uint8Array): void {
  if (!sameHash(leafHash(entry), hash)) {
    if (entry.length > 0) throw new LogFault(index, "the entry does not hash to its place in the hash tile of level 0");
    if (!walk.allowLost) throw new LogFault(index, "the entry's bytes are lost: an empty entry stands in their place");
    walk.story.lose(index);
    return;
  }
  const broken = walk.story.take(index, entry);
  if (broken !== undefined) throw new LogFault(index, broken);
}

/** The stored tiles above level 0, one per level at a time. */
class UpperTiles {
  readonly #walk: Walk;
  readonly #loaded: (Buffer | undefined)[] = [];
  count = 0;

  constructor(walk: Walk) {
    this.#walk = walk;
  }

  async compare(finished: { level: number; position: number; hash: Uint8Array }): Promise<void> {
    const { level, position, hash } = finished;
    const at = position % tileHashes;
    let tile = this.#loaded[level];
    if (tile === undefined || at === 0) {
      tile = await hashTile(this.#walk, level, Math.floor(position / tileHashes));
      this.#loaded[level] = tile;
      this.count++;
    }
    if (!sameHash(hash, tile.subarray(at * hashBytes, (at + 1) * hashBytes))) {
      const reason = `the hash tile of level ${level} does not match the tile below it`;
      throw new LogFault(firstCovered(level, position), reason);
    }
  }
}

interface Pair {
  readonly index: number;
  readonly bundle: { readonly entries: readonly Buffer[]; readonly trailingBytes: number };
  readonly tile: Buffer;
}

async function* pairs(walk: Walk): AsyncGenerator<Pair> {
  const count = Math.ceil(walk.size / tileHashes);
  const ahead: Promise<Pair>[] = [];
  for (let index = 0; index < count; index++) {
    for (let next = index + ahead.length; ahead.length <= bundlesAhead && next < count; next++) {
      const pair = readPair(walk, next);
      // A failure is reported when its turn comes; until then it must not count as unhandled.
      pair.catch(() => {});
      ahead.push(pair);
    }
    const pair = await ahead.shift();
    if (pair !== undefined) yield pair;
  }
}

async function readPair(walk: Walk, index: number): Promise<Pair> {
  const [tile, bundle] = await Promise.all([hashTile(walk, 0, index), entryBundle(walk, index)]);
  return { index, tile, bundle };
}

async function hashTile(walk: Walk, level: number, index: number): Promise<Buffer> {
  const width = tileWidth(walk.size, level, index);
  const { bytes, width: found } = await partialOrFull(walk, level, index, width);
  const covers = firstCovered(level + 1, index);
  const expected = found * hashBytes;
  if (bytes.length < expected) throw new LogFault(covers, `the hash tile of level ${level} is too short`);
  if (bytes.length > expected) throw new LogFault(covers, `the hash tile of level ${level} is too long`);
  return bytes.subarray(0, width * hashBytes);
}

async function entryBundle(walk: Walk, index: number): Promise<Pair["bundle"]> {
  const width = tileWidth(walk.size, 0, index);
  const { bytes, width: found } = await partialOrFull(walk, "entries", index, width);
  const bundle = bundleEntries(bytes, width);
  // A full bundle that stands in for a partial one rightly goes on.
  return found === width ? bundle : { entries: bundle.entries, trailingBytes: 0 };
}

/** A partial tile may be gone once the full one exists (C2SP tlog-tiles, partial tiles), so that one is tried next. */
async function partialOrFull(
  walk: Walk,
  level: number | "entries",
  index: number,
  width: number,
): Promise<{ bytes: Buffer; width: number }> {
  const what = level === "entries" ? "the entry bundle" : `the hash tile of level ${level}`;
  const covers = firstCovered(level === "entries" ? 1 : level + 1, index);
  const maxBytes = level === "entries" ? maxBundleBytes : 2 * tileHashes * hashBytes;
  try {
    for (const tried of new Set([width, tileHashes])) {
      const bytes = await walk.source.read(tilePath(level, index, tried), maxBytes);
      if (bytes !== undefined) return { bytes, width: tried };
    }
  } catch (error) {
    if (error instanceof OverlongError) throw new LogFault(covers, `${what} is too long: ${error.message}`, error);
    throw error;
  }
  throw new LogFault(covers, `${what} is missing`);
}
