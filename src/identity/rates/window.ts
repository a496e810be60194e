// The arithmetic of the sliding-window counter, the same for every driver: two aligned buckets, and of the older one the
// share that the window ending now still covers. The technique is Cloudflare's ("How we built rate limiting capable of
// scaling to millions of domains", 2017): it needs two numbers per key and assumes that the older bucket filled evenly.
import type { Limit, Taken } from "./counter.ts";

/** What a key has used, in two aligned buckets. */
export interface Used {
  /** Units admitted in the bucket before the current one. */
  readonly previous: number;
  /** Units admitted in the current bucket. */
  readonly current: number;
  /** How long ago the current bucket began, milliseconds; below the window's length. */
  readonly elapsedMs: number;
}

/** Where the bucket of an instant begins, milliseconds since the Unix epoch. */
export function bucketStart(nowMs: number, windowMs: number): number {
  return nowMs - (nowMs % windowMs);
}

/**
 * Whether so many units more fit: previous x (1 - elapsed / window) + current + cost <= limit.
 * Multiplied out, so that integers are compared; they stay exact while limit x window is at most 2^53 - 1.
 */
export function fits({ previous, current, elapsedMs }: Used, { limit, windowMs }: Limit, cost: number): boolean {
  return previous * (windowMs - elapsedMs) + (current + cost) * windowMs <= limit * windowMs;
}

/** Where a key stands, as callers hear it. */
export function takenOf(used: Used, limit: Limit, allowed: boolean): Taken {
  const { previous, current, elapsedMs } = used;
  const { windowMs } = limit;
  const free = limit.limit * windowMs - previous * (windowMs - elapsedMs) - current * windowMs;
  return {
    allowed,
    remaining: Math.max(0, Math.floor(free / windowMs)),
    resetMs: untilOneFits(used, limit),
    freshMs: current > 0 ? 2 * windowMs - elapsedMs : previous > 0 ? windowMs - elapsedMs : 0,
  };
}

/** Milliseconds until one unit fits when no one takes any meanwhile. */
function untilOneFits(used: Used, limit: Limit): number {
  if (fits(used, limit, 1)) return 0;
  const { previous, current, elapsedMs } = used;
  const { windowMs } = limit;
  const besidePrevious = limit.limit - 1 - current;
  if (besidePrevious >= 0) return instantOfShare(besidePrevious, previous, windowMs) - elapsedMs;
  return windowMs - elapsedMs + instantOfShare(limit.limit - 1, current, windowMs);
}

/** The first millisecond of a bucket at which what counts of the bucket before it is at most `most` units. */
function instantOfShare(most: number, before: number, windowMs: number): number {
  return windowMs - Math.floor((most * windowMs) / before);
}
