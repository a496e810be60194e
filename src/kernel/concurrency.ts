// How much runs at a time: a semaphore with a bounded, fair line, and a mutex by key.
//
// 1. Never more are inside than `maxInside`, and never do more wait than `maxWaiting`; no one waits longer than `maxWaitMs`.
// 2. Places are given in the order of asking; among holders that wait, in turns, so that one holder's line delays no other's.
// 3. A holder that has a name has no more than its fair share of the line (`FairShare`), and where `sharesPlaces` says so of
//    the places too. One without a name has everything to itself.
// 4. Every operation takes the same time however many wait.
import { FairShare } from "./fair-share.ts";

/** The limits of a semaphore. */
export interface SemaphoreTerms {
  /** Most that are inside at a time. */
  readonly maxInside: number;
  /** Most that wait; no one does when it is absent. */
  readonly maxWaiting?: number;
  /** Longest wait, milliseconds; any when it is absent. */
  readonly maxWaitMs?: number;
  /** Whether a holder has no more than its fair share of the places. */
  readonly sharesPlaces?: boolean;
}

interface Waiter {
  readonly resolve: (place: Disposable | undefined) => void;
  /** Ends the wait: no timer and no signal reach it any more. */
  readonly settle: () => void;
}

/** The holder without a name. */
const unnamed = "";

/** Lets so many in at a time. */
export class Semaphore {
  readonly #terms: SemaphoreTerms;
  readonly #places: FairShare;
  readonly #line: FairShare;
  /** Who waits, by holder; the holder whose turn it is first, and in each line who came first. */
  readonly #lines = new Map<string, Set<Waiter>>();
  #inside = 0;
  #waiting = 0;

  constructor(terms: SemaphoreTerms) {
    this.#terms = terms;
    this.#places = new FairShare(terms.maxInside);
    this.#line = new FairShare(terms.maxWaiting ?? 0);
  }

  /** How many are inside. */
  get inside(): number {
    return this.#inside;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How many places one holder has; known only where holders share the places. */
  heldBy(holder: string): number {
    return this.#places.heldBy(holder);
  }

  /** A place at once, to be disposed of; undefined when none is free for the holder. */
  tryEnter(holder: string = unnamed): Disposable | undefined {
    return this.#mayEnter(holder) ? this.#place(holder) : undefined;
  }

  /**
   * A place, waiting in line for one; undefined when the line is full or the wait was too long. Rejects with the signal's
   * reason when it aborts before there is a place.
   */
  async enter(holder: string = unnamed, signal?: AbortSignal): Promise<Disposable | undefined> {
    signal?.throwIfAborted();
    return this.tryEnter(holder) ?? (this.#mayWait(holder) ? this.#wait(holder, signal) : undefined);
  }

  #wait(holder: string, signal: AbortSignal | undefined): Promise<Disposable | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Disposable | undefined>();
    const leave = (): void => {
      this.#unlink(holder, waiter);
      waiter.settle();
    };
    const onAbort = (): void => {
      leave();
      reject(signal?.reason);
    };
    const onLate = (): void => {
      leave();
      resolve(undefined);
    };
    const { maxWaitMs } = this.#terms;
    const timer = maxWaitMs === undefined ? undefined : setTimeout(onLate, maxWaitMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const waiter: Waiter = { resolve, settle };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#link(holder, waiter);
    return promise;
  }

  #shares(holder: string): boolean {
    return holder !== unnamed && this.#terms.sharesPlaces === true;
  }

  #mayEnter(holder: string): boolean {
    if (this.#inside >= this.#terms.maxInside) return false;
    return !this.#shares(holder) || this.#places.fits(holder);
  }

  #mayWait(holder: string): boolean {
    if (this.#waiting >= (this.#terms.maxWaiting ?? 0)) return false;
    return holder === unnamed || this.#line.fits(holder);
  }

  #place(holder: string): Disposable {
    this.#inside++;
    if (this.#shares(holder)) this.#places.take(holder);
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        this.#inside--;
        if (this.#shares(holder)) this.#places.give(holder);
        while (this.#serveOne());
      },
    };
  }

  /** Gives one free place to the next holder in turn that may have one; false when no one could be served. */
  #serveOne(): boolean {
    if (this.#inside >= this.#terms.maxInside) return false;
    for (const [holder, line] of this.#lines) {
      const [waiter] = line;
      if (waiter === undefined || !this.#mayEnter(holder)) continue;
      this.#unlink(holder, waiter);
      // The holder that was served goes to the end of the turns.
      if (line.size > 0) {
        this.#lines.delete(holder);
        this.#lines.set(holder, line);
      }
      waiter.settle();
      waiter.resolve(this.#place(holder));
      return true;
    }
    return false;
  }

  #link(holder: string, waiter: Waiter): void {
    const line = this.#lines.get(holder);
    if (line === undefined) this.#lines.set(holder, new Set([waiter]));
    else line.add(waiter);
    if (holder !== unnamed) this.#line.take(holder);
    this.#waiting++;
  }

  #unlink(holder: string, waiter: Waiter): void {
    const line = this.#lines.get(holder);
    if (line?.delete(waiter) !== true) return;
    if (line.size === 0) this.#lines.delete(holder);
    if (holder !== unnamed) this.#line.give(holder);
    this.#waiting--;
  }
}

/** Runs work for one key at a time, in the order of asking; other keys do not wait. A key is forgotten when no one has it. */
export class KeyedMutex {
  readonly #lines = new Map<string, { last: Promise<unknown>; count: number }>();

  /** How much work there is for a key: what runs, and what waits for it. */
  countOf(key: string): number {
    return this.#lines.get(key)?.count ?? 0;
  }

  /** Runs work once all earlier work for the key has ended, however it ended; resolves or rejects as the work does. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(key);
    const own = before === undefined ? work() : before.last.then(work, work);
    const line = before ?? { last: own, count: 0 };
    line.last = own;
    line.count++;
    this.#lines.set(key, line);
    try {
      return await own;
    } finally {
      if (--line.count === 0) this.#lines.delete(key);
    }
  }
}
