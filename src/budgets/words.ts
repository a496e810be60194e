// What callers may say of budgets, for those who check words and need nothing of what counts.
export { budgetIdPattern, maxAmount } from "./budget.ts";
export { usageFields } from "./usage-fields.ts";
export { budgetWindows } from "./window.ts";
