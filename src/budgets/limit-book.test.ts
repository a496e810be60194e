import { describe, expect, it } from "vitest";
import { slotOf } from "./budget.ts";
import type { Budget, BudgetDraft, BudgetId } from "./budget.ts";
import { LimitBook } from "./limit-book.ts";

const call = { product: "P", project: "default", key: "k", model: "m" };
const budget = (scope: BudgetDraft["scope"], more: Partial<BudgetDraft> = {}): Budget => ({
  id: "bud_1" as BudgetId,
  scope,
  unit: "tokens",
  window: "day",
  limit: 7,
  createdAt: "",
  createdBy: "",
  ...more,
});
const amounts = (budgets: readonly Budget[], of = call) =>
  new LimitBook(1, budgets, 100).covering(of).map(({ window, amount }) => `${window} ${amount}`);

describe("the limits of a call", () => {
  it("are those whose every field agrees with it", () => {
    const agreeing = [{}, { key: "k" }, { model: "m" }, { key: "k", model: "m" }].map((scope) => budget(scope));
    const other = [{ product: "Q" }, { product: null }, { project: "x" }, { key: "l" }, { key: "k", model: "n" }];
    expect(amounts([...agreeing, ...other.map((scope) => budget(scope))])).toEqual([
      "month 100",
      ...agreeing.map(() => "day 7"),
    ]);
  });

  it("have the default where no budget names the product or the project as a whole", () => {
    const displacing = [{ product: "P" }, { project: "default" }, { product: "P", project: "default" }];
    for (const scope of displacing) expect(amounts([budget(scope, { unit: "microdollars" })])[0]).toBe("month null");
    const beside = [{}, { product: "P", model: "m" }, { product: "P", key: "k" }, { product: "Q" }, { project: "x" }];
    for (const scope of beside) expect(amounts([budget(scope)])[0]).toBe("month 100");
    expect(new LimitBook(1, [], 0).covering(call).map(({ amount }) => amount)).toEqual([null]);
  });

  it("count the product and project once, under the budget that somebody set for just that", () => {
    const set = budget({ product: "P", project: "default" }, { window: "month", limit: 5 });
    expect(amounts([set])).toEqual(["month 5"]);
  });

  it("are counted under names that no two scopes share", () => {
    const scopes = [
      {},
      { product: null },
      { product: "0" },
      { product: "P" },
      { project: "P" },
      { key: "P" },
      { model: "P" },
    ];
    const slots = scopes.flatMap((scope) => [slotOf(scope, "tokens", "day"), slotOf(scope, "microdollars", "day")]);
    expect(new Set(slots).size).toBe(2 * scopes.length);
  });
});
