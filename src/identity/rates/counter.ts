// The port that counts what a caller has used of a limit. Promises of every driver:
//
// 1. In one aligned window (one that starts at a multiple of its length since the Unix epoch) at most `limit` units are
//    admitted, and in any other window at most `limit` x (1 + the share of it that lies behind its last aligned edge):
//    about `limit` when the units come evenly, and always fewer than twice `limit`. A caller that stays one unit below the
//    limit, evenly, is never refused.
// 2. A refused take costs nothing, so that a caller who keeps on asking is not shut out for longer.
// 3. Takes of one key are atomic: callers that take at the same time are admitted as if they came one after the other.
// 4. What is given back counts no more; never more is given back than was taken.
// 5. Counting never fails: a driver that cannot reach its server counts on its own meanwhile.
//
// What may differ: who shares the count (one process or all that use one server), and whether an answer comes at once.

/** So many units in so long. */
export interface Limit {
  /** Units admitted per window, an integer from 1 on. */
  readonly limit: number;
  /** Length of the window, milliseconds. */
  readonly windowMs: number;
  /**
   * Whose keys these are, one of a few names: where memory is short, a flood of keys of one group crowds out its own and no
   * other group's. One key is always used with the same group.
   */
  readonly group?: string;
}

/** What became of a take, and where the key stands after it. */
export interface Taken {
  readonly allowed: boolean;
  /** Whole units that would be admitted now. */
  readonly remaining: number;
  /** Milliseconds until at least one unit is free; 0 while one is. */
  readonly resetMs: number;
  /** Milliseconds until nothing taken so far counts any more and the whole limit is free; 0 when it is. */
  readonly freshMs: number;
}

/** Counts units per key. One key is always used with the same window length; its limit may change. */
export interface Counter extends AsyncDisposable {
  /**
   * Takes units of a key's limit when they are free. It never rejects.
   * @param key At most 256 characters; secrets and personal data do not belong into it.
   * @param cost Units, an integer from 1 on; 1 when absent. More than the limit is never admitted.
   */
  take(key: string, limit: Limit, cost?: number): Promise<Taken> | Taken;
  /**
   * Gives back units that were taken a moment ago and are not used, as of a call that another limit refuses. It never rejects.
   * @param cost As it was taken.
   */
  give(key: string, limit: Limit, cost?: number): Promise<void> | void;
  /** Where a key stands; `allowed` says whether one unit would be admitted. Counts nothing and never rejects. */
  peek(key: string, limit: Limit): Promise<Taken> | Taken;
  /** Forgets what a key has used. It never rejects. */
  clear(key: string): Promise<void> | void;
}
