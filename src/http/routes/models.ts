// Which models there are, and where a call would go: for clients that list models, for people, and in the predecessor's
// words.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { dataClasses } from "../../constitution/index.ts";
import { chatOf, dollars, explanationOf, gatewayFault, named, optionsOf, routeAnswer } from "../../gateway/index.ts";
import { chatDialect, messagesVersionHeader } from "../../models/index.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { strategies } from "../../routing/index.ts";
import type { ModelStatus, RouterQuery } from "../../gateway/index.ts";
import { httpFault } from "../errors.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import { factHeaders } from "../send-answer.ts";
import type { Services } from "../services.ts";
import { callHeaders, callOptions, callRefusals, clientError } from "./chat.ts";

const text = { type: "string" };
const integer = { type: "integer", minimum: 0 };
const orNull = (type: string): object => ({ type: [type, "null"] });

/** What Charter knows of a model next to what the APIs have fields for. */
const more = record({
  title: text,
  tier: integer,
  serves: { enum: ["chat", "embeddings"] },
  state: { enum: ["configured", "unconfigured", "degraded", "open"] },
  lacks: orNull("string"),
  model: text,
  input_microdollars_per_million: orNull("integer"),
  output_microdollars_per_million: orNull("integer"),
  latency_ms: integer,
  compliance_percent: integer,
  context_tokens: orNull("integer"),
  tags: { type: "array", items: text },
  note: orNull("string"),
  in_catalogue: { type: "boolean" },
});

/** A model as the chat API describes it, and as the Messages API does for its clients. */
const model = record(
  {
    id: text,
    object: { const: "model" },
    created: integer,
    owned_by: text,
    type: { const: "model" },
    display_name: text,
    created_at: { type: "string", format: "date-time" },
    charter: more,
  },
  ["object", "created", "owned_by", "type", "display_name", "created_at"],
);

const models = record(
  {
    object: { const: "list" },
    data: { type: "array", items: model },
    has_more: { type: "boolean" },
    first_id: orNull("string"),
    last_id: orNull("string"),
  },
  ["object", "has_more", "first_id", "last_id"],
);

/** How clients of the Messages API ask for a page; without it there is one page. */
const page = {
  type: "object",
  properties: {
    limit: {
      type: "string",
      pattern: "^[1-9]\\d{0,3}$",
      description: "Most models, up to 1000; for clients of the Messages API.",
    },
    after_id: { ...text, maxLength: 256, description: "The model before the first of the page." },
    before_id: { ...text, maxLength: 256, description: "The model after the last of the page." },
  },
};

const query = record(
  {
    query: { type: "string", minLength: 1, maxLength: 1_000_000 },
    strategy: { enum: strategies },
    max_tokens: { type: "integer", minimum: 1, maximum: 1_000_000 },
    temperature: { type: "number", minimum: 0, maximum: 2 },
    data_class: { enum: dataClasses },
  },
  ["strategy", "max_tokens", "temperature", "data_class"],
);

const texts = { type: "array", items: text };
const explanation = record({
  model: text,
  strategy: { enum: strategies },
  level: integer,
  analysis: texts,
  input_tokens: integer,
  data_class: { enum: dataClasses },
  tier: integer,
  reasons: texts,
  candidates: {
    type: "array",
    items: record({ deployment: text, provider: text, tier: integer, score: { type: "number" }, reasons: texts }),
  },
  excluded: {
    type: "array",
    items: record({ deployment: text, reason: text, by_terms: { type: "boolean" } }),
  },
  guards: { type: "array", items: record({ guard: text, rule: text, action: text }) },
  parameters: record({ governed: texts, unknown: texts, refused: orNull("string") }),
  constitution_hash: text,
});

