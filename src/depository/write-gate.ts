// The write gate: so many writers at once and no more. At the pause mark new writers are turned away with a time to come
// back, and the gate stays shut until enough have left, so that it does not flap at the edge. A product has a fair share of the
// places: beyond it, the gate is shut for this product alone.
import { Semaphore } from "../kernel/concurrency.ts";
import { depositoryFault } from "./errors.ts";

/** Counts writers. */
export interface WriteGate {
  /** Writers inside now. */
  readonly inside: number;
  /** Whether new writers are being turned away. */
  readonly paused: boolean;
  /** Enters for a holder, as a product, or for one that works for the whole server; or throws `writes.paused`. Dispose the result to leave. */
  enter(holder?: string): Disposable;
}

/**
 * A gate that shuts when `pauseAt` writers are inside and opens again below `reopenBelow`; who is turned away is told to
 * come back after `retryAfterSeconds`.
 */
export function openWriteGate(limits: { pauseAt: number; reopenBelow: number; retryAfterSeconds: number }): WriteGate {
  const { pauseAt, reopenBelow } = limits;
  // No one waits in line: the semaphore counts, and the gate decides when to open again.
  const writers = new Semaphore({ maxInside: pauseAt, sharesPlaces: true });
  /** The holders for which the gate is shut, and with how many writers of theirs it was. */
  const shut = new Map<string, number>();
  let paused = false;
  const shutFor = (holder: string | undefined): void => {
    if (holder === undefined || writers.inside >= pauseAt) paused = true;
    if (holder === undefined || shut.has(holder)) return;
    if (writers.heldBy(holder) > 0) shut.set(holder, writers.heldBy(holder));
  };
  return {
    get inside() {
      return writers.inside;
    },
    get paused() {
      return paused;
    },
    enter(holder) {
      const isShut = holder === undefined ? paused : shut.has(holder);
      const place = isShut ? undefined : writers.tryEnter(holder);
      if (place === undefined) {
        shutFor(holder);
        throw depositoryFault("writes.paused", "as many writers are at work as may be, and new ones wait", {
          limit: "concurrentWriters",
          remedy: "send the request again when some of the writers have ended",
          retryAfterSeconds: limits.retryAfterSeconds,
        });
      }
      return {
        [Symbol.dispose]() {
          place[Symbol.dispose]();
          if (writers.inside < reopenBelow) paused = false;
          const shutAt = holder === undefined ? undefined : shut.get(holder);
          if (holder === undefined || shutAt === undefined) return;
          if (writers.heldBy(holder) < (shutAt * reopenBelow) / pauseAt) shut.delete(holder);
        },
      };
    },
  };
}
