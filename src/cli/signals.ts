// SIGINT and SIGTERM for a command that drains: the first asks it to stop, the next ends the process at once.

/** One press of Ctrl-C can arrive several times (from the terminal, from npm, from the launcher), all within this time. */
const onePressMs = 300;

/** Watches for stop signals until disposed. */
export class StopSignals implements Disposable {
  /** Resolves with the name of the first signal. */
  readonly first: Promise<NodeJS.Signals>;
  readonly #resolve: (signal: NodeJS.Signals) => void;
  readonly #listener = (signal: NodeJS.Signals): void => this.#arrived(signal);
  #firstAtMs: number | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
    this.first = promise;
    this.#resolve = resolve;
    process.on("SIGINT", this.#listener).on("SIGTERM", this.#listener);
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#listener).off("SIGTERM", this.#listener);
  }

  #arrived(signal: NodeJS.Signals): void {
    const nowMs = performance.now();
    if (this.#firstAtMs === undefined) {
      this.#firstAtMs = nowMs;
      this.#resolve(signal);
    } else if (nowMs - this.#firstAtMs > onePressMs) {
      this[Symbol.dispose]();
      process.kill(process.pid, signal);
    }
  }
}
