// Forgets what is over, about once a minute: every sweep of every module, one after the other, whatever becomes of those before it.
import type { Log } from "../kernel/ctx.ts";

/** How often is swept, milliseconds. */
export const sweepEveryMs = 60_000;

/** One sweep, and whose it is. */
export interface Sweep {
  readonly module: string;
  readonly sweep: () => Promise<unknown>;
}

/** The sweeps of a server. Disposing of it waits for the one under way. */
export class Sweeping implements AsyncDisposable {
  readonly #sweeps: readonly Sweep[];
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  #under: Promise<void> | undefined;
  #isClosed = false;

  constructor(sweeps: readonly Sweep[], log: Log) {
    this.#sweeps = sweeps;
    this.#log = log;
    this.#timer = setInterval(() => {
      this.#under ??= this.#all().finally(() => (this.#under = undefined));
    }, sweepEveryMs).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#under;
  }

  async #all(): Promise<void> {
    for (const { module, sweep } of this.#sweeps) {
      if (this.#isClosed) return;
      try {
        await sweep();
      } catch (error) {
        this.#log.warn({ err: error, module }, "could not sweep; trying again later");
      }
    }
  }
}
