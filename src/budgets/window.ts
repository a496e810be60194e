// Windows of time that budgets run over: calendar hours, days and months in UTC, and all of time.

/** How long a budget lasts before it starts again. */
export const budgetWindows = ["hour", "day", "month", "total"] as const;
/** How long a budget lasts before it starts again. */
export type BudgetWindow = (typeof budgetWindows)[number];

/** One calendar hour, milliseconds. UTC as Unix counts it has no leap seconds, so hours and days divide evenly. */
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** When the window that holds a moment began, milliseconds; 0 for `total`. */
export function windowStart(window: BudgetWindow, atMs: number): number {
  if (window === "hour") return atMs - (atMs % hourMs);
  if (window === "day") return atMs - (atMs % dayMs);
  return window === "month" ? monthStart(atMs, 0) : 0;
}

/** When the window that began at `startMs` ends, milliseconds, not included; null when it never does. */
export function windowEnd(window: BudgetWindow, startMs: number): number | null {
  if (window === "hour") return startMs + hourMs;
  if (window === "day") return startMs + dayMs;
  return window === "month" ? monthStart(startMs, 1) : null;
}

function monthStart(atMs: number, later: number): number {
  const date = new Date(atMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later);
}
