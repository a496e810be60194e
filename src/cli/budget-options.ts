// How much of what a budget allows in which window, as options of a command.
import { budgetWindows, maxAmount } from "../budgets/words.ts";
import type { Options } from "./options.ts";
import { UsageError } from "./syntax.ts";
import type { OptionSpec } from "./syntax.ts";

/** The options. */
export const budgetOptions: readonly OptionSpec[] = [
  { name: "tokens", value: "N", summary: "most tokens in one window" },
  { name: "dollars", value: "D", summary: "most US dollars in one window, to six decimals" },
  { name: "per", value: "WINDOW", summary: `${budgetWindows.join(", ")} (calendar time, UTC)` },
];

/** An amount of a unit in a window, as the API takes it. */
export interface BudgetAmount {
  readonly unit: "tokens" | "microdollars";
  readonly window: string;
  readonly limit: number;
}

/** What the options say; undefined when they say nothing. @throws UsageError for a part of it, or both units. */
export function budgetGiven(options: Options): BudgetAmount | undefined {
  const given = budgetOptions.some(({ name }) => options.text(name) !== undefined);
  return given ? budgetRequired(options) : undefined;
}

/** What the options say. @throws UsageError where they leave something out. */
export function budgetRequired(options: Options): BudgetAmount {
  const [tokens, dollars] = [options.integer("tokens", 0, maxAmount), options.text("dollars")];
  if ((tokens === undefined) === (dollars === undefined)) throw new UsageError("give one of --tokens and --dollars");
  const window = options.text("per") ?? "";
  if (!budgetWindows.some((known) => known === window)) {
    throw new UsageError(
      `--per must be one of ${budgetWindows.join(", ")}${window === "" ? "" : `, not ${JSON.stringify(window)}`}`,
    );
  }
  const unit = tokens === undefined ? "microdollars" : "tokens";
  return { unit, window, limit: tokens ?? microdollarsOf(dollars ?? "") };
}

/** Dollars as typed, in millionths, without a detour through binary fractions. */
function microdollarsOf(text: string): number {
  const [, whole = "", fraction = ""] = /^(\d{1,7})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  const micros = Number(whole) * 1_000_000 + Number(fraction.padEnd(6, "0"));
  if (whole === "" || micros > maxAmount) {
    throw new UsageError(
      `--dollars must be an amount up to ${maxAmount / 1e6} with at most six decimals, not ${JSON.stringify(text)}`,
    );
  }
  return micros;
}
