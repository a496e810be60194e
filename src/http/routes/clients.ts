// OAuth clients and the keys that sign tokens, as an admin sees them.
import type { FastifyInstance } from "fastify";
import { clientGrantTypes, clientIdPattern } from "../../identity/index.ts";
import type { ClientId } from "../../identity/index.ts";
import type { ClientDraft } from "../../identity/index.ts";
import { principalKinds, roles } from "../../kernel/ctx.ts";
import { idPage } from "../id-page.ts";
import type { PageOf } from "../id-page.ts";
import { route } from "../route.ts";
import { answer, nextCursor, pageQuery, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const nullable = { type: ["string", "null"] };
const receipt = { $ref: "Receipt#" };
const clientFields = {
  id: text,
  name: text,
  kind: { enum: principalKinds },
  role: { enum: roles },
  product: nullable,
  auth_method: { enum: ["client_secret_basic", "private_key_jwt", "none"] },
  grant_types: { type: "array", items: { enum: clientGrantTypes } },
  redirect_uris: { type: "array", items: text },
  created_at: text,
  created_by: text,
  revoked_at: nullable,
};
const draft = record(
  {
    name: { type: "string", minLength: 1, maxLength: 100 },
    kind: { enum: principalKinds },
    role: { enum: roles.filter((role) => role !== "anonymous") },
    product: { type: "string", minLength: 1, maxLength: 64 },
    grant_types: { type: "array", items: { enum: clientGrantTypes }, minItems: 1, uniqueItems: true },
    redirect_uris: { type: "array", items: { type: "string", maxLength: 2000 }, maxItems: 10 },
    jwks: record({
      keys: { type: "array", items: { type: "object", additionalProperties: true }, minItems: 1, maxItems: 10 },
    }),
    public: { type: "boolean", description: "It can keep no secret: a browser or desktop application." },
  },
  ["product", "redirect_uris", "jwks", "public"],
);
const keyFields = { kid: text, alg: text, created_at: text, retired_at: nullable, published: { type: "boolean" } };

/** `/v1/clients` and `/v1/signing-keys`. */
export function clientRoutes(app: FastifyInstance, services: Services): void {
  const { clients, cursors } = services;

  route(app, services, "client.create", {
    schema: {
      summary: "Register an OAuth client; its secret, if it has one, is shown once",
      body: draft,
      response: {
        201: answer("The client.", record({ ...clientFields, secret: text, receipt }, ["secret"])),
        404: refusal("There is no such product."),
      },
    },
    handle: async (ctx, request, reply) => {
      const { value, receipt: proof } = await clients.create(ctx, request.body as ClientDraft);
      return reply.code(201).send({ ...value, receipt: proof });
    },
  });

  route(app, services, "client.list", {
    schema: {
      summary: "OAuth clients, newest first, without secrets",
      querystring: record(pageQuery, ["limit", "cursor"]),
      response: {
        200: answer("A page.", record({ clients: { type: "array", items: record(clientFields) }, next: nextCursor })),
      },
    },
    handle: async (ctx, request) => {
      const { rows, next } = await idPage(cursors, "client.list", request, (page: PageOf<ClientId>) =>
        clients.list(ctx, page),
      );
      return { clients: rows, next };
    },
  });

  route(app, services, "client.revoke", {
    schema: {
      summary: "Revoke an OAuth client and every token that it got",
      params: record({ id: { type: "string", pattern: clientIdPattern } }),
      response: { 200: answer("The client, revoked.", record({ ...clientFields, receipt })) },
    },
    handle: async (ctx, request) => {
      const { value, receipt: proof } = await clients.revoke(ctx, (request.params as { id: string }).id);
      return { ...value, receipt: proof };
    },
  });

  route(app, services, "signing_key.list", {
    schema: {
      summary: "The keys that sign or signed access tokens, newest first",
      response: { 200: answer("Keys.", record({ keys: { type: "array", items: record(keyFields) } })) },
    },
    handle: async (ctx) => ({ keys: await clients.signingKeys(ctx) }),
  });

  route(app, services, "signing_key.rotate", {
    schema: {
      summary: "Sign with a new key from now on; the old one stays published until what it signed has expired",
      response: { 201: answer("The new key.", record({ ...keyFields, receipt })) },
    },
    handle: async (ctx, _request, reply) => {
      const { value, receipt: proof } = await clients.rotateSigningKey(ctx);
      return reply.code(201).send({ ...value, receipt: proof });
    },
  });
}
