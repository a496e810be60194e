// Responses that are kept, in the words of the API whose clients look for them.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { one } from "../query.ts";
import type { Query } from "../query.ts";
import { chatDialect } from "../../models/index.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";
import { callHeaders, callOptions, clientError } from "./chat.ts";

const anything = { type: "object", additionalProperties: true };
const text = { type: "string" };
// What stands here goes into the ledger, which holds no text of a caller's own.
const params = record({ id: { type: "string", pattern: "^[\\w-]{1,128}$" } });
const notFound = refusal("No response of this id is kept for the caller's product.");

/** `/v1/responses/{id}` and `/v1/responses/{id}/input_items`. */
export function responseRoutes(app: FastifyInstance, services: Services): void {
  const { responses } = services;

  route(app, services, "response.read", {
    schema: {
      summary: "A response that is kept",
      headers: callHeaders,
      params,
      response: { 200: answer("The response, as it was given.", anything), 404: notFound },
    },
    alsoSays: clientError(chatDialect),
    handle: async (ctx, request) => (await responses.read(ctx, idIn(request), callOptions(request))).response,
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
