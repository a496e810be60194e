// Models, in the APIs that their clients speak: chat completions, messages, responses, embeddings. A body goes to the gateway
// as it came; what the gateway gives back goes out as it is, whole or as it comes.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { dataClasses } from "../../constitution/index.ts";
import type { DataClass } from "../../constitution/index.ts";
import { schemaModes, unsupportedModes } from "../../gateway/index.ts";
import { strategies } from "../../routing/index.ts";
import { readCacheControl } from "../../answer-cache/index.ts";
import type { CallOptions, SchemaMode } from "../../gateway/index.ts";
import type { Strategy } from "../../routing/index.ts";
import { betaHeader, frontDialects } from "../../models/index.ts";
import type { ClientError, DialectName } from "../../models/index.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { plainBounds } from "../../kernel/json-bounds.ts";
import type { JsonBounds } from "../../kernel/json-bounds.ts";
import { maxCallDepth, maxCallParameters, maxEmbeddingNodes } from "../../kernel/limits.ts";
import type { OperationName } from "../operations.ts";
import type { Problem } from "../problem.ts";
import { route } from "../route.ts";
import { refusal } from "../schemas.ts";
import { sendAnswer } from "../send-answer.ts";
import type { HttpLimits, Services } from "../services.ts";

const text = (maxLength: number): object => ({ type: "string", minLength: 1, maxLength });

/** Headers by which a caller says what the body has no field for. */
export const callHeaders = {
  type: "object",
  properties: {
    "x-charter-product": { ...text(64), description: "Product that pays, for callers that belong to none." },
    "x-charter-project": { ...text(200), description: "Project whose budget pays; `default` when absent." },
    "x-charter-strategy": { enum: strategies, description: "How the router chooses; `balanced` when absent." },
    "x-charter-data-class": { enum: dataClasses, description: "How far the data may travel." },
    "x-charter-schema": {
      enum: schemaModes,
      description: "Whether a reply without the form asked for is told (`report`, when absent) or not accepted.",
    },
    "x-charter-unsupported": {
      enum: unsupportedModes,
      description:
        "Whether a parameter that the provider which answers has no word for is left out and named in `X-Charter-Dropped` (`drop`), or the call is refused; as the product's terms say when absent.",
    },
    "cache-control": { ...text(256), description: "`no-store`, `no-cache`, `max-age=N` or `only-if-cached`." },
  },
};

/** What a caller says in headers. */
export function callOptions(request: FastifyRequest): CallOptions {
  const { headers } = request;
  const product = one(headers["x-charter-product"]);
  const project = one(headers["x-charter-project"]);
  const strategy = one(headers["x-charter-strategy"]) as Strategy | undefined;
  const dataClass = one(headers["x-charter-data-class"]) as DataClass | undefined;
  const schema = one(headers["x-charter-schema"]) as SchemaMode | undefined;
  const unsupported = one(headers["x-charter-unsupported"]) as CallOptions["unsupported"];
  const beta = one(headers[betaHeader]);
  return {
    ...(product === undefined ? {} : { product }),
    ...(project === undefined ? {} : { project }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(dataClass === undefined ? {} : { dataClass }),
    ...(schema === undefined ? {} : { schema }),
    ...(unsupported === undefined ? {} : { unsupported }),
    cache: readCacheControl(headers["cache-control"]),
    passed: beta === undefined ? {} : { [betaHeader]: beta },
  };
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** What the JSON of a call may hold. */
export const callBounds: JsonBounds = {
  ...plainBounds,
  depth: maxCallDepth,
  outerKeys: maxCallParameters,
  keepsDigits: true,
};

interface Api {
  readonly name: OperationName;
  readonly dialect: DialectName;
  readonly summary: string;
  readonly needs: readonly string[];
}

const apis: readonly Api[] = [
  { name: "chat.create", dialect: "openai-chat", summary: "Complete a chat", needs: ["model", "messages"] },
  { name: "message.create", dialect: "anthropic-messages", summary: "Create a message", needs: ["model", "messages"] },
  { name: "response.create", dialect: "openai-responses", summary: "Create a response", needs: ["model", "input"] },
  { name: "embedding.create", dialect: "embeddings", summary: "Embed texts", needs: ["model", "input"] },
];

/** `/v1/chat/completions`, `/v1/messages`, `/v1/responses` and `/v1/embeddings`. */
export function chatRoutes(app: FastifyInstance, services: Services, limits: HttpLimits): void {
  for (const { name, dialect, summary, needs } of apis) {
    route(app, services, name, {
      schema: {
        summary,
        description:
          "Parameters that Charter does not know go to upstreams of the same API as they are. Those that change which " +
          "model answers, where, what it costs, what the provider runs, reads, hands on or keeps are held against the " +
          "product's terms.",
        headers: callHeaders,
        body: {
          type: "object",
          required: needs,
          additionalProperties: true,
          properties: { model: text(256), stream: { type: ["boolean", "null"] } },
        },
        response: {
          200: {
            description: "The answer, in the API's own form.",
            content: {
              "application/json": { schema: { type: "object", additionalProperties: true } },
              "text/event-stream": { schema: { type: "string" } },
            },
          },
          ...callRefusals,
        },
      },
      bodyLimit: limits.maxModelRequestBytes,
      jsonBounds: dialect === "embeddings" ? { ...callBounds, nodes: maxEmbeddingNodes } : callBounds,
      alsoSays: clientError(dialect),
      handle: (ctx, request, reply) => complete(services, ctx, dialect, request, reply),
    });
  }
}

/** What calls of models may be refused with, in addition to what every change may. */
export const callRefusals = {
  404: refusal("No deployment serves this model, or the caller knows no such product."),
  408: refusal("The caller left before the answer was complete."),
  402: refusal("A budget that covers the call has not enough left, or the price that it asks for is not known."),
  409: refusal("What a budget that covers the call has left is held by calls under way; it comes back when they end."),
  422: refusal("The provider cannot make anything of the request."),
  502: refusal("The provider failed."),
  504: refusal("The provider did not answer in time, or nothing was kept and the caller wanted nothing else."),
};

async function complete(
  services: Services,
  ctx: Ctx,
  dialect: DialectName,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  // A model may think for longer than a connection may be silent; the gateway's own deadlines hold here.
  request.raw.socket.setTimeout(0);
  const body = request.body as Readonly<Record<string, unknown>>;
  const { gateway, responses } = services;
  const options = callOptions(request);
  const keeps = dialect === "openai-responses";
  const answer = await (keeps
    ? responses.create(ctx, { dialect, body }, options)
    : gateway.call(ctx, dialect, body, options));
  return sendAnswer(reply, answer, ctx);
}

/** The `error` that clients of an API read, along with the problem; and that trying again by themselves is no use. */
export function clientError(dialect: DialectName): (problem: Problem) => object {
  return ({ code, detail, status, at, upstream }) =>
    frontDialects[dialect]?.writeError({
      code,
      message: detail,
      status,
      at: at as string | undefined,
      upstream: upstream as ClientError["upstream"],
    }) ?? {};
}
