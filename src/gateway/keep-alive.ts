// Keeps a streamed answer awake. Proxies and clients cut connections on which nothing comes, and a model may think for minutes:
//
// 1. While nothing else is sent, something that no client shows is written before `quietMs` have passed.
// 2. When the provider shows that it is at work (a comment, a ping), that is told at once, but at most every `echoMs`.

/** What stands for "nothing yet, and something has to be written". */
export const quiet = Symbol("quiet");

/** Longest silence of a stream, milliseconds: below the ten seconds after which the strictest proxies give up. */
const quietMs = 8000;
/** Least time between two signs of life that follow a provider's own, milliseconds. */
const echoMs = 500;

/** What is written where a dialect has no frame of its own for it: a comment, which every reader of such streams skips. */
const comment = ": keep-alive\n\n";

/** The frame that keeps a stream of a dialect awake. */
export function keepAliveFrame({ keepAlive = comment }: { readonly keepAlive?: string }): Buffer {
  return Buffer.from(keepAlive);
}

/** Says when one stream has been silent for too long; dispose of it at the stream's end. */
export class KeepAlive implements Disposable {
  #wake: (() => void) | undefined;
  #sentMs = performance.now();
  #dueMs = this.#sentMs + quietMs;
  #timerMs = this.#dueMs;
  #timer: NodeJS.Timeout = this.#later(quietMs);

  /** Something has been sent, and taken. */
  sent(): void {
    this.#sentMs = performance.now();
    this.#dueMs = this.#sentMs + quietMs;
  }

  /** The provider has shown that it is at work, with nothing that the caller gets. */
  heard(): void {
    this.#dueMs = Math.min(this.#dueMs, this.#sentMs + echoMs);
    if (this.#dueMs >= this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = this.#dueMs;
    this.#timer = this.#later(this.#dueMs - performance.now());
  }

  /** What is waited for, or `quiet` when it is time to write something meanwhile. */
  until<T>(next: Promise<T>): Promise<T | typeof quiet> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(quiet);
      next.then(resolve, reject);
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#wake = undefined;
  }

  #later(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.max(0, Math.ceil(ms))).unref();
  }

  /** The timer fired: it is time, or that has moved since the timer was set. */
  #look(): void {
    const nowMs = performance.now();
    const isDue = nowMs >= this.#dueMs;
    this.#timerMs = isDue ? nowMs + quietMs : this.#dueMs;
    this.#timer = this.#later(this.#timerMs - nowMs);
    if (isDue) this.#wake?.();
  }
}
