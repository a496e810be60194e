// The limits in force, looked up by call. Immutable: a change of the limits makes a new book.
//
// 1. A call is counted under every budget in force that covers it, and under its product and project in each month.
// 2. The default limit holds for a product and project that no budget names: a budget whose scope has a product or project that
//    agree, and neither key nor model, takes the default's place, whatever its unit and window.
import { covers, slotOf } from "./budget.ts";
import type { Budget, BudgetCall, BudgetScope, BudgetUnit } from "./budget.ts";
import type { BudgetWindow } from "./window.ts";

/** Something that is counted, and limited where `amount` is not null. */
export interface Limit {
  readonly slot: string;
  readonly scope: BudgetScope;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
  readonly amount: number | null;
  /** The budget that says so; undefined for the default. */
  readonly budget?: Budget;
}

/** The window in which every product and project is counted, limited or not. */
export const groundWindow = "month";

/** Most calls whose limits are remembered; more than a server has combinations of key, project and model at a time. */
const maxRemembered = 20_000;

/** Which limits cover which call. */
export class LimitBook {
  /** Grows with every change of the limits. */
  readonly version: number;
  readonly limits: readonly Limit[];
  readonly #defaultTokens: number;
  #remembered = new Map<string, readonly Limit[]>();

  constructor(version: number, budgets: readonly Budget[], defaultTokens: number) {
    this.version = version;
    this.#defaultTokens = defaultTokens;
    this.limits = budgets.map((budget) => {
      const { scope, unit, window, limit } = budget;
      return { slot: slotOf(scope, unit, window), scope, unit, window, amount: limit, budget };
    });
  }

  /** Every limit that covers the call, in no particular order; one of them counts its product and project in the month. */
  covering(call: BudgetCall): readonly Limit[] {
    const name = JSON.stringify([call.product, call.project, call.key, call.model]);
    const known = this.#remembered.get(name);
    if (known !== undefined) return known;
    const found = this.#find(call);
    if (this.#remembered.size >= maxRemembered) this.#remembered = new Map();
    this.#remembered.set(name, found);
    return found;
  }

  /** What counts a product and project in the month: the budget that someone set for exactly that, or the default. */
  ground(product: string | null, project: string): Limit {
    const scope = { product, project };
    const slot = slotOf(scope, "tokens", groundWindow);
    const set = this.limits.find((limit) => limit.slot === slot);
    return set ?? { slot, scope, unit: "tokens", window: groundWindow, amount: this.#defaultFor(product, project) };
  }

  #find(call: BudgetCall): readonly Limit[] {
    const ground = this.ground(call.product, call.project);
    const others = this.limits.filter((limit) => limit.slot !== ground.slot && covers(limit.scope, call));
    return [ground, ...others];
  }

  #defaultFor(product: string | null, project: string): number | null {
    if (this.#defaultTokens === 0) return null;
    const named = this.limits.some(({ scope }) => {
      const about = scope.product !== undefined || scope.project !== undefined;
      const whole = scope.key === undefined && scope.model === undefined;
      return about && whole && covers(scope, { product, project, key: "", model: "" });
    });
    return named ? null : this.#defaultTokens;
  }
}
