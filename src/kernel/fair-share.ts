// A bounded thing that several holders take from, so that no holder can leave nothing to the others. Pure state.
//
// A holder may have at most `shareFactor` times what stays free after its take ("dynamic thresholds", Choudhury and Hahne,
// "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", 1998). Nothing is set apart for holders that are not
// there, and yet: one greedy holder ends at four fifths, two at four ninths each, and every newcomer finds room.

/** A holder has at most so many times what is free. */
export const shareFactor = 4;

/** Units of a bounded thing by holder. */
export class FairShare {
  readonly #most: number;
  readonly #heldBy = new Map<string, number>();
  #held = 0;

  /** @param most Units in all. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Units taken by all. */
  get held(): number {
    return this.#held;
  }

  /** Units taken by one. */
  heldBy(holder: string): number {
    return this.#heldBy.get(holder) ?? 0;
  }

  /** Whether units are free for a holder. One that holds nothing may take whatever is free, so that no one is shut out. */
  fits(holder: string, units = 1): boolean {
    const free = this.#most - this.#held - units;
    if (free < 0) return false;
    const own = this.heldBy(holder);
    return own === 0 || own + units <= shareFactor * free;
  }

  /** Takes units when they are free for the holder; false when not, and then nothing is taken. */
  take(holder: string, units = 1): boolean {
    if (!this.fits(holder, units)) return false;
    this.#held += units;
    this.#heldBy.set(holder, this.heldBy(holder) + units);
    return true;
  }

  /** Gives units back. */
  give(holder: string, units = 1): void {
    const rest = this.heldBy(holder) - units;
    if (rest < 0) throw new Error("more is given back than was taken");
    this.#held -= units;
    if (rest === 0) this.#heldBy.delete(holder);
    else this.#heldBy.set(holder, rest);
  }
}

/** The name under which a product takes its share; callers of no product have one together. */
export function holderOf(product: string | null): string {
  return product === null ? "none" : `product:${product}`;
}
