// Budgets through the gate: who may set limits, and the claims of callers that manage their own work.
//
// 1. A claim is made, committed and released on account of one product: the caller's own, or one that an admin names.
// 2. Limits are set and cleared by admins that belong to no product, and by none who is held to one by its own key.
// 3. A caller that belongs to a product sees its budgets and what it used, and nothing of another's. Only one whose role has
//    `budget.view` sees more than that, or, where its own calls are bound, more than what its credential used itself.
import type { Transaction } from "kysely";
import type { Constitution } from "../constitution/index.ts";
import { governanceFault, heldBy } from "../governance/index.ts";
import type { Attempt, Receipted, Gate } from "../governance/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { digestOfJson } from "../kernel/hash.ts";
import type { OperationName } from "../kernel/operation.ts";
import { newId } from "../kernel/ids.ts";
import { publicNames } from "../kernel/json-case.ts";
import { newBudgetId } from "./budget.ts";
import type { Budget, BudgetDraft } from "./budget.ts";
import type { Budgets } from "./budgets.ts";
import { budgetFault } from "./errors.ts";
import { defaultProject } from "./reservation.ts";
import type { Reservation } from "./reservation.ts";
import type { BudgetLine, BudgetState, StateQuery } from "./state.ts";
import type { BudgetPage } from "./store/limits.ts";
import type { ProviderOf, UsageQuestion, UsageReport } from "./usage-report.ts";

/** What a caller claims. */
export interface Claim {
  /** The product that pays; the caller's own when absent. */
  readonly product?: string;
  readonly project?: string;
  readonly task: string;
  readonly purpose: string;
  readonly model: string;
  readonly tokens: number;
  /** Absent when the price is not known. */
  readonly microdollars?: number;
  /** Makes the request idempotent for 300 s; a new one when absent. */
  readonly requestId?: string;
}

/** A claim that was admitted, or one whose twin is still being decided. */
export type Claimed =
  | { readonly outcome: "approved"; readonly reservation: Reservation; readonly duplicate: boolean }
  | { readonly outcome: "in_progress"; readonly requestId: string };

/** How a claim is named afterwards. */
export interface ClaimOf {
  readonly product?: string;
  readonly project?: string;
  readonly task?: string;
  readonly requestId: string;
}

/** Budgets, governed. */
export interface GovernedBudgets {
  /** Reserves room. Rejects with `budget.insufficient`, `budget.price_unknown`, `budget.invalid` or `product.not_found`. */
  request(ctx: Ctx, claim: Claim): Promise<Receipted<Claimed>>;
  /**
   * Charges what was used, beyond the claim as far as the budgets have room; the same commit again changes nothing. Rejects with
   * `budget.not_found` or `budget.ended`.
   */
  commit(ctx: Ctx, claim: ClaimOf, tokens: number, microdollars: number | null): Promise<Receipted<Reservation>>;
  /** Gives the room back; the same release again changes nothing. Rejects with `budget.not_found` or `budget.ended`. */
  release(ctx: Ctx, claim: ClaimOf): Promise<Receipted<Reservation>>;
  state(ctx: Ctx, query: StateQuery): Promise<BudgetState>;
  /** Sets a limit. Rejects with `budget.invalid` or `product.not_found`. */
  set(ctx: Ctx, draft: BudgetDraft): Promise<Receipted<Budget>>;
  /** Takes a limit out of force. Rejects with `budget.not_found`. */
  clear(ctx: Ctx, id: string): Promise<Receipted<Budget>>;
  list(ctx: Ctx, page: Omit<BudgetPage, "product">): Promise<readonly Budget[]>;
  /** What was used, as far as the caller may know of it. Rejects as `Budgets.usage` does. */
  usage(ctx: Ctx, question: UsageQuestion, providerOf: ProviderOf): Promise<UsageReport>;
}