/** `/v1/models`, `/models`, `/route`, `/execute` and `/v1/route/explain`. */
export function modelRoutes(app: FastifyInstance, services: Services): void {
  listing(app, services);
  predecessor(app, services);
  route(app, services, "route.explain", {
    schema: {
      summary: "Where a chat would go, and why; no provider is called",
      headers: callHeaders,
      body: {
        type: "object",
        required: ["model", "messages"],
        additionalProperties: true,
        properties: { model: text },
      },
      response: {
        200: answer("The ranked candidates.", explanation),
        404: refusal("No deployment has this name, or the caller knows no such product."),
      },
    },
    handle: async (ctx, request) => {
      const prepared = await services.gateway.prepare(
        ctx,
        chatDialect,
        request.body as Readonly<Record<string, unknown>>,
        callOptions(request),
      );
      return { ...explanationOf(prepared), constitutionHash: services.constitution.hash };
    },
  });
}

function listing(app: FastifyInstance, services: Services): void {
  const { gateway } = services;
  const all = async (ctx: Ctx) => [...gateway.models(ctx), ...(await gateway.openModels(ctx))];
  route(app, services, "model.list", {
    schema: {
      summary: "The models that the caller may call",
      description:
        "In the form of the chat API, or of the Messages API for a request with the header of its version. Models of " +
        "open providers are listed as their providers last listed them.",
      querystring: page,
      response: { 200: answer("The models.", models) },
    },
    alsoSays: clientError(chatDialect),
    handle: async (ctx, request) => {
      const listed = await all(ctx);
      if (asksForMessages(request)) return pageOf(listed, request.query as PageQuery);
      return { object: "list", data: listed.map(modelOf) };
    },
  });

  route(app, services, "model.read", {
    schema: {
      summary: "One model",
      response: { 200: answer("The model.", model), 404: refusal("No deployment has this name.") },
    },
    alsoSays: clientError(chatDialect),
    handle: (ctx, request) => {
      const name = wholePath(request);
      if (name === "") throw httpFault("route.not_found", "there is no such path");
      const found = gateway.model(ctx, name);
      if (found === undefined) throw gatewayFault("model.not_found", "no deployment has this name");
      return asksForMessages(request) ? messagesModelOf(found) : modelOf(found);
    },
  });

  route(app, services, "model.tiers", {
    schema: {
      summary: "The models by tier, as the predecessor lists them, and in `data` as `/v1/models` does",
      response: { 200: answer("The models.", { type: "object", additionalProperties: true }) },
    },
    handle: async (ctx) => {
      const known = await all(ctx);
      // Of what is not in the catalogue no tier is known.
      const chats = known.filter(({ deployment, isListed }) => isListed && deployment.serves === "chat");
      const byTier = Object.groupBy(chats, ({ deployment }) => `tier_${deployment.tier}`);
      const tiers = Object.entries(byTier).map(([tier, list]) => [tier, (list ?? []).map(tierModel)] as const);
      return {
        total_models: chats.length,
        models_by_tier: Object.fromEntries(tiers),
        constitutional_hash: services.constitution.hash,
        // A client of the chat API whose base URL lacks the `/v1` asks here for its list.
        object: "list",
        data: known.map(modelOf).map(({ id, object, created, owned_by }) => ({ id, object, created, owned_by })),
      };
    },
  });
}

/** Whether a client of the Messages API asks. */
function asksForMessages({ headers }: FastifyRequest): boolean {
  return headers[messagesVersionHeader] !== undefined;
}

interface PageQuery {
  readonly limit?: string;
  readonly after_id?: string;
  readonly before_id?: string;
}

/** A page of the models in the form of the Messages API; all of them where the client asks for no part. */
function pageOf(listed: readonly ModelStatus[], { limit, after_id: after, before_id: before }: PageQuery): object {
  const names = listed.map(({ deployment }) => deployment.name);
  const most = Math.min(Number(limit ?? maxPage), maxPage);
  const isBackward = before !== undefined && after === undefined;
  const end = isBackward ? Math.max(0, names.indexOf(before)) : listed.length;
  // A model that is gone is before the first and after the last.
  const start = isBackward ? Math.max(0, end - most) : after === undefined ? 0 : names.indexOf(after) + 1;
  const shown = listed.slice(start, Math.min(end, start + most));
  return {
    data: shown.map(messagesModelOf),
    has_more: isBackward ? start > 0 : start + shown.length < listed.length,
    first_id: shown.at(0)?.deployment.name ?? null,
    last_id: shown.at(-1)?.deployment.name ?? null,
  };
}

