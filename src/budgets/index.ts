// The entry point of budgets: room is reserved before a call and settled after it.
export { budgetIdPattern, budgetUnits, maxAmount } from "./budget.ts";
export type { Budget, BudgetDraft, BudgetId, BudgetScope, BudgetUnit } from "./budget.ts";
export { openBudgets } from "./budgets.ts";
export type { BudgetParts, Budgets } from "./budgets.ts";
export type { Claim, Claimed, ClaimOf, GovernedBudgets } from "./governed-budgets.ts";
export type { LeaseTerms } from "./store/postgres.ts";
export type {
  Flex,
  Reservation,
  ReservationId,
  ReservationKind,
  Reserved,
  ReserveRequest,
  TokenParts,
} from "./reservation.ts";
export { freshLine } from "./state.ts";
export type { BudgetLine, BudgetState, StateQuery } from "./state.ts";
export { asCallRefusal } from "./refusal.ts";
export { usageFields } from "./usage-fields.ts";
export type { UsageField } from "./usage-fields.ts";
export { compareNames, maxReportDays } from "./usage-report.ts";
export type { ProviderOf, UsageLine, UsageQuestion, UsageReport } from "./usage-report.ts";
export { budgetMigrations } from "./store/migrations.ts";
export { budgetWindows } from "./window.ts";
export type { BudgetWindow } from "./window.ts";
