// Signals for a command that drains: the first SIGINT or SIGTERM asks it to stop, the next ends the process at once. SIGHUP asks
// the same where the terminal is gone at which it was started; elsewhere, as under nohup, it stops nothing.

/** One press of Ctrl-C can arrive several times (from the terminal, from npm, from the launcher), all within this time. */
const onePressMs = 300;

/** Watches for stop signals until disposed. */
export class StopSignals implements Disposable {
  /** Resolves with the name of the first signal. */
  readonly first: Promise<NodeJS.Signals>;
  readonly #isAtTerminal: boolean;
  readonly #resolve: (signal: NodeJS.Signals) => void;
  readonly #listener = (signal: NodeJS.Signals): void => this.#arrived(signal);
  #firstAtMs: number | undefined;

  /** @param isAtTerminal Whether the command was started at a terminal, whose end SIGHUP then means. */
  constructor(isAtTerminal: boolean) {
    this.#isAtTerminal = isAtTerminal;
    const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
    this.first = promise;
    this.#resolve = resolve;
    process.on("SIGINT", this.#listener).on("SIGTERM", this.#listener).on("SIGHUP", this.#listener);
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#listener).off("SIGTERM", this.#listener).off("SIGHUP", this.#listener);
  }

  #arrived(signal: NodeJS.Signals): void {
    if (signal === "SIGHUP" && !this.#isAtTerminal) return;
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
