// Budgets: how they stand, and the limits that admins set. Claims on them have their own file.
import type { FastifyInstance } from "fastify";
import { budgetIdPattern, budgetUnits, budgetWindows, maxAmount } from "../../budgets/index.ts";
import type { BudgetDraft, BudgetId } from "../../budgets/index.ts";
import { idPage } from "../id-page.ts";
import type { PageOf } from "../id-page.ts";
import { defined, one } from "../query.ts";
import type { Query } from "../query.ts";
import { route } from "../route.ts";
import { answer, nextCursor, pageQuery, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";
import { claimRoutes } from "./budget-claims.ts";

const text = { type: "string" };
const nullable = { type: ["string", "null"] };
const receipt = { $ref: "Receipt#" };
const name = { type: "string", minLength: 1, maxLength: 200, pattern: "^[^\\u0000\\p{Cs}]+$" };
const product = { ...name, maxLength: 64 };
const amount = { type: "integer", minimum: 0, maximum: maxAmount };
const count = { type: "integer", minimum: 0 };

const scope = record({ product: { ...product, type: ["string", "null"] }, project: name, key: name, model: name }, [
  "product",
  "project",
  "key",
  "model",
]);
const draft = {
  scope,
  unit: { enum: budgetUnits },
  window: { enum: budgetWindows },
  limit: { ...amount, description: "Most that may be used in one window: tokens, or millionths of a US dollar." },
};
const budget = { id: text, ...draft, created_at: text, created_by: text };
const line = record({
  id: { ...nullable, description: "Null for the default limit, which no one set." },
  ...draft,
  used: count,
  held: { ...count, description: "Promised to calls that are under way." },
  available: count,
  since: { ...nullable, description: "When the window began; null for `total`." },
  until: { ...nullable, description: "When the window ends and the budget is whole again; null for `total`." },
});
const used = record({ calls: count, tokens: count, microdollars: count, unpriced: count });
const state = record({ budgets: { type: "array", items: line }, usage: record({ day: used, month: used }) });

/** `/v1/budgets` and `/api/v1/budget`. */
export function budgetRoutes(app: FastifyInstance, services: Services): void {
  claimRoutes(app, services);
  const { budgets, cursors } = services;

  route(app, services, "budget.state", {
    schema: {
      summary: "How budgets stand: limits, used, held and what is left",
      querystring: record({ product, project: name }, ["product", "project"]),
      response: {
        200: answer("Budgets that concern the product and project, and what they used.", state),
        404: refusal("The caller knows no such product."),
      },
    },
    handle: (ctx, request) => {
      const query = request.query as Query;
      return budgets.state(ctx, defined({ product: one(query, "product"), project: one(query, "project") }));
    },
  });

  route(app, services, "budget.set", {
    schema: {
      summary: "Set a budget; it supersedes the one of the same scope, unit and window",
      body: record(draft),
      response: {
        201: answer("The budget.", record({ ...budget, receipt })),
        404: refusal("There is no such product."),
      },
    },
    handle: async (ctx, request, reply) => {
      const { value, receipt: proof } = await budgets.set(ctx, request.body as BudgetDraft);
      return reply.code(201).send({ ...value, receipt: proof });
    },
  });

  route(app, services, "budget.list", {
    schema: {
      summary: "Budgets in force, newest first",
      querystring: record(pageQuery, ["limit", "cursor"]),
      response: {
        200: answer("A page.", record({ budgets: { type: "array", items: record(budget) }, next: nextCursor })),
      },
    },
    handle: async (ctx, request) => {
      const { rows, next } = await idPage(cursors, "budget.list", request, (page: PageOf<BudgetId>) =>
        budgets.list(ctx, page),
      );
      return { budgets: rows, next };
    },
  });

  route(app, services, "budget.clear", {
    schema: {
      summary: "Take a budget out of force; it stays in the history",
      params: record({ id: { type: "string", pattern: budgetIdPattern } }),
      response: { 200: answer("The budget that was in force.", record({ ...budget, receipt })) },
    },
    handle: async (ctx, request) => {
      const { value, receipt: proof } = await budgets.clear(ctx, (request.params as { id: string }).id);
      return { ...value, receipt: proof };
    },
  });
}
