// What the database said a moment ago, remembered by id, so that a call does not ask it again.
//
// 1. What is forgotten here is read again from the next call on; what another process changed, after `ttlMs`.
// 2. What is not there is not remembered: a flood of invented ids would push out the real ones.
import { BoundedMap } from "../kernel/bounded-map.ts";
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";

/** How long an answer is believed without asking the database, milliseconds. Another process may change it meanwhile. */
export const ttlMs = 5_000;

/** Most answers remembered; far more than a server has callers at a time, and a few megabytes at most. */
export const maxRemembered = 10_000;

/** Whether something read so long ago is still believed. */
export function isRecent(ageMs: number): boolean {
  return ageMs < ttlMs;
}

/** Remembers what `read` answers. */
export class TtlCache<V> {
  readonly #clock: Clock;
  readonly #read: (id: string) => Promise<V | undefined>;
  readonly #lookedUp: (isHit: boolean) => void;
  readonly #known = new BoundedMap<string, { readonly value: V; readonly readMs: number }>(maxRemembered);
  #forgotten = 0;

  /** @param lookedUp Told of every look-up, whether the answer was remembered. */
  constructor(
    clock: Clock,
    read: (id: string) => Promise<V | undefined>,
    lookedUp: (isHit: boolean) => void = () => {},
  ) {
    this.#lookedUp = lookedUp;
    this.#clock = steady(clock);
    this.#read = read;
  }

  /** What is known of an id, or undefined when there is no such thing. */
  async about(id: string): Promise<V | undefined> {
    const readMs = this.#clock.nowMs();
    const known = this.#known.get(id);
    const isHit = known !== undefined && isRecent(readMs - known.readMs);
    this.#lookedUp(isHit);
    if (isHit) return known.value;
    const forgotten = this.#forgotten;
    const value = await this.#read(id);
    // What was read before a change must not be remembered after it.
    if (value === undefined) this.#known.delete(id);
    else if (forgotten === this.#forgotten) this.#known.set(id, { value, readMs });
    return value;
  }

  /** Asks again the next time; called when a change of this id has become durable. */
  forget(id: string): void {
    this.#forgotten++;
    this.#known.delete(id);
  }
}
