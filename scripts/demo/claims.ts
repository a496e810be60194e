// Everything the demo says is checked when it is said: a claim that does not hold ends it.

/** Something was not as claimed. */
export class BrokenClaim extends Error {
  override readonly name = "BrokenClaim";
}

/** Counts what was claimed and held. */
export class Claims {
  #kept = 0;

  /** How many claims have held so far. */
  get kept(): number {
    return this.#kept;
  }

  /**
   * Claims something.
   * @throws BrokenClaim when it is not so; `seen` is what was there instead.
   */
  check(holds: boolean, claim: string, seen?: unknown): void {
    if (!holds) throw new BrokenClaim(seen === undefined ? claim : `${claim}; there was ${JSON.stringify(seen)}`);
    this.#kept += 1;
  }
}
