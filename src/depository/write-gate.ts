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
  /** Enters for a product, or for one that works for the whole server; or throws `writes.paused`. Dispose the result to leave. */
  enter(product?: string | null): Disposable;
}

/**
 * A gate that shuts when `pauseAt` writers are inside and opens again below `reopenBelow`; who is turned away is told to
 * come back after `retryAfterSeconds`.
 */
export function openWriteGate(limits: { pauseAt: number; reopenBelow: number; retryAfterSeconds: number }): WriteGate {
  const { pauseAt, reopenBelow } = limits;
  const shares = new FairShare(pauseAt);
  /** The products for which the gate is shut, and with how many writers of theirs it was. */
  const shut = new Map<string, number>();
  let inside = 0;
  let paused = false;
  const mayEnter = (product: string | null): boolean => {
    if (inside >= pauseAt) return false;
    return product === null ? !paused : !shut.has(product) && shares.fits(product);
  };
  const shutFor = (product: string | null): void => {
    if (product === null || inside >= pauseAt) paused = true;
    if (product !== null && !shut.has(product) && shares.heldBy(product) > 0) shut.set(product, shares.heldBy(product));
  };
  return {
    get inside() {
      return inside;
    },
    get paused() {
      return paused;
    },
    enter(product = null) {
      if (!mayEnter(product)) {
        shutFor(product);
        throw depositoryFault("writes.paused", "as many writers are at work as may be, and new ones wait", {
          limit: "concurrentWriters",
          remedy: "send the request again when some of the writers have ended",
          retryAfterSeconds: limits.retryAfterSeconds,
        });
      }
      inside += 1;
      if (product !== null) shares.take(product);
      let left = false;
      return {
        [Symbol.dispose]() {
          if (left) return;
          left = true;
          inside -= 1;
          if (inside < reopenBelow) paused = false;
          if (product === null) return;
          shares.give(product);
          const shutAt = shut.get(product);
          if (shutAt !== undefined && shares.heldBy(product) < (shutAt * reopenBelow) / pauseAt) shut.delete(product);
        },
      };
    },
  };
}
