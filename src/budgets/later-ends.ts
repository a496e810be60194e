// Ends of reservations of which it is not known whether they took place, because a connection was lost: asked for again later. An end
// takes place once however often it is asked for, so nothing is counted twice. What is not known in the end expires like
// everything that no one ends.
import type { Reservation } from "./reservation.ts";
import type { Ended } from "./lease.ts";

/**
 * The pauses before each try, milliseconds: at once, when a connection is there again, and when the longest statement that was under
 * way as it was lost is over (15 s).
 */
const pausesMs = [0, 1_000, 5_000, 20_000] as const;

/** Most ends that are asked for later; beyond it the reservations expire. Bounds what a long failure of the database leaves behind. */
const maxWaiting = 10_000;

/** Asks again. */
export class LaterEnds implements AsyncDisposable {
  readonly #end: (ending: Reservation) => Promise<Ended>;
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  readonly #asking = new Set<Promise<void>>();
  #isClosed = false;

  /** `end` asks for an end. */
  constructor(end: (ending: Reservation) => Promise<Ended>) {
    this.#end = end;
  }

  /** How many are still to be asked for. */
  get count(): number {
    return this.#waiting.size + this.#asking.size;
  }

  /** Asks for an end until it is known what became of the reservation. */
  add(ending: Reservation): void {
    if (this.#waiting.has(ending.id) || this.#waiting.size >= maxWaiting) return;
    this.#try(ending, 0);
  }

  /** Asks for nothing more; waits for what is being asked. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    await Promise.all(this.#asking);
  }

  #try(ending: Reservation, tries: number): void {
    const pauseMs = pausesMs[tries];
    if (pauseMs === undefined || this.#isClosed) return;
    const ask = (): void => {
      this.#waiting.delete(ending.id);
      const asking = this.#ask(ending, tries).finally(() => this.#asking.delete(asking));
      this.#asking.add(asking);
    };
    this.#waiting.set(ending.id, setTimeout(ask, pauseMs).unref());
  }

  async #ask(ending: Reservation, tries: number): Promise<void> {
    try {
      // One that no table knows may still be on its way there.
      if ((await this.#end(ending)).reservation !== undefined) return;
    } catch {
      // The database is still away.
    }
    this.#try(ending, tries + 1);
  }
}