/** Most models of a page. */
const maxPage = 1000;

function messagesModelOf(standing: ModelStatus): object {
  const { id, charter } = modelOf(standing);
  // When a model was made is nothing that a catalogue knows; the API says so by the beginning of time.
  return { type: "model", id, display_name: charter.title, created_at: "1970-01-01T00:00:00Z", charter };
}

function predecessor(app: FastifyInstance, services: Services): void {
  const { gateway, constitution } = services;
  route(app, services, "model.route", {
    schema: {
      summary: "Where a query would go, as the predecessor's router says it",
      headers: callHeaders,
      body: query,
      response: {
        200: answer("The choice.", { type: "object", additionalProperties: true }),
        404: refusal("The caller knows no such product."),
      },
    },
    handle: async (ctx, request) => {
      const asked = request.body as RouterQuery;
      const { routed } = await gateway.prepare(ctx, chatDialect, chatOf(asked), optionsOf(asked, callOptions(request)));
      const chosen = routeAnswer(asked, routed, constitution.hash);
      if (chosen === undefined) throw gatewayFault("model.unavailable", "no deployment could answer now");
      return chosen;
    },
  });

  route(app, services, "model.execute", {
    schema: {
      summary: "Answer a query, as the predecessor's router does",
      headers: callHeaders,
      body: query,
      response: {
        200: answer("The answer.", { type: "object", additionalProperties: true }),
        ...callRefusals,
      },
    },
    handle: async (ctx, request, reply) => {
      request.raw.socket.setTimeout(0);
      const asked = request.body as RouterQuery;
      const startMs = performance.now();
      const options = optionsOf(asked, callOptions(request));
      const given = await gateway.call(ctx, chatDialect, chatOf(asked), options);
      if (given.kind !== "whole") throw new Error("an answer that was not asked to stream came as a stream");
      void reply.headers(factHeaders(given.facts));
      return {
        response: firstText(given.body),
        tier: given.facts.tier,
        model_id: given.facts.deployment,
        model_name: given.facts.model,
        actual_cost: dollars(given.facts.microdollars),
        actual_cost_microdollars: given.facts.microdollars,
        actual_latency_ms: Math.round(performance.now() - startMs),
        constitutional_hash: constitution.hash,
      };
    },
  });
}

/** The text of the first choice of a chat completion. */
function firstText(body: Buffer): string | null {
  const { choices } = JSON.parse(body.toString("utf8")) as {
    choices?: readonly { message?: { content?: string | null } }[];
  };
  return choices?.[0]?.message?.content ?? null;
}

/** A name that holds slashes is the rest of the path. */
function wholePath(request: FastifyRequest): string {
  return (request.params as { "*": string })["*"];
}

function modelOf({ deployment, health, rates, isListed }: ModelStatus) {
  const { name, title, tier, serves, provider, model: providerModel, latencyMs, compliancePercent } = deployment;
  return {
    id: name,
    object: "model",
    // The API wants a number; when a model was made is nothing that a catalogue knows.
    created: 0,
    owned_by: provider.name,
    charter: {
      title,
      tier,
      serves,
      state: health.state,
      lacks: provider.lacks ?? null,
      model: providerModel,
      inputMicrodollarsPerMillion: rates?.inputMicrodollarsPerMillion ?? null,
      outputMicrodollarsPerMillion: rates?.outputMicrodollarsPerMillion ?? null,
      latencyMs: Math.round(health.latencyMs ?? latencyMs),
      compliancePercent,
      contextTokens: deployment.contextTokens,
      tags: deployment.tags,
      note: deployment.note ?? null,
      inCatalogue: isListed,
    },
  };
}

function tierModel({ deployment, health, rates }: ModelStatus): object {
  return {
    ...named(deployment),
    status: health.state,
    provider: deployment.provider.name,
    cost_per_token: rates === null ? null : rates.outputMicrodollarsPerMillion / 1e12,
    latency_ms: Math.round(health.latencyMs ?? deployment.latencyMs),
    compliance_score: deployment.compliancePercent / 100,
    context_length: deployment.contextTokens,
  };
}
