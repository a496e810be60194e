// The write gate: so many writers at once and no more. At the pause mark new writers are turned away with a time to come
// back, and the gate stays shut until enough have left, so that it does not flap at the edge.
import { depositoryFault } from "./errors.ts";

/** Counts writers. */
export interface WriteGate {
  /** Writers inside now. */
  readonly inside: number;
  /** Whether new writers are being turned away. */
  readonly paused: boolean;
  /** Enters, or throws `writes.paused`. Dispose what it returns to leave. */
  enter(): Disposable;
}

/**
 * A gate that shuts when `pauseAt` writers are inside and opens again below `reopenBelow`; who is turned away is told to
 * come back after `retryAfterSeconds`.
 */
export function openWriteGate(limits: { pauseAt: number; reopenBelow: number; retryAfterSeconds: number }): WriteGate {
  let inside = 0;
  let paused = false;
  return {
    get inside() {
      return inside;
    },
    get paused() {
      return paused;
    },
    enter() {
      if (paused || inside >= limits.pauseAt) {
        paused = true;
        throw depositoryFault("writes.paused", "as many writers are at work as may be, and new ones wait", {
          limit: "concurrentWriters",
          remedy: `send the request again when fewer than ${limits.reopenBelow} writers are at work`,
          retryAfterSeconds: limits.retryAfterSeconds,
        });
      }
      inside += 1;
      let left = false;
      return {
        [Symbol.dispose]() {
          if (left) return;
          left = true;
          inside -= 1;
          if (inside < limits.reopenBelow) paused = false;
        },
      };
    },
  };
}
