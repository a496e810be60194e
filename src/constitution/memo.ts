// Remembers decisions by shape. A decision depends on its shape and the constitution alone, so it never goes stale.
import type { Decision } from "./decision.ts";

/**
 * Most decisions remembered: about 4 MB. Real traffic has a few hundred shapes; a caller that makes up others only
 * pushes out the oldest, and pays for an evaluation each time.
 */
export const maxRememberedDecisions = 8192;

/** A memory of decisions that holds at most `limit`. */
export interface Memo {
  /** The remembered decision, or the computed one, which is then remembered. */
  get(key: number, compute: () => Decision): Decision;
  readonly size: number;
}

/** An empty memory; when it is full the oldest decision is forgotten. */
export function memoOf(limit: number = maxRememberedDecisions): Memo {
  const known = new Map<number, Decision>();
  return {
    get(key, compute) {
      const remembered = known.get(key);
      if (remembered !== undefined) return remembered;
      const decision = compute();
      const [oldest] = known.size >= limit ? known.keys() : [];
      if (oldest !== undefined) known.delete(oldest);
      known.set(key, decision);
      return decision;
    },
    get size() {
      return known.size;
    },
  };
}
