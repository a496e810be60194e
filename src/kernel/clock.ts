// Time is injected and UTC, so that tests own it and records agree on one form.

/** Where the time comes from. */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. */
  nowMs(): number;
  /** The same time as it passes since the start, whatever the clock is set to. Absent for a clock that no one sets. */
  readonly steady?: Clock;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  steady: { nowMs: () => Math.floor(performance.timeOrigin + performance.now()) },
};

/** What durations are measured with: setting the clock must not make a pause longer or shorter. */
export function steady(clock: Clock): Clock {
  return clock.steady ?? clock;
}

let [lastMs, lastText] = [0, new Date(0).toISOString()];

/** An instant as RFC 3339 with milliseconds and Z, the form every record uses. What happens at once is spelled once. */
export function instant(timeMs: number): string {
  if (timeMs !== lastMs) [lastText, lastMs] = [new Date(timeMs).toISOString(), timeMs];
  return lastText;
}
