// A few places and a short queue: what is costly runs only so many times at once, and who finds the queue full is told at once.
// Those who wait are served in turns, holder by holder, and no holder has more than its fair share of the queue: a flood from
// one address delays and refuses the flood, not the others.
import { FairShare } from "../../kernel/fair-share.ts";
import { userFault } from "./errors.ts";

/** When to come back after the queue was full, seconds; it is emptied in about as much. */
const busyRetrySeconds = 2;

/** Limits how many jobs run and how many wait. */
export class Places {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #share: FairShare;
  /** Who waits, by holder; the holder whose turn it is first. */
  readonly #lines = new Map<string, (() => void)[]>();
  #waiting = 0;
  #taken = 0;

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
    this.#share = new FairShare(mostWaiting);
  }

  /**
   * Runs a job when there is a place for it. Rejects with `auth.busy` when too many wait already.
   * @param holder Whose job it is; one that names none has everything to itself.
   */
  async run<T>(job: () => Promise<T>, holder = ""): Promise<T> {
    if (this.#taken < this.#most) this.#taken++;
    else {
      if (this.#waiting >= this.#mostWaiting || (holder !== "" && !this.#share.take(holder))) {
        throw userFault("auth.busy", "too many passwords are being checked at this moment", {
          limit: "passwordQueue",
          retryAfterSeconds: busyRetrySeconds,
        });
      }
      // The place is handed over by the job that leaves it.
      await this.#turn(holder);
      if (holder !== "") this.#share.give(holder);
    }
    try {
      return await job();
    } finally {
      const next = this.#next();
      if (next) next();
      else this.#taken--;
    }
  }

  #turn(holder: string): Promise<void> {
    this.#waiting++;
    return new Promise((resolve) => {
      const line = this.#lines.get(holder);
      if (line === undefined) this.#lines.set(holder, [resolve]);
      else line.push(resolve);
    });
  }

  /** Who is served next; its holder goes to the end of the turns. */
  #next(): (() => void) | undefined {
    const [first] = this.#lines;
    if (first === undefined) return undefined;
    const [holder, line] = first;
    const next = line.shift();
    this.#lines.delete(holder);
    if (line.length > 0) this.#lines.set(holder, line);
    this.#waiting--;
    return next;
  }
}
