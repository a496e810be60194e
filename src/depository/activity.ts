// What the depository remembers of the last minutes, for forecasts: bytes stored per second and uploads that were begun
// and never finished. It is advice for detectors, kept in memory and bounded; nothing durable depends on it.
import { BoundedMap } from "../kernel/bounded-map.ts";
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";

/** Window over which the rate of stored bytes is taken, milliseconds. */
const rateWindowMs = 60_000;
/** Most abandoned uploads remembered of one principal; far beyond the number from which detectors report it. */
const maxAbandoned = 100;
/** Most principals whose abandoned uploads are remembered; the oldest is forgotten first. */
const maxRemembered = 10_000;

/** Recent activity. */
export interface Activity {
  stored(bytes: number): void;
  abandoned(principalId: string): void;
  /** Bytes stored per second over the last minute. */
  bytesPerSecond(): number;
  /** Uploads a principal abandoned within the window; at most `maxAbandoned` are counted. */
  abandonedBy(principalId: string): number;
}

/** Starts remembering; `abandonedWindowMs` is how long an abandoned upload counts. */
export function openActivity(clock: Clock, abandonedWindowMs: number): Activity {
  const passing = steady(clock);
  const seconds = new Map<number, number>();
  const abandoned = new BoundedMap<string, readonly number[]>(maxRemembered);
  const second = (): number => Math.floor(passing.nowMs() / 1000);
  const recent = (times: readonly number[]): number[] =>
    times.filter((timeMs) => timeMs > passing.nowMs() - abandonedWindowMs);

  return {
    stored(bytes) {
      const now = second();
      seconds.set(now, (seconds.get(now) ?? 0) + bytes);
      for (const at of seconds.keys()) if (at <= now - rateWindowMs / 1000) seconds.delete(at);
    },
    abandoned(principalId) {
      const times = recent(abandoned.get(principalId) ?? []);
      abandoned.set(principalId, [...times, passing.nowMs()].slice(-maxAbandoned));
    },
    bytesPerSecond() {
      const now = second();
      let bytes = 0;
      for (const [at, stored] of seconds) if (at > now - rateWindowMs / 1000) bytes += stored;
      return bytes / (rateWindowMs / 1000);
    },
    abandonedBy: (principalId) => recent(abandoned.get(principalId) ?? []).length,
  };
}
