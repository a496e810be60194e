// A budget: how much of one unit the calls of a scope may use in one window. Pure.
import type { Clock } from "../kernel/clock.ts";
import { newId } from "../kernel/ids.ts";
import type { Id } from "../kernel/ids.ts";
import { budgetFault } from "./errors.ts";
import { budgetWindows } from "./window.ts";
import type { BudgetWindow } from "./window.ts";

/** What budgets count. */
export const budgetUnits = ["tokens", "microdollars"] as const;
/** What a budget counts. Microdollars are millionths of a US dollar. */
export type BudgetUnit = (typeof budgetUnits)[number];

/** Identifies a budget: `bud_` and a UUIDv7. */
export type BudgetId = Id<"budget">;
/** The form of a budget's id, as a pattern. */
export const budgetIdPattern = "^bud_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

/** A new id. */
export function newBudgetId(clock: Clock): BudgetId {
  return `bud_${newId<"budget">(clock)}` as BudgetId;
}

/** Which calls a budget covers: those that agree with every field given. A product of null means calls of no product. */
export interface BudgetScope {
  readonly product?: string | null;
  readonly project?: string;
  /** The credential, by its public id. */
  readonly key?: string;
  readonly model?: string;
}

/** What a budget is to be. */
export interface BudgetDraft {
  readonly scope: BudgetScope;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
  /** Most that may be used in one window, in whole units; 0 admits nothing. */
  readonly limit: number;
}

/** A budget that someone set. It never changes: the next one of its scope, unit and window supersedes it. */
export interface Budget extends BudgetDraft {
  readonly id: BudgetId;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
  /** Public id of the credential that set it. */
  readonly createdBy: string;
}

/** Who calls what: the fields that scopes are compared with. */
export interface BudgetCall {
  readonly product: string | null;
  readonly project: string;
  readonly key: string;
  readonly model: string;
}

/** Largest amount in one request or limit, in whole units; 9 000 of them still add up to an exact integer. */
export const maxAmount = 1_000_000_000_000;

/** Most that a counter holds: beyond it, sums would no longer be exact integers (2^53 is 9.007e15). */
export const maxCounted = 9_000_000_000_000_000;

/** Longest name in a scope or call, characters. */
export const maxNameLength = 200;

/** Whether every given field of the scope agrees with the call. */
export function covers(scope: BudgetScope, call: BudgetCall): boolean {
  return (
    (scope.product === undefined || scope.product === call.product) &&
    (scope.project === undefined || scope.project === call.project) &&
    (scope.key === undefined || scope.key === call.key) &&
    (scope.model === undefined || scope.model === call.model)
  );
}

/** The name under which a scope, unit and window are counted. Two budgets of one slot supersede each other. */
export function slotOf(scope: BudgetScope, unit: BudgetUnit, window: BudgetWindow): string {
  const { product, project, key, model } = scope;
  // 0 stands for "any", which no name can be; null is the product of calls that have none.
  return `${unit}/${window}/${JSON.stringify([product === undefined ? 0 : product, project ?? 0, key ?? 0, model ?? 0])}`;
}

/** Checks what the caller made up. @throws `budget.invalid`. */
export function checkDraft({ scope, unit, window, limit }: BudgetDraft): void {
  if (!budgetUnits.includes(unit)) throw invalid("the unit of a budget is tokens or microdollars", "unit");
  if (!budgetWindows.includes(window)) throw invalid("the window is hour, day, month or total", "window");
  checkAmount(limit, "limit");
  for (const field of ["product", "project", "key", "model"] as const) {
    const name = scope[field];
    if (typeof name === "string") checkName(name, field);
  }
}

/** Checks a number of units. @throws `budget.invalid`. */
export function checkAmount(amount: number, at: string): void {
  if (Number.isInteger(amount) && amount >= 0 && amount <= maxAmount) return;
  throw invalid(`${at} is a whole number from 0 to ${maxAmount}`, at);
}

/** Checks a name: not empty, not too long, and text that every database keeps as it is. @throws `budget.invalid`. */
export function checkName(name: string, at: string): void {
  const fits = name.length > 0 && name.length <= maxNameLength;
  if (fits && name.isWellFormed() && !name.includes("\0")) return;
  throw invalid(`${at} is a name of 1 to ${maxNameLength} characters`, at);
}

function invalid(detail: string, at: string) {
  return budgetFault("budget.invalid", detail, { at });
}
