// When keys were last seen. Seen keys are noted in memory and written together once a minute: it is bookkeeping about
// calls that have their own record, not a change that a caller made, so it passes no gate and may lose its last minute.
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { KeyWriter } from "./keys.ts";

/** How often what was seen is written, milliseconds. */
const writeEveryMs = 60_000;

/** Notes when keys were last seen. */
export class LastUses implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #keys: Pick<KeyWriter, "markUsed">;
  readonly #timer: NodeJS.Timeout;
  #seen = new Map<string, number>();

  constructor(keys: Pick<KeyWriter, "markUsed">, clock: Clock, log: Log) {
    this.#keys = keys;
    this.#clock = clock;
    this.#log = log;
    this.#timer = setInterval(() => void this.write(), writeEveryMs).unref();
  }

  /** A key has just been used. */
  saw(id: string): void {
    this.#seen.set(id, this.#clock.nowMs());
  }

  /** Writes what was seen since the last time; what cannot be written is given up. */
  async write(): Promise<void> {
    const seen = this.#seen;
    this.#seen = new Map();
    try {
      await this.#keys.markUsed(seen);
    } catch (error) {
      this.#log.warn({ err: error, keys: seen.size }, "could not note when keys were last used");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.write();
  }
}
