// How much each product may still use, as few numbers as a dashboard needs. Pure.
import type { BudgetLine } from "../budgets/index.ts";

/** The tightest budget of a product in one unit and window. */
export interface BudgetLeft {
  /** `all` for budgets of no single product, `none` for calls of no product. */
  readonly product: string;
  readonly unit: string;
  readonly window: string;
  readonly left: number;
  readonly limit: number;
}

/**
 * For each product, unit and window the budget with the least left. Budgets of one key or one model are left out: that a
 * single caller has used up its share says nothing about the product.
 */
export function tightestBudgets(lines: readonly BudgetLine[]): readonly BudgetLeft[] {
  const tightest = new Map<string, BudgetLeft>();
  for (const { scope, unit, window, available, limit } of lines) {
    if (scope.key !== undefined || scope.model !== undefined) continue;
    const product = scope.product === undefined ? "all" : (scope.product ?? "none");
    const key = `${unit}/${window}/${product}`;
    const before = tightest.get(key);
    if (before === undefined || available < before.left) {
      tightest.set(key, { product, unit, window, left: available, limit });
    }
  }
  return [...tightest.values()];
}
