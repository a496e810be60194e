// How budgets look in a terminal: bars, amounts with their unit, and whose they are.
import type { Io } from "./io.ts";
import { tint } from "./io.ts";
import { fieldNumber, fieldText, recordOf } from "./record.ts";

/** Cells of a bar. */
const barCells = 20;

/** A bar of what is used and held under a limit: green, from 70 % yellow, from 90 % red. */
export function budgetBar(io: Io, line: unknown): string {
  const [used, held, limit] = ["used", "held", "limit"].map((name) => fieldNumber(line, name) ?? 0) as [
    number,
    number,
    number,
  ];
  const share = limit === 0 ? 1 : (used + held) / limit;
  const cells = (amount: number): number =>
    limit === 0 ? barCells : Math.min(barCells, Math.round((amount / limit) * barCells));
  const [full, taken] = [cells(used), cells(used + held)];
  const bar = "█".repeat(full) + "▒".repeat(taken - full) + "░".repeat(barCells - taken);
  return `${tint(io, share >= 0.9 ? "red" : share >= 0.7 ? "yellow" : "green", bar)} ${percentText(share).padStart(5)}`;
}

/** `0 %`, `37 %`, `100 %`; never 100 before the last unit is taken, and never 0 once the first is. */
function percentText(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 1) return "<1 %";
  return `${Math.floor(percent)} %`;
}

/** An amount of a budget's line with thousands apart, dollars with their sign. */
export function limitText(line: unknown, name: string): string {
  const amount = fieldNumber(line, name) ?? 0;
  return fieldText(line, "unit") === "microdollars" ? dollarText(amount) : countText(amount);
}

/** `$0.00`, `$12.5001`, `$1,250.00`: as many decimals as there are, at least two. */
export function dollarText(microdollars: number): string {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 6 };
  return `$${(microdollars / 1e6).toLocaleString("en-US", digits)}`;
}

function callsText(calls: number): string {
  return `${countText(calls)} ${calls === 1 ? "call" : "calls"}`;
}

function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** Whose calls a budget covers: `AI_ASSISTANT / exams, model gpt-5`. */
export function whoseText(line: unknown): string {
  const scope = recordOf(recordOf(line)["scope"]);
  const product = Object.hasOwn(scope, "product") ? (fieldText(scope, "product") ?? "no product") : undefined;
  const [project, key, model] = ["project", "key", "model"].map((name) => fieldText(scope, name));
  const parts = [
    ...(product === undefined && project === undefined
      ? []
      : [[product ?? "any product", project].filter(Boolean).join(" / ")]),
    ...(key === undefined ? [] : [`credential ${key}`]),
    ...(model === undefined ? [] : [`model ${model}`]),
  ];
  return parts.length === 0 ? "every call" : parts.join(", ");
}

/** When a budget is whole again: `2026-07-01 00:00 UTC`, or `never`. */
export function resetText(line: unknown): string {
  const until = fieldText(line, "until");
  return until === undefined ? "never" : `${until.slice(0, 10)} ${until.slice(11, 16)} UTC`;
}

/** What was used in a window: calls, tokens, cost. */
export function usageText(state: unknown, window: "day" | "month"): string {
  const [calls, tokens, microdollars, unpriced] = ["calls", "tokens", "microdollars", "unpriced"].map(
    (name) => fieldNumber(state, `usage.${window}.${name}`) ?? 0,
  ) as [number, number, number, number];
  const words = [callsText(calls), `${countText(tokens)} tokens`, dollarText(microdollars)];
  return words.join(", ") + (unpriced === 0 ? "" : ` (the cost of ${callsText(unpriced)} is not known)`);
}
