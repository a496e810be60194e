// Credentials: made, listed and revoked by an admin, through the gate like everything else.
import type { FastifyInstance } from "fastify";
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
  last_used_at: { type: ["string", "null"] },
  created_at: text,
  created_by: text,
  revoked_at: { type: ["string", "null"] },
};

/** `/v1/keys`. */
export function keyRoutes(app: FastifyInstance, services: Services): void {
  const { keys, cursors } = services;

  route(app, services, "key.create", {
    schema: {
      summary: "Make a key; its secret is shown once",
      body: record(
        {
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
        },
        ["product", "label", "role", "operations", "networks", "expires_at", "owner"],
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
