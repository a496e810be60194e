// A few places and a short queue: what is costly runs only so many times at once, and who finds the queue full is told at once.
import { userFault } from "./errors.ts";

/** When to come back after the queue was full, seconds; it is emptied in about as much. */
const busyRetrySeconds = 2;

/** Limits how many jobs run and how many wait. */
export class Places {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /** Runs a job when there is a place for it. Rejects with `auth.busy` when too many wait already. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#most) this.#taken++;
    else {
      if (this.#waiting.length >= this.#mostWaiting) {
        throw userFault("auth.busy", "too many passwords are being checked at this moment", {
          limit: "passwordQueue",
          retryAfterSeconds: busyRetrySeconds,
        });
      }
      // The place is handed over by the job that leaves it.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#taken--;
    }
  }
}
