// The growing right edge of the tree in memory: what is not yet published, and the unfinished tiles that it continues.
import { Frontier, hashBytes } from "./merkle.ts";
import { levelCount, tileWidth } from "./tiles.ts";

/** A sequence of which only the end is kept. */
interface Tail {
  /** Index of the first one kept; a multiple of 256. */
  base: number;
  items: Buffer[];
}

/** A tree that has been worked out but not yet adopted. */
export interface Growth {
  readonly frontier: Frontier;
  /** New hashes by tile level. */
  readonly hashes: readonly Buffer[][];
}

/** The right edge: frontier, entries and tile hashes from the unfinished tiles on. */
export class TreeTail {
  #frontier = new Frontier();
  #entries: Tail = { base: 0, items: [] };
  #levels: Tail[] = [];

  /** Entries in the tree. */
  get size(): number {
    return this.#frontier.size;
  }

  /** Index of the first entry held here. */
  get base(): number {
    return this.#entries.base;
  }

  /** The frontier, for working out further trees. */
  get frontier(): Frontier {
    return this.#frontier;
  }

  /** Works out the tree after these leaf hashes, changing nothing. */
  plan(leafHashes: readonly Buffer[]): Growth {
    const hashes: Buffer[][] = [];
    const frontier = this.#frontier.extend(leafHashes, (level, hash) => (hashes[level] ??= []).push(hash as Buffer));
    return { frontier, hashes };
  }

  /** Adopts a planned tree together with the entries (length-prefixed) that it was planned for. */
  grow({ frontier, hashes }: Growth, entries: readonly Buffer[]): void {
    this.#frontier = frontier;
    for (const entry of entries) this.#entries.items.push(entry);
    for (const [level, added] of hashes.entries()) {
      const tail = (this.#levels[level] ??= { base: 0, items: [] });
      for (const hash of added) tail.items.push(hash);
    }
  }

  /** Forgets the tiles and bundles that are complete at the published size. */
  trim(published: number): void {
    cut(this.#entries, published);
    for (const [level, tail] of this.#levels.entries()) cut(tail, levelCount(level, published));
  }

  /** Entries `from` to `to` (exclusive) with their length prefixes; undefined when they are not all here. */
  entries(from: number, to: number): Buffer[] | undefined {
    return slice(this.#entries, from, to);
  }

  /** The hashes `from` to `to` (exclusive) of a tile level as one buffer; undefined when they are not all here. */
  hashes(level: number, from: number, to: number): Buffer | undefined {
    const tail = this.#levels[level];
    const items = tail === undefined ? undefined : slice(tail, from, to);
    return items === undefined ? undefined : Buffer.concat(items, (to - from) * hashBytes);
  }
}

function cut(tail: Tail, published: number): void {
  const base = Math.floor(published / tileWidth) * tileWidth;
  if (base <= tail.base) return;
  tail.items = tail.items.slice(base - tail.base);
  tail.base = base;
}

function slice(tail: Tail, from: number, to: number): Buffer[] | undefined {
  const begin = from - tail.base;
  const end = to - tail.base;
  return begin < 0 || end > tail.items.length ? undefined : tail.items.slice(begin, end);
}
