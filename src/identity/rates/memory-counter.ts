// Counts in this process. Promises beyond those of the port:
//
// 1. Memory is bounded: at most `maxKeys` keys and `sharedCells` shared cells in each of two buckets per window length and group.
// 2. Nothing that still counts is ever forgotten. When a bucket is full, further keys share cells: they may be refused
//    earlier than alone, but no flood of other keys gives a key that is at its limit a fresh start. Keys of different groups
//    share nothing.
// 3. There is no timer: a whole bucket is dropped when the clock has passed it.
import { hash, randomBytes } from "node:crypto";
import { steady } from "../../kernel/clock.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Counter, Limit, Taken } from "./counter.ts";
import { bucketStart, fits, takenOf } from "./window.ts";
import type { Used } from "./window.ts";

/**
 * Most keys with their own count in one bucket: far more than one process serves callers in an hour, and with keys
 * of 60 characters about 8 MB, so that all window lengths together stay far below the promised 512 MB.
 */
const defaultMaxKeys = 50_000;

/** The same for each group that a limit names: kinds of callers and addresses, and models by product, so a few dozen at most. */
const maxKeysOfGroup = 16_384;

/** Cells that the keys beyond `maxKeys` share: a power of two, few compared with the keys themselves. */
const sharedCells = 16_384;

/** What was taken between two aligned edges. */
class Bucket {
  readonly #own = new Map<string, number>();
  readonly #shared = new Map<string, number>();
  readonly #maxKeys: number;
  #full = false;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  used(key: string, cellOf: (key: string) => string): number {
    return this.#own.get(key) ?? (this.#full ? (this.#shared.get(cellOf(key)) ?? 0) : 0);
  }

  add(key: string, units: number, cellOf: (key: string) => string): void {
    const own = this.#own.get(key);
    // Once full, a bucket stays full: a key that is counted in a cell must not get a fresh place of its own.
    this.#full ||= own === undefined && this.#own.size >= this.#maxKeys;
    if (own !== undefined || !this.#full) return void this.#own.set(key, (own ?? 0) + units);
    const cell = cellOf(key);
    this.#shared.set(cell, (this.#shared.get(cell) ?? 0) + units);
  }

  /** Takes units off again; @returns How many there were not. */
  remove(key: string, units: number, cellOf: (key: string) => string): number {
    const counts = this.#own.has(key) ? this.#own : this.#shared;
    const name = counts === this.#own ? key : cellOf(key);
    const held = counts.get(name) ?? 0;
    if (held > 0) counts.set(name, Math.max(0, held - units));
    return Math.max(0, units - held);
  }

  clear(key: string): void {
    this.#own.delete(key);
  }
}

/** The two buckets of one window length. */
interface Shard {
  startMs: number;
  current: Bucket;
  previous: Bucket;
}

/** The driver for one process. */
export class MemoryCounter implements Counter {
  readonly #clock: Clock;
  readonly #maxKeys: number;
  readonly #shelves = new Map<string, Shard>();
  /** No one outside knows which keys share a cell. */
  readonly #seed = randomBytes(16).toString("hex");

  constructor(clock: Clock, maxKeys: number = defaultMaxKeys) {
    this.#clock = steady(clock);
    this.#maxKeys = maxKeys;
  }

  take(key: string, limit: Limit, cost = 1): Taken {
    const { shelf, used } = this.#look(key, limit);
    if (!fits(used, limit, cost)) return takenOf(used, limit, false);
    shelf.current.add(key, cost, this.#cellOf);
    return takenOf({ ...used, current: used.current + cost }, limit, true);
  }

  give(key: string, { windowMs, group }: Limit, cost = 1): void {
    const { current, previous } = this.#turned(windowMs, group ?? "", this.#clock.nowMs());
    // An edge may lie between.
    previous.remove(key, current.remove(key, cost, this.#cellOf), this.#cellOf);
  }

  peek(key: string, limit: Limit): Taken {
    const { used } = this.#look(key, limit);
    return takenOf(used, limit, fits(used, limit, 1));
  }

  clear(key: string): void {
    for (const { current, previous } of this.#shelves.values()) {
      current.clear(key);
      previous.clear(key);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#shelves.clear();
  }

  readonly #cellOf = (key: string): string =>
    String(Number.parseInt(hash("sha256", this.#seed + key).slice(0, 8), 16) % sharedCells);

  #look(key: string, { windowMs, group }: Limit): { readonly shelf: Shard; readonly used: Used } {
    const nowMs = this.#clock.nowMs();
    const shelf = this.#turned(windowMs, group ?? "", nowMs);
    const used = {
      previous: shelf.previous.used(key, this.#cellOf),
      current: shelf.current.used(key, this.#cellOf),
      elapsedMs: nowMs - shelf.startMs,
    };
    return { shelf, used };
  }

  /** The shelf of a window length and group, turned on to the bucket of now. */
  #turned(windowMs: number, group: string, nowMs: number): Shard {
    const startMs = bucketStart(nowMs, windowMs);
    const name = `${windowMs} ${group}`;
    const empty = () => new Bucket(group === "" ? this.#maxKeys : Math.min(this.#maxKeys, maxKeysOfGroup));
    const shelf = this.#shelves.get(name);
    if (shelf === undefined) {
      const made = { startMs, current: empty(), previous: empty() };
      this.#shelves.set(name, made);
      return made;
    }
    const behindMs = startMs - shelf.startMs;
    if (behindMs > 0) {
      shelf.previous = behindMs === windowMs ? shelf.current : empty();
      shelf.current = empty();
    }
    shelf.startMs = startMs;
    return shelf;
  }
}
