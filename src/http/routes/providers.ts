// The providers of models: whether they know the server's keys.
import type { FastifyInstance } from "fastify";
import { keyStates } from "../../deployments/index.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const orNull = { type: ["integer", "null"], minimum: 0 };
const check = record({
  provider: text,
  key: { ...orNull, description: "The key's place in the catalogue, from 1; null for a provider without keys." },
  state: {
    enum: keyStates,
    description:
      "`ok`: the provider knows the key. `unproven`: it answers and does not say. `refused`: it does not know the key. `no_network`: no answer came. `failed`: it answered with a failure or a limit. `unconfigured`: there is nothing to ask.",
  },
  reason: text,
  latency_ms: orNull,
});

/** `/v1/providers/check`. */
export function providerRoutes(app: FastifyInstance, services: Services): void {
  route(app, services, "provider.check", {
    schema: {
      summary: "Ask providers whether they know the server's keys; no model is called",
      body: record({ provider: { type: "string", minLength: 1, maxLength: 64 } }, ["provider"]),
      response: {
        200: answer(
          "What became of it.",
          record({ checks: { type: "array", items: check }, receipt: { $ref: "Receipt#" } }),
        ),
        404: refusal("No provider has this name."),
      },
    },
    handle: async (ctx, request) => {
      // A provider that is silent may take longer than a silent client.
      request.raw.socket.setTimeout(0);
      const { provider } = request.body as { provider?: string };
      const { value, receipt } = await services.gateway.checkProviders(ctx, provider);
      return { checks: value, receipt };
    },
  });
}
