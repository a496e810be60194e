// The breakers of the deployments.
import type { FastifyInstance } from "fastify";
import { seesAll } from "../../kernel/ctx.ts";
import { resetBreakers } from "../../gateway/index.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const count = { type: "integer", minimum: 0 };
const instantOrNull = { type: ["string", "null"], format: "date-time" };

const counts = {
  state: { enum: ["closed", "open", "half_open"] },
  failure_count: count,
  success_count: count,
  last_failure_time: instantOrNull,
  opened_at: instantOrNull,
  total_calls: count,
  total_failures: count,
  total_successes: count,
};
const breaker = record(
  {
    ...counts,
    by_product: {
      type: "object",
      additionalProperties: record(counts),
      description: "What each product has met; only for callers that belong to none.",
    },
  },
  ["by_product"],
);
const closed = answer("Closed.", record({ reset: count, constitution_hash: text }));

/** `/circuit-breakers`. */
export function breakerRoutes(app: FastifyInstance, services: Services): void {
  const { gateway } = services;

  route(app, services, "breaker.list", {
    schema: {
      summary:
        "The breakers by deployment as the caller's product has met them; those that were never called have none",
      response: {
        200: answer("The breakers.", { type: "object", additionalProperties: breaker }),
      },
    },
    handle: (ctx) => {
      services.gate.permit(ctx, { kind: "governance", product: null });
      return seesAll(ctx.principal) ? gateway.fleet.breakers() : gateway.fleet.breakersOf(ctx.principal.product);
    },
  });

  route(app, services, "breaker.reset_all", {
    schema: { summary: "Close all breakers", response: { 200: closed } },
    handle: async (ctx) => ({
      reset: await resetBreakers(services.gate, gateway.fleet, ctx),
      constitutionHash: services.constitution.hash,
    }),
  });

  route(app, services, "breaker.reset", {
    schema: {
      summary: "Close the breaker of one deployment",
      params: record({ name: { type: "string", minLength: 1, maxLength: 256 } }),
      response: { 200: closed, 404: refusal("No deployment of this name was called.") },
    },
    handle: async (ctx, request) => ({
      reset: await resetBreakers(services.gate, gateway.fleet, ctx, (request.params as { name: string }).name),
      constitutionHash: services.constitution.hash,
    }),
  });
}
