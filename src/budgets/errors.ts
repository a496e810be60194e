// What budgets refuse, as callers may read it.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of budgets, each with its HTTP status and its public meaning. */
export const budgetCodes = {
  "budget.insufficient": [409, "A budget that covers the call has not enough left."],
  "budget.exhausted": [
    402,
    "A budget that covers the call of a model has not enough left, and waiting a moment is no use.",
  ],
  "budget.price_unknown": [402, "A budget in money covers the call, and what the call costs is not known."],
  "budget.not_found": [404, "There is no such budget or reservation, or it belongs to another product."],
  "budget.ended": [409, "The reservation has been settled, released or has expired."],
  "budget.invalid": [400, "A budget, an amount or a name is not of the form that budgets have."],
} as const;

/** Makes a fault of budgets. */
export const budgetFault = faultsOf(budgetCodes);
