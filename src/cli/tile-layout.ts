// Which files a log of a given size consists of, in the layout of C2SP tlog-tiles.

/** Hashes in a full tile and entries in a full bundle (tlog-tiles). */
const tileWidth = 256;

/** One resource of a log. */
export interface TileFile {
  /** Path below the log's prefix. */
  readonly path: string;
  /** A full tile never changes; a partial one is replaced as the log grows. */
  readonly isFull: boolean;
}

/** Every hash tile and entry bundle of a log with `size` entries, lowest level first. */
export function* tileFiles(size: number): Generator<TileFile> {
  yield* row("tile/entries", size);
  let level = 0;
  for (let count = size; count > 0; count = Math.floor(count / tileWidth)) yield* row(`tile/${level++}`, count);
}

function* row(prefix: string, count: number): Generator<TileFile> {
  const full = Math.floor(count / tileWidth);
  for (let index = 0; index < full; index++) yield { path: `${prefix}/${indexPath(index)}`, isFull: true };
  const width = count % tileWidth;
  if (width > 0) yield { path: `${prefix}/${indexPath(full)}.p/${width}`, isFull: false };
}

/** `1234067` as `x001/x234/067` (tlog-tiles, "Merkle Tree"). */
function indexPath(index: number): string {
  const groups = [String(index % 1000).padStart(3, "0")];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return groups.join("/");
}
