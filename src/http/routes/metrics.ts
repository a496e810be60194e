// All metrics, for Prometheus to read.
import type { FastifyInstance } from "fastify";
import { route } from "../route.ts";
import { content } from "../schemas.ts";
import type { Services } from "../services.ts";

/** `/metrics`. */
export function metricsRoutes(app: FastifyInstance, services: Services): void {
  route(app, services, "metrics.read", {
    schema: {
      summary: "All metrics, in the Prometheus text format",
      response: { 200: content("The metrics.", "text/plain") },
    },
    handle: async (ctx, _request, reply) => {
      // They tell of every product, so who belongs to one does not see them.
      services.gate.permit(ctx, { kind: "ledger", product: null });
      return reply.type(services.metrics.mediaType).send(await services.metrics.text());
    },
  });
}
