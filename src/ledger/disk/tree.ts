// The published log on disk: publishes the growing edge as tiles and reads complete tiles back through a small cache.
//
// 1. A file under its final name is complete and never changes; only the checkpoint and its copy are replaced, after everything they need.
// 2. Partial tiles stay until the full tile is there, because each belongs to a checkpoint that was given out.
import { join } from "node:path";
import { DurableFolder, readIfThere, replaceFile } from "../../durable-files/index.ts";
import type { FileToWrite } from "../../durable-files/index.ts";
import { BoundedMap } from "../../kernel/bounded-map.ts";
import type { TreeTail } from "../tree-tail.ts";
import { hashBytes, heightsPerLevel } from "../merkle.ts";
import { salvage } from "../salvage.ts";
import { HashTile, levelCount, splitBundle, tilePath, tilesBetween, tileWidth, widthAt } from "../tiles.ts";
import type { TileName } from "../tiles.ts";

/** Name of the newest published checkpoint's file. */
export const checkpointFile = "checkpoint";
/** Name of its copy: nothing else in the folder carries the signature, and a tree is not signed again on trust. */
export const checkpointCopy = "checkpoint.copy";

/** Memory for hash tiles, bytes: some 1 000 tiles, which is every upper tile of a log of 60 million entries. */
const tileCacheBytes = 16 * 1024 * 1024;
/** Memory for entry bundles, bytes: some 100 bundles of 500-byte leaves. */
const bundleCacheBytes = 16 * 1024 * 1024;

/** Memory for roots of subtrees in the growing edge, bytes, and what one of them costs with its key. */
const subtreeCacheBytes = 1024 * 1024;
const subtreeCost = 128;

/** The entries of one complete bundle, with length prefixes; undefined where the bytes are damaged. */
export type BundleEntries = readonly (Buffer | undefined)[];

/** The tile files of one log. */
export class DiskTree {
  readonly #dir: string;
  readonly #folder: DurableFolder;
  readonly #tiles = new BoundedMap<string, HashTile>(tileCacheBytes, (tile) => tile.sizeBytes);
  readonly #bundles = new BoundedMap<string, BundleEntries>(bundleCacheBytes, sizeOfEntries);
  readonly #loading = new Map<string, Promise<BundleEntries | undefined>>();

  constructor(dir: string) {
    this.#dir = dir;
    this.#folder = new DurableFolder(dir);
  }

  /** Removes what a crash left half written. */
  async prepare(): Promise<void> {
    await this.#folder.prepare();
  }

