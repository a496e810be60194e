// A clock that passes, and that somebody sets: its steady part notices the first alone.
import type { Clock } from "../../src/kernel/clock.ts";

/** A clock that a test moves. */
export interface SteppedClock extends Clock {
  /** Time passes, milliseconds. */
  pass(ms: number): void;
  /** Somebody sets the clock on, or back. */
  step(ms: number): void;
}

/** A clock that begins at an instant, milliseconds since the Unix epoch. */
export function steppedClock(startMs = Date.UTC(2026, 0, 1)): SteppedClock {
  let [passedMs, setMs] = [startMs, 0];
  return {
    nowMs: () => passedMs + setMs,
    steady: { nowMs: () => passedMs },
    pass: (ms) => void (passedMs += ms),
    step: (ms) => void (setMs += ms),
  };
}
