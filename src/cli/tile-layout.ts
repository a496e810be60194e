// Which files a log of a given size consists of, in the layout of C2SP tlog-tiles.
import { tilePath, tilesBetween, tileWidth } from "../ledger/index.ts";

/** One resource of a log. */
export interface TileFile {
  /** Path below the log's prefix. */
  readonly path: string;
  /** A full tile never changes; a partial one is replaced as the log grows. */
  readonly isFull: boolean;
}

/** Every entry bundle and hash tile of a log with `size` entries, lowest level first. */
export function* tileFiles(size: number): Generator<TileFile> {
  for (const tile of tilesBetween(0, size)) yield { path: tilePath(tile), isFull: tile.width === tileWidth };
}
