// The operations of budgets.
import { change, read } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

/**
 * What can be asked of budgets. Anyone who may see what a product does may see what that costs; for more than the own product
 * `budget.view` is needed besides.
 */
export const budgetsOperations = {
  "budget.request": change("task.create", "data"),
  "budget.commit": change("task.create", "data"),
  "budget.release": change("task.create", "data"),
  "budget.state": read("task.view"),
  "budget.set": change("budget.configure"),
  "budget.list": read("task.view"),
  "budget.clear": change("budget.configure"),
  "usage.read": read("task.view"),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof budgetsOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
