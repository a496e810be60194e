// Time is injected and UTC, so that tests own it and records agree on one form.

/** Where the time comes from. */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. */
  nowMs(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = { nowMs: () => Date.now() };

let [lastMs, lastText] = [0, new Date(0).toISOString()];

/** An instant as RFC 3339 with milliseconds and Z, the form every record uses. What happens at once is spelled once. */
export function instant(timeMs: number): string {
  if (timeMs !== lastMs) [lastText, lastMs] = [new Date(timeMs).toISOString(), timeMs];
  return lastText;
}
