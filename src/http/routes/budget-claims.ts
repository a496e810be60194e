// Claims on budgets: callers that manage their own work reserve before it, and commit or release afterwards.
import type { FastifyInstance } from "fastify";
import { maxAmount } from "../../budgets/index.ts";
import type { Claim, Reservation } from "../../budgets/index.ts";
import { instant } from "../../kernel/clock.ts";
import { defined } from "../query.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const receipt = { $ref: "Receipt#" };
const name = { type: "string", minLength: 1, maxLength: 200, pattern: "^[^\\u0000\\p{Cs}]+$" };
const product = { ...name, maxLength: 64 };
const requestId = { type: "string", pattern: "^[A-Za-z0-9._:-]{1,128}$" };
const amount = { type: "integer", minimum: 0, maximum: maxAmount };
const count = { type: "integer", minimum: 0 };
const claimFields = {
  product: { ...product, description: "Who pays; only for callers that belong to no product." },
  project: { ...name, description: "`default` when absent." },
};
const claimBody = record(
  {
    ...claimFields,
    task: name,
    purpose: name,
    model: name,
    estimated_tokens: amount,
    estimated_microdollars: amount,
    request_id: { ...requestId, description: "The same id within 300 s is the same request." },
  },
  ["product", "project", "request_id", "estimated_microdollars"],
);
const claimed = record({
  approved: { type: "boolean" },
  reason: { enum: ["approved", "duplicate_request_in_progress"] },
  allocated_tokens: count,
  request_id: text,
  timestamp: text,
  duplicate: { type: "boolean", description: "The request had been made before; this is its answer again." },
  receipt,
});
const ofClaim = { ...claimFields, task: name, request_id: requestId };
const endedClaim = record({
  request_id: text,
  state: { enum: ["settled", "released", "expired"] },
  reserved_tokens: count,
  used_tokens: count,
  used_microdollars: { type: ["integer", "null"], description: "Null where the cost is not known." },
  receipt,
});

/** What a commit or a release names. */
interface ClaimName extends Pick<Claim, "product" | "project"> {
  readonly task?: string;
  readonly requestId: string;
}
const namedBy = ({ product: of, project, task, requestId }: ClaimName) => ({
  ...defined({ product: of, project, task }),
  requestId,
});
const shownClaim = (reservation: Reservation) => ({
  requestId: reservation.requestId,
  state: reservation.state,
  reservedTokens: reservation.tokens,
  usedTokens: reservation.settledTokens ?? 0,
  usedMicrodollars: reservation.state === "settled" ? reservation.settledMicrodollars : 0,
});
const missing = refusal("There is no such reservation, or it belongs to another product.");
const gone = refusal("The reservation has ended in another way.");

/** `/api/v1/budget/request`, `commit` and `release`. */
export function claimRoutes(app: FastifyInstance, services: Services): void {
  const { budgets, clock } = services;

  route(app, services, "budget.request", {
    schema: {
      summary: "Reserve budget for work that the caller does itself",
      body: claimBody,
      response: {
        200: answer("Reserved; or the same request is being decided at this moment.", claimed),
        402: refusal("`budget.price_unknown`: a budget in money covers the claim, and it names no amount."),
        404: refusal("There is no such product."),
        409: refusal("`budget.insufficient`: a budget has not enough left."),
      },
    },
    handle: async (ctx, request) => {
      const {
        estimatedTokens: tokens,
        estimatedMicrodollars: microdollars,
        ...claim
      } = request.body as Omit<Claim, "tokens" | "microdollars"> & {
        estimatedTokens: number;
        estimatedMicrodollars?: number;
      };
      const estimate = defined({ microdollars });
      const { value, receipt: proof } = await budgets.request(ctx, { ...claim, ...estimate, tokens });
      if (value.outcome === "in_progress") {
        return {
          approved: false,
          reason: "duplicate_request_in_progress",
          allocatedTokens: 0,
          requestId: value.requestId,
          timestamp: instant(clock.nowMs()),
          duplicate: true,
          receipt: proof,
        };
      }
      const { reservation, duplicate } = value;
      return {
        approved: true,
        reason: "approved",
        allocatedTokens: reservation.tokens,
        requestId: reservation.requestId,
        timestamp: instant(reservation.createdMs),
        duplicate,
        receipt: proof,
      };
    },
  });

  route(app, services, "budget.commit", {
    schema: {
      summary: "Charge what the work used; what was reserved beyond it is free again",
      body: record({ ...ofClaim, actual_tokens: amount, actual_microdollars: amount }, [
        "product",
        "project",
        "task",
        "actual_microdollars",
      ]),
      response: { 200: answer("Charged.", endedClaim), 404: missing, 409: gone },
    },
    handle: async (ctx, request) => {
      const { actualTokens, actualMicrodollars, ...named } = request.body as ClaimName & {
        actualTokens: number;
        actualMicrodollars?: number;
      };
      const done = await budgets.commit(ctx, namedBy(named), actualTokens, actualMicrodollars ?? null);
      return { ...shownClaim(done.value), receipt: done.receipt };
    },
  });

  route(app, services, "budget.release", {
    schema: {
      summary: "Give back what was reserved",
      body: record(ofClaim, ["product", "project", "task"]),
      response: { 200: answer("Given back.", endedClaim), 404: missing, 409: gone },
    },
    handle: async (ctx, request) => {
      const done = await budgets.release(ctx, namedBy(request.body as ClaimName));
      return { ...shownClaim(done.value), receipt: done.receipt };
    },
  });
}
