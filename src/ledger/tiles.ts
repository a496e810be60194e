// C2SP tlog-tiles, pure: names and widths of tiles, entry bundles, and the hashes inside one tile.
import { hashBytes, rowAbove } from "./merkle.ts";

/** Hashes in a full tile and entries in a full bundle. */
export const tileWidth = 256;

/** Bytes of the length in front of each entry of a bundle. */
export const lengthBytes = 2;

/** Which sequence of tiles: a hash level or the entry bundles. */
export type TileLevel = number | "entries";

/** One tile or bundle of a tree. */
export interface TileName {
  readonly level: TileLevel;
  readonly index: number;
  /** 256, or fewer for a partial tile. */
  readonly width: number;
}

/** The path of a tile below the log's folder, e.g. `tile/0/x001/234.p/12`. */
export function tilePath({ level, index, width }: TileName): string {
  let name = String(index % 1000).padStart(3, "0");
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    name = `x${String(rest % 1000).padStart(3, "0")}/${name}`;
  }
  return `tile/${level}/${name}${width === tileWidth ? "" : `.p/${width}`}`;
}

/** How many hashes (or entries) a level has in a tree of this size. */
export function levelCount(level: TileLevel, size: number): number {
  return level === "entries" ? size : Math.floor(size / tileWidth ** level);
}

/** How wide a tile is in a tree of this size; 0 when the tree has no such tile. */
export function widthAt(level: TileLevel, index: number, size: number): number {
  return Math.max(0, Math.min(tileWidth, levelCount(level, size) - index * tileWidth));
}

/** The tiles of a tree of size `to` that a tree of size `from` lacks or has narrower, bundles first. */
export function* tilesBetween(from: number, to: number): Generator<TileName> {
  const levels: TileLevel[] = ["entries"];
  for (let level = 0; levelCount(level, to) > 0; level++) levels.push(level);
  for (const level of levels) {
    for (let index = Math.floor(levelCount(level, from) / tileWidth); ; index++) {
      const width = widthAt(level, index, to);
      if (width === 0) break;
      if (width > widthAt(level, index, from)) yield { level, index, width };
    }
  }
}

/** An entry as bundles carry it: its length as a big-endian uint16, then its bytes. */
export function frameEntry(entry: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(lengthBytes + entry.length);
  framed.writeUInt16BE(entry.length);
  framed.set(entry, lengthBytes);
  return framed;
}

/** The entries of a bundle with their length prefixes; undefined unless the bytes are exactly `count` entries. */
export function splitBundle(bytes: Buffer, count: number): Buffer[] | undefined {
  const entries: Buffer[] = [];
  let at = 0;
  while (at + lengthBytes <= bytes.length) {
    const end = at + lengthBytes + bytes.readUInt16BE(at);
    if (end > bytes.length) return undefined;
    entries.push(bytes.subarray(at, end));
    at = end;
  }
  return at === bytes.length && entries.length === count ? entries : undefined;
}

/** The bytes of an entry without its length prefix. */
export function entryBytes(framed: Buffer): Buffer {
  return framed.subarray(lengthBytes);
}

/** The hashes of one tile and, computed when first asked for, the nodes above them inside the tile. */
export class HashTile {
  readonly #rows: Buffer[];

  constructor(hashes: Buffer) {
    this.#rows = [hashes];
  }

  /** Bytes this tile may come to occupy: the hashes and as many nodes above them. */
  get sizeBytes(): number {
    return 2 * (this.#rows[0]?.length ?? 0);
  }

  /** Bytes of the tile's first `width` hashes. */
  prefix(width: number): Buffer | undefined {
    return this.#rows[0]?.subarray(0, width * hashBytes);
  }

  /** Root of the perfect subtree `height` (0 to 8) levels above the tile's hashes, counted from the left. */
  node(height: number, index: number): Buffer {
    const row = this.#row(height);
    return row.subarray(index * hashBytes, (index + 1) * hashBytes);
  }

  #row(height: number): Buffer {
    const known = this.#rows[height];
    if (known !== undefined) return known;
    const row = rowAbove(this.#row(height - 1));
    this.#rows[height] = row;
    return row;
  }
}