  /** Publishes the tree of `size` entries: tiles first, then the checkpoint, then the partial tiles that are replaced. */
  async publish(edge: TreeTail, from: number, size: number, note: string): Promise<void> {
    const names = [...tilesBetween(from, size)];
    await this.#folder.write(names.map((name) => tileFile(edge, name)));
    for (const name of [checkpointFile, checkpointCopy]) await replaceFile(join(this.#dir, name), Buffer.from(note));
    for (const { level, index, width } of names) {
      const wasPartial = index * tileWidth < levelCount(level, from);
      if (width === tileWidth && wasPartial) await this.#folder.remove(`${tilePath({ level, index, width })}.p`);
    }
  }

  /** A complete hash tile; undefined when the file is missing or short. */
  async hashTile(level: number, index: number): Promise<HashTile | undefined> {
    const path = tilePath({ level, index, width: tileWidth });
    const cached = this.#tiles.get(path);
    if (cached !== undefined) return cached;
    const bytes = await readIfThere(join(this.#dir, path));
    if (bytes?.length !== tileWidth * hashBytes) return undefined;
    const tile = new HashTile(bytes);
    this.#tiles.set(path, tile);
    return tile;
  }

  /** The entries of a complete bundle; undefined when the file is missing. */
  async bundle(index: number): Promise<BundleEntries | undefined> {
    const path = tilePath({ level: "entries", index, width: tileWidth });
    const cached = this.#bundles.get(path);
    if (cached !== undefined) return cached;
    // A listing asks for many entries of one bundle at once; they share one read.
    const loading = this.#loading.get(path) ?? this.#loadBundle(index, path);
    this.#loading.set(path, loading);
    return loading;
  }

  async #loadBundle(index: number, path: string): Promise<BundleEntries | undefined> {
    try {
      const bytes = await readIfThere(join(this.#dir, path));
      if (bytes === undefined) return undefined;
      const entries = splitBundle(bytes, tileWidth) ?? (await this.#salvaged(index, bytes));
      if (entries !== undefined) this.#bundles.set(path, entries);
      return entries;
    } finally {
      this.#loading.delete(path);
    }
  }

  /** The bytes of any published file, as they are; undefined when there is no such file. */
  async raw(name: TileName): Promise<Buffer | undefined> {
    return readIfThere(join(this.#dir, tilePath(name)));
  }

  async #salvaged(index: number, bytes: Buffer): Promise<BundleEntries | undefined> {
    const hashes = (await this.hashTile(0, index))?.prefix(tileWidth);
    return hashes === undefined ? undefined : salvage(bytes, hashes);
  }
}

function sizeOfEntries(entries: BundleEntries): number {
  return entries.reduce((sum, entry) => sum + (entry?.length ?? 0), 0);
}

function tileFile(edge: TreeTail, name: TileName): FileToWrite {
  const from = name.index * tileWidth;
  const to = from + name.width;
  const bytes = name.level === "entries" ? edge.entries(from, to) : edge.hashes(name.level, from, to);
  if (bytes === undefined) throw new Error(`${tilePath(name)} is not in memory`);
  return { path: tilePath(name), bytes: Buffer.isBuffer(bytes) ? bytes : Buffer.concat(bytes) };
}

/** One tree as readers see it: the growing edge in memory over the complete tiles on disk. */
export class TreeReader {
  readonly #edge: TreeTail;
  readonly #disk: DiskTree;
  /** Roots of subtrees inside the growing edge, which never change once they are perfect. */
  readonly #subtrees = new BoundedMap<string, Buffer>(subtreeCacheBytes, () => subtreeCost);

  constructor(edge: TreeTail, disk: DiskTree) {
    this.#edge = edge;
    this.#disk = disk;
  }

  /** The first `width` hashes of a tile; undefined when the tree has no such tile. */
  async tile(level: number, index: number, width: number): Promise<Buffer | undefined> {
    if (!this.#has({ level, index, width })) return undefined;
    const from = index * tileWidth;
    return this.#edge.hashes(level, from, from + width) ?? (await this.#disk.hashTile(level, index))?.prefix(width);
  }

  /** The first `width` entries of a bundle with length prefixes; undefined when the tree has no such bundle. */
  async entries(index: number, width: number): Promise<BundleEntries | undefined> {
    if (!this.#has({ level: "entries", index, width })) return undefined;
    const from = index * tileWidth;
    return this.#edge.entries(from, from + width) ?? (await this.#disk.bundle(index))?.slice(0, width);
  }

  /** One entry with its length prefix; undefined when it is damaged or missing. */
  async entry(index: number): Promise<Buffer | undefined> {
    const inMemory = this.#edge.entries(index, index + 1)?.[0];
    return inMemory ?? (await this.#disk.bundle(Math.floor(index / tileWidth)))?.[index % tileWidth];
  }

  /** Root of a perfect subtree that lies within the tree; throws when its tile is damaged. */
  async subtree(height: number, index: number): Promise<Buffer> {
    const level = Math.floor(height / heightsPerLevel);
    const inTile = height % heightsPerLevel;
    const first = index * 2 ** inTile;
    const key = `${height}/${index}`;
    const known = this.#subtrees.get(key);
    if (known !== undefined) return known;
    const recent = this.#edge.hashes(level, first, first + 2 ** inTile);
    if (recent !== undefined) {
      const root = new HashTile(recent).node(inTile, 0);
      if (inTile > 0) this.#subtrees.set(key, Buffer.from(root));
      return root;
    }
    const tileIndex = Math.floor(first / tileWidth);
    const tile = await this.#disk.hashTile(level, tileIndex);
    if (tile === undefined) throw new Error(`${tilePath({ level, index: tileIndex, width: tileWidth })} is damaged`);
    return tile.node(inTile, (first - tileIndex * tileWidth) / 2 ** inTile);
  }

  #has({ level, index, width }: TileName): boolean {
    const numbers = level === "entries" ? [index, width] : [level, index, width];
    if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0) || width < 1) return false;
    return width <= widthAt(level, index, this.#edge.size);
  }
}
