// The pace of work that is tried again until it succeeds: failures in a row wait longer and longer, and the log hears of the
// first and then of one a minute. Whatever fails, as a full disk, must not be made worse by trying or by telling.

/** The pause after a first failure and the longest, milliseconds; each is twice the one before. */
const [firstPauseMs, longestPauseMs] = [1_000, 30_000];
/** How often a failure that goes on is told, milliseconds. */
const toldEveryMs = 60_000;

/** How one kind of work is tried again. */
export class RetryPace {
  #failures = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  /** A try has failed. @returns How long to wait before the next one, milliseconds, and whether to tell. */
  failed(): { readonly pauseMs: number; readonly isTold: boolean } {
    const nowMs = performance.now();
    const isTold = this.#failures === 0 || nowMs - this.#toldMs >= toldEveryMs;
    if (isTold) this.#toldMs = nowMs;
    return { pauseMs: Math.min(firstPauseMs * 2 ** this.#failures++, longestPauseMs), isTold };
  }

  /** A try has succeeded: the next failure is a first one. */
  succeeded(): void {
    this.#failures = 0;
  }
}
