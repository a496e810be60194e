// Signposts and probes.
import type { FastifyInstance } from "fastify";
import { answer, record } from "../schemas.ts";
import { publicRoute } from "../route.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };

/** `GET /`, `/health`, `/ready`, `/openapi.json`. */
export function systemRoutes(app: FastifyInstance, services: Services): void {
  publicRoute(app, "index.read", {
    schema: {
      summary: "What this is and where to go",
      response: {
        200: answer(
          "A signpost.",
          record({
            name: text,
            version: text,
            constitution_hash: text,
            links: { type: "object", additionalProperties: text },
          }),
        ),
      },
    },
    answer: () => ({
      name: "Charter",
      version: services.version,
      constitutionHash: services.constitution.hash,
      links: {
        description: "/openapi.json",
        health: "/health",
        ready: "/ready",
        artifacts: "/v1/artifacts",
        checkpoint: "/ledger/checkpoint",
        verifier_key: "/ledger/verifier-key",
      },
    }),
  });

  publicRoute(app, "index.head", {
    schema: { summary: "Whether the server answers", response: { 200: { description: "It does." } } },
    answer: (_request, reply) => reply.type("application/json; charset=utf-8").send(),
  });

  publicRoute(app, "health.read", {
    schema: {
      summary: "Whether the process is alive",
      response: { 200: answer("It is.", record({ status: text, version: text })) },
    },
    answer: () => ({ status: "ok", version: services.version }),
  });

  const readiness = record({ status: text, ledger: text, reason: text }, ["reason"]);
  publicRoute(app, "ready.read", {
    schema: {
      summary: "Whether writes would be accepted",
      response: { 200: answer("Ready.", readiness), 503: answer("Not ready, and why.", readiness) },
    },
    answer: async (_request, reply) => {
      const condition = services.ledger.condition();
      const trouble =
        condition.state === "open" ? (app.frontDoor.trouble() ?? (await services.databaseTrouble())) : condition.reason;
      if (trouble === undefined) return { status: "ready", ledger: "open" };
      return reply.code(503).send({ status: "not_ready", ledger: condition.state, reason: trouble });
    },
  });

  publicRoute(app, "openapi.read", {
    schema: {
      summary: "This API's description",
      response: { 200: answer("OpenAPI 3.1.", { type: "object", additionalProperties: true }) },
    },
    answer: () => app.swagger(),
  });
}
