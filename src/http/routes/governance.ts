// What governs: the constitution in force, the halts, and how full the storage is.
import type { FastifyInstance } from "fastify";
import type { Halt } from "../../governance/index.ts";
import { instant } from "../../kernel/clock.ts";
import { one } from "../query.ts";
import type { Query } from "../query.ts";
import { route } from "../route.ts";
import { answer, reasonText, record } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const halt = record({ scope: text, threat: text, intent_index: { type: "integer" }, since: text });

/** Everything, a product, or one credential: a key, a user, a client, someone of another issuer, or an application for one. */
const haltScopePattern = "^(\\*|[A-Z][A-Z0-9_]{0,63}|(key|usr|cli|ext)_[0-9a-z-]{8,40}(@cli_[0-9a-f-]{36})?)$";

/** How full the storage is; for a caller that belongs to a product, its quota. */
const storageStatus = record({
  status: text,
  level: text,
  band: text,
  usage_percent: { type: "number" },
  used_bytes: { type: "integer" },
  total_bytes: { type: "integer" },
  free_bytes: { type: "integer" },
  escalation_path: text,
  response_timeline: text,
  writes_halted: { type: "boolean" },
});
const constitutionInForce = record({
  hash: text,
  digest: text,
  engine: text,
  data: { type: "object", additionalProperties: true, description: "What constitution.yaml holds." },
  articles: { type: "array", items: { type: "object", additionalProperties: true } },
  policies: { type: "array", items: { type: "object", additionalProperties: true } },
});

/** `/governance/info`, `/v1/halts`, `/metrics/storage-capacity`. */
export function governanceRoutes(app: FastifyInstance, services: Services): void {
  const { constitution, haltAdministration: halts, gate, reader } = services;
  const haltView = (found: Halt) => ({
    scope: found.scope,
    threat: found.threat,
    intentIndex: found.intentIndex,
    since: instant(found.sinceMs),
  });

  route(app, services, "governance.info", {
    schema: {
      summary: "The constitution in force",
      response: {
        200: answer("Its hash, lineage, rules and products.", constitutionInForce),
      },
    },
    handle: (ctx) => {
      gate.permit(ctx, { kind: "governance", product: ctx.principal.product });
      return constitution.describe(ctx.principal.product);
    },
  });

  route(app, services, "halt.list", {
    schema: {
      summary: "Writes that are halted",
      response: { 200: answer("The halts in force.", record({ halts: { type: "array", items: halt } })) },
    },
    handle: (ctx) => ({ halts: halts.list(ctx).map(haltView) }),
  });

  route(app, services, "halt.clear", {
    schema: {
      summary: "Let halted writes go on",
      // Only scopes that can exist: what stands here goes into the ledger, which holds no text of a caller's own.
      params: record({ scope: { type: "string", pattern: haltScopePattern } }),
      body: record({ reason: reasonText }),
      response: { 200: answer("The halt that was cleared.", record({ halt, receipt: { $ref: "Receipt#" } })) },
    },
    handle: async (ctx, request) => {
      const { scope } = request.params as { scope: string };
      const { reason } = request.body as { reason: string };
      const { value, receipt } = await halts.clear(ctx, scope, reason);
      return { halt: haltView(value), receipt };
    },
  });

  route(app, services, "storage.capacity", {
    schema: {
      summary: "How full the storage is, or the caller's product's quota, and who is told",
      querystring: record({ used_gb: { type: "string", pattern: "^\\d{1,9}(\\.\\d{1,9})?$" } }, ["used_gb"]),
      response: { 200: answer("Status, level, band and escalation.", storageStatus) },
    },
    handle: (ctx, request) => {
      const asked = one(request.query as Query, "used_gb");
      return reader.capacity(ctx, asked === undefined ? undefined : Math.round(Number(asked) * 1e9));
    },
  });
}
