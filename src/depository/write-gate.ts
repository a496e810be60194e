// The write gate: so many writers at once and no more. At the pause mark new writers are turned away with a time to come
// back, and the gate stays shut until enough have left, so that it does not flap at the edge. A product has a fair share of the
// places: beyond it, the gate is shut for this product alone.
import { FairShare } from "../kernel/fair-share.ts";
import { depositoryFault } from "./errors.ts";

/** Counts writers. */
export interface WriteGate {
  /** Writers inside now. */
  readonly inside: number;
  /** Whether new writers are being turned away. */
  readonly paused: boolean;
  /** Enters for a holder, as a product, or for one that works for the whole server; or throws `writes.paused`. Dispose the result to leave. */
  enter(holder?: string | null): Disposable;
}

/**
 * A gate that shuts when `pauseAt` writers are inside and opens again below `reopenBelow`; who is turned away is told to
 * come back after `retryAfterSeconds`.
 */
export function openWriteGate(limits: { pauseAt: number; reopenBelow: number; retryAfterSeconds: number }): WriteGate {
  const { pauseAt, reopenBelow } = limits;
  const shares = new FairShare(pauseAt);
  /** The holders for which the gate is shut, and with how many writers of theirs it was. */
  const shut = new Map<string, number>();
  let inside = 0;
  let paused = false;
  const mayEnter = (holder: string | null): boolean => {
    if (inside >= pauseAt) return false;
    return holder === null ? !paused : !shut.has(holder) && shares.fits(holder);
  };
  const shutFor = (holder: string | null): void => {
    if (holder === null || inside >= pauseAt) paused = true;
    if (holder !== null && !shut.has(holder) && shares.heldBy(holder) > 0) shut.set(holder, shares.heldBy(holder));
  };
  return {
    get inside() {
      return inside;
    },
    get paused() {
      return paused;
    },
    enter(holder = null) {
      if (!mayEnter(holder)) {
        shutFor(holder);
        throw depositoryFault("writes.paused", "as many writers are at work as may be, and new ones wait", {
          limit: "concurrentWriters",
          remedy: "send the request again when some of the writers have ended",
          retryAfterSeconds: limits.retryAfterSeconds,
        });
      }
      inside += 1;
      if (holder !== null) shares.take(holder);
      let left = false;
      return {
        [Symbol.dispose]() {
          if (left) return;
          left = true;
          inside -= 1;
          if (inside < reopenBelow) paused = false;
          if (holder === null) return;
          shares.give(holder);
          const shutAt = shut.get(holder);
          if (shutAt !== undefined && shares.heldBy(holder) < (shutAt * reopenBelow) / pauseAt) shut.delete(holder);
        },
      };
    },
  };
}