/** What governed budgets are made of. */
export interface GovernedBudgetParts {
  readonly gate: Gate;
  readonly budgets: Budgets;
  readonly constitution: Constitution;
}

/** Whether a charge is for so much used: the same, or as much of it beyond what was held as there was room for. */
function isChargeFor(charged: number | null, used: number | null, held: number): boolean {
  if (charged === null || used === null) return charged === used;
  return charged === used || (charged >= held && charged < used);
}

/** What a caller may know: of every product where that is null, and of one credential alone where a key is named. */
interface Sight {
  readonly product: string | null;
  readonly key?: string;
}

/** Alike for another product and for one that there is not. @throws `product.not_found`. */
function assertOwn(own: string | null, product: string | null): void {
  if (own === null || product === own) return;
  throw governanceFault("product.not_found", "there is no such product", { at: "query/product" });
}

/** A caller that is held to a budget gives out none and lifts none: its own would bind it no longer. */
function manageBudgets({ principal }: Ctx): Pick<Attempt, "action" | "target" | "grants"> {
  return {
    action: "MANAGE_GOVERNANCE",
    target: { kind: "governance", product: null },
    ...(principal.calls?.budget === undefined ? {} : { grants: [{ ...heldBy(principal), budget: null }] }),
  };
}

/** Puts budgets behind the gate. */
export function openGovernedBudgets({ gate, budgets, constitution }: GovernedBudgetParts): GovernedBudgets {
  const deciding = new Set<string>();
  /** @throws `permission.denied` for a caller of no product that may not see them all. */
  const sightOf = (ctx: Ctx): Sight => {
    const { product, role, calls, id } = ctx.principal;
    const isBroad = constitution.data.roles[role].permissions.includes("budget.view");
    if (product === null && !isBroad) gate.enter({ ...ctx, permission: "budget.view" });
    return { product, ...(isBroad || calls === undefined ? {} : { key: id }) };
  };
  const checkProduct = (product: string | null | undefined, at: string): void => {
    if (typeof product !== "string" || Object.hasOwn(constitution.data.products, product)) return;
    throw governanceFault("product.not_found", "there is no such product", { at });
  };
  const attemptOf = (ctx: Ctx, operation: OperationName, product: string | undefined, requestId: string) => ({
    operation,
    resource: `budget_request/${requestId}`,
    action: "CREATE" as const,
    target: { kind: "completion" as const, product: product ?? ctx.principal.product },
  });

  /** Ends a claim; `same` tells whether one that has ended already ended just so. */
  const endClaim = (
    ctx: Ctx,
    operation: OperationName,
    name: ClaimOf,
    end: (tx: Transaction<unknown>, held: Reservation) => ReturnType<Budgets["release"]>,
    same: (reservation: Reservation) => boolean,
  ): Promise<Receipted<Reservation>> => {
    const attempt = attemptOf(ctx, operation, name.product, name.requestId);
    return gate.act(ctx, attempt, async (act) => {
      const held = await budgets.claim({ ...name, product: attempt.target.product });
      if (held === undefined) throw budgetFault("budget.not_found", "there is no such reservation");
      const reservation = await act.transact(async (tx) => {
        const { applied, reservation: now } = await end(tx, held);
        if (now === undefined) throw budgetFault("budget.not_found", "there is no such reservation any more");
        if (applied || same(now)) return now;
        throw budgetFault("budget.ended", `the reservation is ${now.state} already`, { remedy: "make a new request" });
      }, "shared");
      return { value: reservation, digest: digestOfJson(reservation) };
    });
  };

  return {
    request(ctx, { product: named, requestId: given, ...claim }) {
      const requestId = given ?? newId<"request">(ctx.clock);
      const attempt = attemptOf(ctx, "budget.request", named, requestId);
      const { product } = attempt.target;
      return gate.act<Claimed>(ctx, attempt, async (act) => {
        // Only once the caller is known to be allowed: the answer tells whether there is such a product.
        checkProduct(product, "body/product");
        const name = JSON.stringify([product, claim.project ?? defaultProject, claim.task, requestId]);
        if (deciding.has(name)) {
          await act.confirm();
          return { value: { outcome: "in_progress", requestId } };
        }
        deciding.add(name);
        try {
          // Claims of one product meet on its counters: none waits for the disk of another one.
          const reserve = (tx: Transaction<unknown>) =>
            budgets.reserve(tx, {
              ...claim,
              kind: "claim",
              product,
              requestId,
              key: ctx.principal.id,
              microdollars: claim.microdollars ?? null,
              intentIndex: act.intentIndex,
            });
          const made = await act.transact(reserve, "shared");
          const { duplicate, ...reservation } = made;
          return { value: { outcome: "approved", reservation, duplicate }, digest: digestOfJson(reservation) };
        } finally {
          deciding.delete(name);
        }
      });
    },
    commit: (ctx, name, tokens, microdollars) =>
      endClaim(
        ctx,
        "budget.commit",
        name,
        (tx, held) => budgets.settle(tx, held, tokens, microdollars),
        (ended) =>
          ended.state === "settled" &&
          isChargeFor(ended.settledTokens, tokens, ended.tokens) &&
          isChargeFor(ended.settledMicrodollars, microdollars, ended.microdollars ?? 0),
      ),
    release: (ctx, name) =>
      endClaim(
        ctx,
        "budget.release",
        name,
        (tx, held) => budgets.release(tx, held),
        ({ state, kind }) => state === "released" || (state === "expired" && kind === "claim"),
      ),
    async state(ctx, query) {
      const { product: own, key } = sightOf(ctx);
      const product = query.product ?? own ?? undefined;
      gate.permit(ctx, { kind: "governance", product: product ?? null });
      assertOwn(own, product ?? null);
      const { project } = query;
      const state = await budgets.state({
        ...(product === undefined ? {} : { product }),
        ...(project === undefined ? {} : { project }),
        ...(key === undefined ? {} : { key }),
      });
      if (own === null) return state;
      const isSeen = ({ scope }: BudgetLine): boolean =>
        key === undefined ? scope.product === own : scope.key === key && scope.product === own;
      return { ...state, budgets: state.budgets.filter(isSeen) };
    },
    set(ctx, draft) {
      const id = newBudgetId(ctx.clock);
      const attempt: Attempt = { operation: "budget.set", resource: `budget/${id}`, ...manageBudgets(ctx) };
      return gate.act(ctx, { ...attempt, digest: digestOfJson(draft) }, async (act) => {
        checkProduct(draft.scope.product, "body/scope/product");
        const budget = await budgets.set(draft, { by: ctx.principal.id, act }, id);
        return { value: budget, digest: digestOfJson(publicNames(budget)) };
      });
    },
    clear: (ctx, id) =>
      gate.act(ctx, { operation: "budget.clear", resource: `budget/${id}`, ...manageBudgets(ctx) }, async (act) => {
        const budget = await budgets.clear(id, { by: ctx.principal.id, act });
        return { value: budget, digest: digestOfJson(publicNames(budget)) };
      }),
    async list(ctx, page) {
      const { product: own, key } = sightOf(ctx);
      gate.permit(ctx, { kind: "governance", product: own });
      return budgets.list({
        ...page,
        ...(own === null ? {} : { product: own }),
        ...(key === undefined ? {} : { key }),
      });
    },
    async usage(ctx, question, providerOf) {
      const { product: own, key = question.key } = sightOf(ctx);
      const product = question.product ?? own;
      gate.permit(ctx, { kind: "governance", product });
      assertOwn(own, product);
      // No credential is called nothing: who asks for another one's is told that there is none.
      const asked = question.key === undefined || question.key === key ? key : "";
      const named = { ...question, ...(asked === undefined ? {} : { key: asked }) };
      return budgets.usage(own === null ? named : { ...named, product: own }, providerOf);
    },
  };
}
