// How many calls one deployment or provider works on at a time, and how loaded and how quick it is. Who gets a place, and who
// waits for one how long, is the semaphore's business; who is told "no" goes to another deployment.
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import { Semaphore } from "../kernel/concurrency.ts";

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

/** The places of one deployment; each holder has no more than its fair share of them and of the line. */
export class Concurrency {
  readonly #maxInFlight: number;
  readonly #clock: Clock;
  readonly #semaphore: Semaphore;
  #latencyMs: number | null = null;
  #firstByteMs: number | null = null;

  constructor({ maxInFlight, maxWaiting, maxWaitMs }: ConcurrencyTerms, clock: Clock) {
    this.#maxInFlight = maxInFlight;
    this.#clock = steady(clock);
    this.#semaphore = new Semaphore({ maxInside: maxInFlight, maxWaiting, maxWaitMs, sharesPlaces: true });
  }

  figures(): LoadFigures {
    return {
      inFlight: this.#semaphore.inside,
      waiting: this.#semaphore.waiting,
      maxInFlight: this.#maxInFlight,
      latencyMs: this.#latencyMs,
      firstByteMs: this.#firstByteMs,
    };
  }

  /** A place at once, or undefined when none is free for the holder. */
  tryEnter(holder?: string): Place | undefined {
    return this.#timed(this.#semaphore.tryEnter(holder));
  }

  /** A place, waiting in line for one; as `Semaphore.enter`. */
  async enter(signal: AbortSignal, holder?: string): Promise<Place | undefined> {
    return this.#timed(await this.#semaphore.enter(holder, signal));
  }

  #timed(place: Disposable | undefined): Place | undefined {
    if (place === undefined) return undefined;
    const beganMs = this.#clock.nowMs();
    let isFirst = true;
    let isOver = false;
    const leave = (): void => {
      isOver = true;
      place[Symbol.dispose]();
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
      [Symbol.dispose]: leave,
    };
  }
}

function averaged(before: number | null, newest: number): number {
  return before === null ? newest : before + newestWeight * (newest - before);
}
