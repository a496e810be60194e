// Which tiles and entry bundles a tree of a given size has, and the paths C2SP tlog-tiles gives them.
import { tileHashes } from "./merkle.ts";

/** Path element of a tile index: groups of three digits, all but the last led by an x (C2SP tlog-tiles). */
function indexPath(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/[0-9]{3}/g) ?? [];
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
}

/** Path of a hash tile (`level` 0 and up) or of an entry bundle (`entries`), relative to the log's prefix. */
export function tilePath(level: number | "entries", index: number, width: number): string {
  return `tile/${level}/${indexPath(index)}${width < tileHashes ? `.p/${width}` : ""}`;
}

/** How many hashes the tile has in a tree of `size` entries; 0 when the tree has no such tile. */
export function tileWidth(size: number, level: number, index: number): number {
  const hashes = Math.floor(size / tileHashes ** level) - index * tileHashes;
  return Math.min(tileHashes, Math.max(0, hashes));
}

/** First entry that a hash of a level covers. */
export function firstCovered(level: number, position: number): number {
  return position * tileHashes ** level;
}
