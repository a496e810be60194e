// Refusals of budgets, in words that name the budget and say what would make the call pass.
import { Fault } from "../kernel/fault.ts";
import type { BudgetScope } from "./budget.ts";
import { budgetFault } from "./errors.ts";
import type { Limit } from "./limit-book.ts";
import type { Counted, Counter } from "./store/counters.ts";
import type { ReservationKind } from "./reservation.ts";
import { windowEnd } from "./window.ts";

/** When to come back for room that calls under way hold, seconds; most calls have ended by then. */
const heldRetrySeconds = 5;

/** The refusal of a call that a budget has no room for. */
export function insufficient(
  { counter, asked, used, held }: { readonly counter: Counter; readonly asked: number } & Counted,
  kind: ReservationKind,
  nowMs: number,
): Fault {
  const { limit, startMs } = counter;
  const endMs = windowEnd(limit.window, startMs);
  const left = Math.max(0, (limit.amount ?? 0) - used - held);
  // A budget that reaches beyond the caller's product says nothing about how much of it others have used.
  const own = limit.scope.product !== undefined || limit.scope.key !== undefined;
  const most = kind === "call" ? ", the most that the call can use" : "";
  const underWay = held > 0 ? `, ${held} are held by calls under way` : "";
  const numbers = own ? ` of ${limit.amount}, ${left} are left${underWay} and ${asked} were asked for${most}` : "";
  // Room that only calls under way hold comes back when they end.
  const isSoon = kind === "call" && held > 0 && used + asked <= (limit.amount ?? 0);
  // What a call may use at most is more than what it will use, and callers should know what to do about it.
  const less =
    kind === "call"
      ? "name a smaller limit for the answer, wait for calls under way to give back their rest"
      : "ask for less";
  return budgetFault(
    "budget.insufficient",
    `the budget of ${nameOf(limit)} is not enough:${numbers || " ask for less"}`,
    {
      limit: `${limit.unit}/${limit.window}`,
      remedy:
        endMs === null || isSoon
          ? `${less}, or ${raising(limit)}`
          : `${less}, wait for the next ${limit.window}, or ${raising(limit)}`,
      ...(isSoon
        ? { retryAfterSeconds: heldRetrySeconds }
        : endMs === null
          ? {}
          : { retryAfterSeconds: Math.max(1, Math.ceil((endMs - nowMs) / 1000)) }),
    },
  );
}

/** How to get a larger budget in place of this one. */
function raising({ scope, unit, window }: Limit): string {
  // The command has no word for calls of no product.
  if (scope.product === null) {
    const draft = JSON.stringify({ scope, unit, window, limit: 0 }).replace(/0\}$/, "N}");
    return `have an admin set a larger budget: POST /v1/budgets ${draft}`;
  }
  const named = [
    ["--product", scope.product],
    ["--project", scope.project],
    ["--credential", scope.key],
    ["--model", scope.model],
    unit === "tokens" ? ["--tokens", "N"] : ["--dollars", "N"],
    ["--per", window],
  ].filter(([, value]) => value !== undefined);
  return `have an admin set a larger budget: charter budget set ${named.flat().join(" ")}`;
}

/** Longest wait after which asking again by itself is any use to a call, seconds. */
const shortWaitSeconds = 60;

/**
 * The refusal as a call of a model gives it: what a budget has not, and will not have in a moment, is to be paid for. Clients of
 * model APIs try a conflict again by themselves, and this not.
 */
export function asCallRefusal(error: unknown): unknown {
  if (!(error instanceof Fault) || error.code !== "budget.insufficient") return error;
  const { retryAfterSeconds } = error.facts;
  if (retryAfterSeconds !== undefined && retryAfterSeconds <= shortWaitSeconds) return error;
  return budgetFault("budget.exhausted", error.message, error.facts);
}

/** The refusal of a call whose price is unknown, under a budget in money. */
export function priceUnknown(limit: Limit): Fault {
  return budgetFault("budget.price_unknown", `what the call costs is not known, and ${nameOf(limit)} are limited`, {
    limit: `${limit.unit}/${limit.window}`,
    remedy: "use a model whose price is known, or have an admin give this one a price",
  });
}

/** A limit as a sentence names it: `tokens in a month of product AI_ASSISTANT, project default`. */
function nameOf({ unit, window, scope }: Limit): string {
  const span = window === "total" ? "in total" : window === "hour" ? "in an hour" : `in a ${window}`;
  const of = scopeText(scope);
  return `${unit} ${span}${of === "" ? "" : ` of ${of}`}`;
}

function scopeText({ product, project, key, model }: BudgetScope): string {
  const parts = [
    product === undefined ? [] : [product === null ? "calls of no product" : `product ${product}`],
    project === undefined ? [] : [`project ${project}`],
    key === undefined ? [] : [`key ${key}`],
    model === undefined ? [] : [`model ${model}`],
  ];
  return parts.flat().join(", ");
}
