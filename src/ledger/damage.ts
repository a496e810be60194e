// What can be wrong with a log on disk, and what an operator can do about it.
/**
 * What mends a damage: `rewrite` from intact parts, at no loss; `accept` that an entry's bytes are lost while its hash
 * stays provable; `tail` to go on although the end of the log is gone; `restore` from a backup, because what is left
 * does not fold to the signed root.
 */
export type Mend = "rewrite" | "accept" | "tail" | "restore";

/** One thing that is wrong. */
export interface Damage {
  /** The first entry whose record or proof is affected. */
  readonly index: number;
  readonly reason: string;
  readonly mend: Mend;
  /** The file concerned, below the log's folder, where there is one. */
  readonly path?: string;
  /** The right bytes of that file; for `accept`, with an empty entry in place of each lost one. */
  readonly bytes?: Buffer;
  /** For `tail`: how many entries there were, as far as anything still tells. */
  readonly until?: number;
  /** For `accept`: the hash that the tree holds for the entry, hex. */
  readonly leafHash?: string;
}

/** The damage that is named first: the one with the lowest index. */
export function firstDamage(damages: readonly Damage[]): Damage | undefined {
  return damages.reduce<Damage | undefined>(
    (first, next) => (first && first.index <= next.index ? first : next),
    undefined,
  );
}
