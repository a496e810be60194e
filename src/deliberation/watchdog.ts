// The watchdog of a deliberation: rings twice, once when the branches have had their time and once when everything has.

/** Calls back after a time, milliseconds; what it returns takes the callback back. */
export type Alarm = (afterMs: number, ring: () => void) => () => void;

/** The process's own timers. A watchdog keeps no process alive. */
export const timerAlarm: Alarm = (afterMs, ring) => {
  const timer = setTimeout(ring, afterMs).unref();
  return () => clearTimeout(timer);
};

/** How long a deliberation may take, milliseconds. */
export interface WatchdogLimits {
  /** From the start to the answer. */
  readonly allMs: number;
  /** From the start until the answers that are there are weighed without waiting for the rest. */
  readonly branchesMs: number;
}

/**
 * 5 s is the predecessor's watchdog: a person waits for the answer. The branches get 3.2 s of it (chosen), so that the
 * synthesis, one call about as long as a plain branch, has the rest.
 */
export const watchdogLimits: WatchdogLimits = { allMs: 5000, branchesMs: 3200 };

/** Two bells over one deliberation. */
export class Watchdog implements Disposable {
  /** Resolves when the branches have had their time. */
  readonly branches: Promise<void>;
  /** Resolves when everything has had its time. */
  readonly all: Promise<void>;
  readonly #stops: readonly (() => void)[];
  #rang = false;

  constructor(alarm: Alarm, limits: WatchdogLimits) {
    const branches = Promise.withResolvers<void>();
    const all = Promise.withResolvers<void>();
    this.branches = branches.promise;
    this.all = all.promise;
    this.#stops = [
      alarm(limits.branchesMs, branches.resolve),
      alarm(limits.allMs, () => {
        this.#rang = true;
        branches.resolve();
        all.resolve();
      }),
    ];
  }

  /** Whether the time is over. */
  get rang(): boolean {
    return this.#rang;
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop();
  }
}
