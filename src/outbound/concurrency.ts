// How many calls one deployment or provider works on at a time, who waits for a place, and how loaded and how quick it is.
//
// 1. Places are never more than there are. Where holders are named, none has more than its fair share of them (kernel's
//    `FairShare`), nor of the line.
// 2. Places are given in the order of asking; among holders that wait, in turns, so that one holder's line is no other's.
// 3. Nobody waits longer than the wait's limit, nor does more than the line's limit wait; both are told "no" and go elsewhere.
// 4. Everything takes the same time however many wait.
import type { Clock } from "../kernel/clock.ts";
import { FairShare } from "../kernel/fair-share.ts";

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
}

/** Whose place it is when nobody says; such a caller has everything to itself. */
const nobody = "";

/** The places of one deployment. */
export class Concurrency {
  readonly #terms: ConcurrencyTerms;
  readonly #clock: Clock;
  readonly #places: FairShare;
  readonly #line: FairShare;
  /** Who waits, by holder; the holder whose turn it is first, and in each line who came first. */
  readonly #lines = new Map<string, Set<Waiter>>();
  #inFlight = 0;
  #waiting = 0;
  #latencyMs: number | null = null;
  #firstByteMs: number | null = null;

  constructor(terms: ConcurrencyTerms, clock: Clock) {
    this.#terms = terms;
    this.#clock = clock;
    this.#places = new FairShare(terms.maxInFlight);
    this.#line = new FairShare(terms.maxWaiting);
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

  /** How many places one holder has. */
  heldBy(holder: string): number {
    return this.#places.heldBy(holder);
  }

  /** A place at once, or undefined when none is free for the holder. */
  tryEnter(holder: string = nobody): Place | undefined {
    return this.#mayEnter(holder) ? this.#place(holder) : undefined;
  }

  /**
   * A place, waiting in line for one; undefined when the line is full or the wait was too long.
   * Rejects with the signal's reason when it aborts.
   */
  enter(signal: AbortSignal, holder: string = nobody): Promise<Place | undefined> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const place = this.tryEnter(holder);
    if (place !== undefined || !this.#mayWait(holder)) return Promise.resolve(place);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#unlink(holder, waiter);
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
      const waiter: Waiter = { resolve, settle };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#link(holder, waiter);
    });
  }

  #mayEnter(holder: string): boolean {
    if (holder === nobody) return this.#inFlight < this.#terms.maxInFlight;
    return this.#places.fits(holder) && this.#inFlight < this.#terms.maxInFlight;
  }

  #mayWait(holder: string): boolean {
    if (this.#waiting >= this.#terms.maxWaiting) return false;
    return holder === nobody || this.#line.fits(holder);
  }

  #place(holder: string): Place {
    this.#inFlight++;
    if (holder !== nobody) this.#places.take(holder);
    const beganMs = this.#clock.nowMs();
    let isFirst = true;
    let isOver = false;
    const leave = (): void => {
      isOver = true;
      this.#release(holder);
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

  #release(holder: string): void {
    this.#inFlight--;
    if (holder !== nobody) this.#places.give(holder);
    while (this.#serveOne());
  }

  /** Gives one free place to the next holder in turn that may have one; false when nobody could be served. */
  #serveOne(): boolean {
    for (const [holder, line] of this.#lines) {
      const [waiter] = line;
      if (waiter === undefined || !this.#mayEnter(holder)) continue;
      this.#unlink(holder, waiter);
      // Whoever was served goes to the end of the turns.
      if (line.size > 0) {
        this.#lines.delete(holder);
        this.#lines.set(holder, line);
      }
      waiter.settle();
      waiter.resolve(this.#place(holder));
      return true;
    }
    return false;
  }

  #link(holder: string, waiter: Waiter): void {
    const line = this.#lines.get(holder);
    if (line === undefined) this.#lines.set(holder, new Set([waiter]));
    else line.add(waiter);
    if (holder !== nobody) this.#line.take(holder);
    this.#waiting++;
  }

  #unlink(holder: string, waiter: Waiter): void {
    const line = this.#lines.get(holder);
    if (line?.delete(waiter) !== true) return;
    if (line.size === 0) this.#lines.delete(holder);
    if (holder !== nobody) this.#line.give(holder);
    this.#waiting--;
  }
}

function averaged(before: number | null, newest: number): number {
  return before === null ? newest : before + newestWeight * (newest - before);
}
