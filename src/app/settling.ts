// What a start settles, in steps that are each done once and in their order. Where the disk has no room for one, the server runs
// without it, and the steps go on from there as soon as there is room.
import type { Log } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { RetryPace } from "../kernel/retry-pace.ts";

/** One step. */
export type Step = () => Promise<unknown> | void;

/** The steps of one start. */
export class Settling implements AsyncDisposable {
  readonly #steps: readonly Step[];
  readonly #log: Log;
  readonly #pace = new RetryPace();
  readonly #later = Promise.withResolvers<void>();
  #done = 0;
  #trying: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(steps: readonly Step[], log: Log) {
    this.#steps = steps;
    this.#log = log;
  }

  /** Resolves when all steps are done that could not be done at the start. */
  get later(): Promise<void> {
    return this.#later.promise;
  }

  /** Does what can be done now; resolves with whether that was all. Rejects with what went wrong for another reason than want of room. */
  async now(): Promise<boolean> {
    try {
      await this.#run();
      return true;
    } catch (error) {
      if (!(error instanceof Fault) || !noRoom.has(error.code)) throw error;
      this.#failed(error);
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#trying;
  }

  async #run(): Promise<void> {
    for (; this.#done < this.#steps.length && !this.#isClosed; this.#done++) await this.#steps[this.#done]?.();
  }

  #failed(error: unknown): void {
    const { pauseMs, isTold } = this.#pace.failed();
    if (isTold)
      this.#log.error({ err: error }, "what the last end of this server left cannot be settled; trying again");
    this.#timer = setTimeout(() => (this.#trying = this.#again()), pauseMs).unref();
  }

  async #again(): Promise<void> {
    try {
      await this.#run();
      if (!this.#isClosed) this.#later.resolve();
    } catch (error) {
      if (!this.#isClosed) this.#failed(error);
    }
  }
}

const noRoom: ReadonlySet<string> = new Set(["ledger.full", "db.full"]);
