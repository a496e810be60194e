// Turns: callers that name the same thing go one after another. Used for idempotency keys, so that a repeat that arrives
// while the first is still being stored waits for its receipt instead of storing twice.

/** Runs work for one name at a time, in order of arrival. */
export interface Turns {
  take<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** Turns for any number of names; a name is forgotten when nobody waits for it. */
export function openTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    async take(name, work) {
      const before = last.get(name);
      const turn = before ? before.then(work, work) : work();
      const settled = turn.catch(() => undefined);
      last.set(name, settled);
      try {
        return await turn;
      } finally {
        if (last.get(name) === settled) last.delete(name);
      }
    },
  };
}
