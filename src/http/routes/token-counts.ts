// How many tokens a call would be, in the two APIs that ask for it. No model answers, and nothing is charged.
import type { FastifyInstance } from "fastify";
import type { DialectName } from "../../models/index.ts";
import type { OperationName } from "../operations.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import type { HttpLimits, Services } from "../services.ts";
import { callBounds, callHeaders, callOptions, clientError } from "./chat.ts";

interface Count {
  readonly name: OperationName;
  readonly dialect: DialectName;
  readonly needs: readonly string[];
  /** What the API's clients read next to the count. */
  readonly more: Readonly<Record<string, string>>;
  /** What a call of this API needs and a question for its size need not say. */
  readonly fill: Readonly<Record<string, unknown>>;
}

const counts: readonly Count[] = [
  {
    name: "message.count",
    dialect: "anthropic-messages",
    needs: ["model", "messages"],
    more: {},
    fill: { max_tokens: 1 },
  },
  {
    name: "response.count",
    dialect: "openai-responses",
    needs: ["model"],
    more: { object: "response.input_tokens" },
    fill: { input: [] },
  },
];

const integer = { type: "integer", minimum: 0 };

/** `/v1/messages/count_tokens` and `/v1/responses/input_tokens`. */
export function tokenCountRoutes(app: FastifyInstance, services: Services, limits: HttpLimits): void {
  for (const { name, dialect, needs, more, fill } of counts) {
    const said = Object.fromEntries(Object.entries(more).map(([field, value]) => [field, { const: value }]));
    route(app, services, name, {
      schema: {
        summary: "Count the tokens of a call",
        description:
          "The count of the provider that the call would go to, where its API counts; otherwise an estimate, which " +
          "`X-Charter-Estimate: true` says. The guards and the product's terms apply as to the call itself. Nothing is " +
          "charged, and nothing is recorded.",
        headers: callHeaders,
        body: {
          type: "object",
          required: needs,
          additionalProperties: true,
          properties: { model: { type: "string", minLength: 1, maxLength: 256 } },
        },
        response: {
          200: answer("The count.", record({ ...said, input_tokens: integer })),
          404: refusal("No deployment serves this model, or the caller knows no such product."),
        },
      },
      bodyLimit: limits.maxModelRequestBytes,
      jsonBounds: callBounds,
      alsoSays: clientError(dialect),
      handle: async (ctx, request, reply) => {
        const body = { ...fill, ...(request.body as Readonly<Record<string, unknown>>) };
        const { inputTokens, isEstimate } = await services.gateway.count(ctx, dialect, body, callOptions(request));
        if (isEstimate) void reply.header("x-charter-estimate", "true");
        return { ...more, inputTokens };
      },
    });
  }
}
