// Wakes those who wait for something to happen in this process.

/** One who waits. */
export interface Watch extends Disposable {
  /** What is told from here on counts as new. */
  seen(): void;
  /** Resolves when something new is told, at once where it was already, and otherwise after so many milliseconds or with the signal. */
  next(mostMs: number, signal: AbortSignal): Promise<void>;
}

/** Who waits for what, by name. */
export class News {
  readonly #watching = new Map<string, Set<() => void>>();

  /** Something has happened under a name. */
  tell(name: string): void {
    for (const wake of this.#watching.get(name) ?? []) wake();
  }

  /** Watches a name until it is disposed of. */
  watch(name: string): Watch {
    let isNew = false;
    let wake: (() => void) | undefined;
    const told = (): void => {
      isNew = true;
      wake?.();
    };
    const all = this.#watching.get(name) ?? new Set();
    this.#watching.set(name, all.add(told));
    return {
      seen: () => void (isNew = false),
      next: (mostMs, signal) =>
        new Promise((resolve) => {
          if (isNew || signal.aborted) return resolve();
          const over = (): void => {
            clearTimeout(timer);
            signal.removeEventListener("abort", over);
            wake = undefined;
            resolve();
          };
          const timer = setTimeout(over, mostMs);
          signal.addEventListener("abort", over, { once: true });
          wake = over;
        }),
      [Symbol.dispose]: () => {
        all.delete(told);
        if (all.size === 0 && this.#watching.get(name) === all) this.#watching.delete(name);
      },
    };
  }
}
