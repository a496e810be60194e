// How many calls one deployment works on at a time, who waits for a place, and how loaded and how quick it is.
//
// 1. Places are given in the order of asking, and never more than there are.
// 2. Nobody waits longer than the wait's limit, nor does more than the line's limit wait; both are told "no" and go elsewhere.
// 3. Everything takes the same time however many wait.
import type { Clock } from "../../kernel/clock.ts";

/** The limits of one deployment. */
export interface ConcurrencyTerms {
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

/** How loaded and how quick a deployment is. */
export interface LoadFigures {
  readonly inFlight: number;
  readonly waiting: number;
  readonly maxInFlight: number;
  /** From the start of a call to its end, moving average, milliseconds; null before the first. */
  readonly latencyMs: number | null;
  /** From the start of a call to the first byte of the answer, moving average, milliseconds; null before the first. */
  readonly firstByteMs: number | null;
}

/** Weight of the newest of the moving averages: after ten calls a tenth of what was known before is left. */
const newestWeight = 0.2;

/** The right to have one call under way. Disposing of it gives the place back without saying how long the call took. */
export interface Place extends Disposable {
  /** The first byte of the answer is here. */
  firstByte(): void;
  /** The call went well to its end; calls that failed say nothing about how quick the deployment is. */
  complete(): void;
}

interface Waiter {
  readonly resolve: (place: Place | undefined) => void;
  readonly settle: () => void;
  before: Waiter | undefined;
  after: Waiter | undefined;
}

/** The places of one deployment. */
export class Concurrency {
  readonly #terms: ConcurrencyTerms;
  readonly #clock: Clock;
  #inFlight = 0;
  #waiting = 0;
  #firstInLine: Waiter | undefined;
  #lastInLine: Waiter | undefined;
  #latencyMs: number | null = null;
  #firstByteMs: number | null = null;

  constructor(terms: ConcurrencyTerms, clock: Clock) {
    this.#terms = terms;
    this.#clock = clock;
  }

  figures(): LoadFigures {
    return {
      inFlight: this.#inFlight,
      waiting: this.#waiting,
      maxInFlight: this.#terms.maxInFlight,
      latencyMs: this.#latencyMs,
      firstByteMs: this.#firstByteMs,
    };
  }

  /** A place at once, or undefined when none is free. */
  tryEnter(): Place | undefined {
    return this.#inFlight < this.#terms.maxInFlight ? this.#place() : undefined;
  }

  /**
   * A place, waiting in line for one; undefined when the line is full or the wait was too long.
   * Rejects with the signal's reason when it aborts.
   */
  enter(signal: AbortSignal): Promise<Place | undefined> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const place = this.tryEnter();
    if (place !== undefined || this.#waiting >= this.#terms.maxWaiting) return Promise.resolve(place);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#unlink(waiter);
        waiter.settle();
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason);
      };
      const onLate = (): void => {
        leave();
        resolve(undefined);
      };
      const timer = setTimeout(onLate, this.#terms.maxWaitMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = { resolve, settle, before: this.#lastInLine, after: undefined };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#link(waiter);
    });
  }

  #place(): Place {
    this.#inFlight++;
    const beganMs = this.#clock.nowMs();
    let isFirst = true;
    let isOver = false;
    const leave = (): void => {
      isOver = true;
      this.#release();
    };
    return {
      firstByte: () => {
        if (isFirst) this.#firstByteMs = averaged(this.#firstByteMs, this.#clock.nowMs() - beganMs);
        isFirst = false;
      },
      complete: () => {
        if (isOver) return;
        this.#latencyMs = averaged(this.#latencyMs, this.#clock.nowMs() - beganMs);
        leave();
      },
      [Symbol.dispose]: () => {
        if (!isOver) leave();
      },
    };
  }

  #release(): void {
    this.#inFlight--;
    const waiter = this.#firstInLine;
    if (waiter === undefined) return;
    this.#unlink(waiter);
    waiter.settle();
    waiter.resolve(this.#place());
  }

  #link(waiter: Waiter): void {
    if (this.#lastInLine === undefined) this.#firstInLine = waiter;
    else this.#lastInLine.after = waiter;
    this.#lastInLine = waiter;
    this.#waiting++;
  }

  #unlink(waiter: Waiter): void {
    if (waiter.before === undefined) this.#firstInLine = waiter.after;
    else waiter.before.after = waiter.after;
    if (waiter.after === undefined) this.#lastInLine = waiter.before;
    else waiter.after.before = waiter.before;
    this.#waiting--;
  }
}

function averaged(before: number | null, newest: number): number {
  return before === null ? newest : before + newestWeight * (newest - before);
}
