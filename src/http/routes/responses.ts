// Responses that are kept, in the words of the API whose clients look for them.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { one } from "../query.ts";
import type { Query } from "../query.ts";
import { chatDialect, responsesDialect } from "../../models/index.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import { sendAnswer, sendEvents } from "../send-answer.ts";
import type { HttpLimits, Services } from "../services.ts";
import { callBounds, callHeaders, callOptions, callRefusals, clientError } from "./chat.ts";

const anything = { type: "object", additionalProperties: true };
const text = { type: "string" };
// What stands here goes into the ledger, which holds no text of a caller's own.
const params = record({ id: { type: "string", pattern: "^[\\w-]{1,128}$" } });
const notFound = refusal("No response of this id is kept for the caller's product.");

/** `/v1/responses/compact`, `/v1/responses/{id}` and what is below it. */
export function responseRoutes(app: FastifyInstance, services: Services, limits: HttpLimits): void {
  const { responses } = services;

  route(app, services, "response.compact", {
    schema: {
      summary: "Make a conversation shorter",
      description:
        "A model is asked for a summary, as any call of a model: decided, charged and on record. The answer has the user's " +
        "own messages, and one item that stands for the rest in later calls, with every provider.",
      headers: callHeaders,
      body: {
        type: "object",
        required: ["model"],
        additionalProperties: true,
        properties: { model: { ...text, minLength: 1, maxLength: 256 } },
      },
      response: { 200: answer("The items that stand for the conversation.", anything), ...callRefusals },
    },
    bodyLimit: limits.maxModelRequestBytes,
    jsonBounds: callBounds,
    alsoSays: clientError(responsesDialect),
    handle: async (ctx, request, reply) => {
      request.raw.socket.setTimeout(0);
      const body = request.body as Readonly<Record<string, unknown>>;
      const compacted = await responses.compact(ctx, { dialect: responsesDialect, body }, callOptions(request));
      return sendAnswer(reply, compacted, ctx);
    },
  });

  route(app, services, "response.read", {
    schema: {
      summary: "A response that is kept",
      headers: callHeaders,
      description:
        "One in the background as it stands. With `stream=true` its events are sent as they come, after the one whose " +
        "number is `starting_after`; it must have been made with `stream: true`.",
      params,
      // Clients ask for more of an answer than is kept, under names of several spellings.
      querystring: {
        ...record(
          {
            stream: { enum: ["true", "false"] },
            starting_after: {
              type: "string",
              pattern: "^\\d{1,9}$",
              description: "Number of the last event that was seen; all are sent when absent.",
            },
          },
          ["stream", "starting_after"],
        ),
        additionalProperties: true,
      },
      response: {
        200: {
          description: "The response, as it was given or as it stands, or its events.",
          content: {
            "application/json": { schema: anything },
            "text/event-stream": { schema: text },
          },
        },
        400: refusal("It has no events, or not these any more."),
        404: notFound,
      },
    },
    alsoSays: clientError(chatDialect),
    handle: async (ctx, request, reply) => {
      const [id, options, query] = [idIn(request), callOptions(request), request.query as Query];
      if (one(query, "stream") !== "true") return (await responses.read(ctx, id, options)).response;
      const after = Number(one(query, "starting_after") ?? -1);
      const events = await responses.events(ctx, id, after, options);
      // A model may think for longer than a connection may be silent.
      request.raw.socket.setTimeout(0);
      return sendEvents(reply, events, ctx);
    },
  });

  route(app, services, "response.cancel", {
    schema: {
      summary: "Cancel a response in the background",
      description: "One that has ended stays as it is, and is the answer.",
      headers: callHeaders,
      params,
      response: {
        200: answer("The response as it stands.", {
          type: "object",
          properties: { receipt: { $ref: "Receipt#" } },
          additionalProperties: true,
        }),
        400: refusal("It was not made in the background."),
        404: notFound,
      },
    },
    alsoSays: clientError(chatDialect),
    handle: async (ctx, request) => {
      const { value, receipt } = await responses.cancel(ctx, idIn(request), callOptions(request));
      return { ...value, receipt };
    },
  });

  route(app, services, "response.read_input", {
    schema: {
      summary: "What a response was asked",
      description:
        "The items of the conversation before it, and its own; the newest first where `order` does not say otherwise.",
      headers: callHeaders,
      params,
      // Clients ask for more of each item than is kept, under names of several spellings.
      querystring: {
        ...record(
          {
            limit: {
              type: "string",
              pattern: "^([1-9]\\d?|100)$",
              description: "Most items in one answer; 20 when absent.",
            },
            order: { enum: ["asc", "desc"] },
            after: { type: "string", maxLength: 256, description: "The id of the last item of the page before." },
            include: text,
          },
          ["limit", "order", "after", "include"],
        ),
        additionalProperties: true,
      },
      response: {
        200: answer(
          "A page of items.",
          record({
            object: { const: "list" },
            data: { type: "array", items: anything },
            first_id: { type: ["string", "null"] },
            last_id: { type: ["string", "null"] },
            has_more: { type: "boolean" },
          }),
        ),
        404: notFound,
      },
    },
    alsoSays: clientError(chatDialect),
    handle: async (ctx, request) => {
      const items = await responses.inputOf(ctx, idIn(request), callOptions(request));
      const query = request.query as Query;
      const ordered = one(query, "order") === "asc" ? items : items.toReversed();
      const after = one(query, "after");
      const from = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
      const to = from + Number(one(query, "limit") ?? 20);
      const data = ordered.slice(from, to);
      const [firstId, lastId] = [data[0], data.at(-1)].map((item) => item?.["id"] ?? null);
      return { object: "list", data, firstId, lastId, hasMore: to < ordered.length };
    },
  });

  route(app, services, "response.delete", {
    schema: {
      summary: "Forget a response",
      headers: callHeaders,
      params,
      response: {
        200: answer(
          "It is forgotten.",
          record({ id: text, object: { const: "response" }, deleted: { const: true }, receipt: { $ref: "Receipt#" } }),
        ),
        404: notFound,
      },
    },
    alsoSays: clientError(chatDialect),
    handle: async (ctx, request) => {
      const id = idIn(request);
      const { receipt } = await responses.remove(ctx, id, callOptions(request));
      return { id, object: "response", deleted: true, receipt };
    },
  });
}

function idIn({ params: given }: FastifyRequest): string {
  return (given as { readonly id: string }).id;
}
