// Credentials: made, listed and revoked by an admin, through the gate like everything else.
import type { FastifyInstance } from "fastify";
import { budgetUnits, budgetWindows, maxAmount } from "../../budgets/index.ts";
import { principalKinds, roles } from "../../kernel/ctx.ts";
import { keyIdPattern } from "../../identity/index.ts";
import type { KeyId } from "../../identity/index.ts";
import type { KeyDraft } from "../../accounts/index.ts";
import { operations } from "../operations.ts";
import { idPage } from "../id-page.ts";
import type { PageOf } from "../id-page.ts";
import { route } from "../route.ts";
import { answer, nextCursor, pageQuery, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const amount = { type: "integer", minimum: 0, maximum: maxAmount };
/** The most that a limit per minute can be: what a Redis script still counts exactly. */
const rate = { type: "integer", minimum: 1, maximum: maxAmount };
const budgetFields = {
  unit: { enum: budgetUnits },
  window: { enum: budgetWindows },
  limit: { ...amount, description: "Most that its calls may use in one window: tokens, or millionths of a US dollar." },
};
const orNull = { type: ["string", "null"] };
const count = { type: "integer", minimum: 0 };
const budgetLine = {
  ...record({
    id: text,
    ...budgetFields,
    used: count,
    held: count,
    available: count,
    since: orNull,
    until: orNull,
  }),
  type: ["object", "null"],
};
const keyFields = {
  id: text,
  kind: { enum: principalKinds },
  product: { type: ["string", "null"] },
  label: { type: ["string", "null"] },
  role: { enum: roles },
  operations: { type: ["array", "null"], items: text },
  networks: { type: ["array", "null"], items: text },
  expires_at: { type: ["string", "null"] },
  owner: { type: ["string", "null"] },
  models: { type: ["array", "null"], items: text },
  budget: budgetLine,
  rpm: { type: ["integer", "null"] },
  tpm: { type: ["integer", "null"] },
  aliases: { type: ["object", "null"], additionalProperties: text },
  fallbacks: { type: ["array", "null"], items: text },
  last_used_at: { type: ["string", "null"] },
  created_at: text,
  created_by: text,
  revoked_at: { type: ["string", "null"] },
};

const modelName = { type: "string", minLength: 1, maxLength: 256, pattern: "^[^\\u0000\\p{Cs}]+$" };
const draftFields = {
  kind: { enum: principalKinds },
  product: { type: "string", minLength: 1, maxLength: 64 },
  label: { type: "string", minLength: 1, maxLength: 100 },
  role: { enum: roles.filter((role) => role !== "anonymous") },
  operations: {
    type: "array",
    minItems: 1,
    maxItems: 50,
    uniqueItems: true,
    items: { enum: Object.keys(operations) },
  },
  networks: {
    type: "array",
    minItems: 1,
    maxItems: 50,
    items: { type: "string", minLength: 2, maxLength: 49 },
  },
  expires_at: { type: "string", format: "date-time", maxLength: 35 },
  owner: { type: "string", pattern: "^(usr|cli)_[0-9a-f-]{36}$" },
  models: {
    type: "array",
    minItems: 1,
    maxItems: 50,
    uniqueItems: true,
    items: modelName,
    description:
      "Models that it may call: names of deployments, names at the provider or `provider/model`; `*` stands for any text.",
  },
  budget: record(budgetFields),
  rpm: { ...rate, description: "Most calls of models within a minute." },
  tpm: { ...rate, description: "Most tokens, asked and answered, within a minute." },
  aliases: {
    type: "object",
    maxProperties: 50,
    propertyNames: modelName,
    additionalProperties: modelName,
    description: "Other names of models, before those of its product.",
  },
  fallbacks: {
    type: "array",
    minItems: 1,
    maxItems: 8,
    uniqueItems: true,
    items: modelName,
    description:
      "Models that answer a chat in this order where the named one cannot, in place of those of its product.",
  },
};

/** `/v1/keys`. */
export function keyRoutes(app: FastifyInstance, services: Services): void {
  const { keys, cursors } = services;

  route(app, services, "key.create", {
    schema: {
      summary: "Make a key; its secret is shown once",
      body: record(
        draftFields,
        Object.keys(draftFields).filter((name) => name !== "kind"),
      ),
      response: {
        201: answer("The key.", record({ ...keyFields, key: text, receipt: { $ref: "Receipt#" } })),
        404: refusal("There is no such product."),
        409: refusal("Another key was given the same id at the same moment; ask again."),
      },
    },
    handle: async (ctx, request, reply) => {
      const { value, receipt } = await keys.create(ctx, request.body as KeyDraft);
      return reply.code(201).send({ ...value, receipt });
    },
  });

  route(app, services, "key.list", {
    schema: {
      summary: "Keys, newest first, without secrets",
      querystring: record(pageQuery, ["limit", "cursor"]),
      response: {
        200: answer("A page of keys.", record({ keys: { type: "array", items: record(keyFields) }, next: nextCursor })),
      },
    },
    handle: async (ctx, request) => {
      const { rows, next } = await idPage(cursors, "key.list", request, (page: PageOf<KeyId>) => keys.list(ctx, page));
      return { keys: rows, next };
    },
  });

  route(app, services, "key.read", {
    schema: {
      summary: "One key, without its secret",
      params: record({ id: { type: "string", pattern: keyIdPattern } }),
      response: { 200: answer("The key.", record(keyFields)), 404: refusal("There is no such key.") },
    },
    handle: (ctx, request) => keys.get(ctx, (request.params as { id: string }).id),
  });

  route(app, services, "key.revoke", {
    schema: {
      summary: "Revoke a key at once",
      // Only ids that can exist: what stands here goes into the ledger, which holds no text of a caller's own.
      params: record({ id: { type: "string", pattern: keyIdPattern } }),
      response: { 200: answer("The key, revoked.", record({ ...keyFields, receipt: { $ref: "Receipt#" } })) },
    },
    handle: async (ctx, request) => {
      const { value, receipt } = await keys.revoke(ctx, (request.params as { id: string }).id);
      return { ...value, receipt };
    },
  });
}
