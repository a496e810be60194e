// A tree built from its entries in tiles: when 256 hashes of a level are there they are folded into one hash of the
// level above. Holds at most one unfinished tile for each level, 8 KiB each.
import { foldPerfect, rootOfLevels, tileHashes } from "./merkle.ts";

/** A hash of a level above the leaves that has become final: position counts from the left. */
export interface FinishedHash {
  readonly level: number;
  readonly position: number;
  readonly hash: Uint8Array;
}

/** The tree of the entries seen so far. */
export class TileTree {
  readonly #levels: Uint8Array[][] = [];
  #size = 0;

  /** Number of entries. */
  get size(): number {
    return this.#size;
  }

  /** Adds one leaf hash; gives the hashes above it that became final, lowest first. */
  push(leaf: Uint8Array): readonly FinishedHash[] {
    const finished: FinishedHash[] = [];
    let hash = leaf;
    let position = this.#size;
    for (let level = 0; ; level++) {
      const row = (this.#levels[level] ??= []);
      if (level > 0) finished.push({ level, position, hash });
      row.push(hash);
      if (row.length < tileHashes) break;
      hash = foldPerfect(row);
      row.length = 0;
      position = Math.floor(position / tileHashes);
    }
    this.#size++;
    return finished;
  }

  /** Root of the tree as it is now. */
  root(): Uint8Array {
    return rootOfLevels(this.#levels);
  }
}
