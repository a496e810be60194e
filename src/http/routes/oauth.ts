// OAuth 2: tokens, their end, and what clients must know of the server. What a request means is for the authorization server;
// here it is read, and the answer is given the form that the RFCs ask for.
import { isPasswordLogin } from "../../identity/index.ts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { OAuthAnswer } from "../../identity/index.ts";
import type { OAuthForm } from "../../accounts/index.ts";
import { oauthRefusalSchema, sendOAuthRefusal } from "../oauth-refusal.ts";
import { addressOf } from "../plugins/proxies.ts";
import { countRequest } from "../rate-limits.ts";
import { publicRoute, route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

/** Largest form, bytes: a client assertion takes a few thousand. */
const maxFormBytes = 32 * 1024;

const text = { type: "string" };
const free = { type: "object", additionalProperties: true };
const refused = answer("A refusal as RFC 6749 section 5.2 has it.", oauthRefusalSchema);
const refusals = { 400: refused, 401: refused, 403: refused, 429: refused, 503: refused };

const tokens = record(
  {
    access_token: text,
    token_type: text,
    expires_in: { type: "integer" },
    refresh_token: text,
    scope: text,
    id_token: text,
  },
  ["refresh_token", "scope", "id_token"],
);

/** A form as the document shows it; the authorization server checks it. */
function formOf(required: readonly string[], optional: readonly string[]): object {
  const properties = Object.fromEntries([...required, ...optional].map((name) => [name, text]));
  const schema = { type: "object", required, properties, additionalProperties: true };
  return { content: { "application/x-www-form-urlencoded": { schema } } };
}

const clientFields = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];
const tokenFields = [
  "username",
  "password",
  "refresh_token",
  "code",
  "code_verifier",
  "redirect_uri",
  "scope",
  "resource",
];

/** The endpoints that applications call. Registered in their own scope, whose bodies are forms. */
export function oauthRoutes(app: FastifyInstance, services: Services): void {
  const { sessions, log } = services;
  acceptForms(app);
  app.setErrorHandler((error, _request, reply) => sendOAuthRefusal(error, reply, log));

  route(app, services, "token.issue", {
    schema: { summary: "Get tokens (RFC 6749)", response: { 200: answer("Tokens.", tokens), ...refusals } },
    documentedBody: formOf([], ["grant_type", ...tokenFields, ...clientFields]),
    bodyLimit: maxFormBytes,
    handle: async (ctx, request, reply) => {
      const form = formFrom(request);
      // Only now is it known that this is a login.
      if (isPasswordLogin(new URLSearchParams(form.form))) {
        await countRequest(services, "auth", ctx.principal, request, reply);
      }
      return sendTokens(reply, await sessions.token(ctx, form));
    },
  });

  route(app, services, "token.revoke", {
    schema: {
      summary: "End a token and the session it belongs to (RFC 7009)",
      response: { 200: answer("It is ended, or was not alive.", record({})), ...refusals },
    },
    documentedBody: formOf(["token"], ["token_type_hint", ...clientFields]),
    bodyLimit: maxFormBytes,
    handle: async (ctx, request, reply) => {
      await sessions.revoke(ctx, formFrom(request));
      return uncached(reply).send({});
    },
  });

  publicRoute(app, "token.introspect", {
    schema: {
      summary: "What a token is worth (RFC 7662)",
      response: { 200: answer("`active`, and what the token says when it is.", free), ...refusals },
    },
    documentedBody: formOf(["token"], ["token_type_hint", ...clientFields]),
    bodyLimit: maxFormBytes,
    answer: async (request, reply) => {
      const { body } = await sessions.introspect(formFrom(request), addressOf(request));
      return uncached(reply).send(body);
    },
  });
}

/** What is said about the server, and sessions for those who have a password and speak JSON. */
export function sessionRoutes(app: FastifyInstance, services: Services): void {
  const { sessions, signingKeys } = services;
  const described = { response: { 200: answer("RFC 8414.", free) } };
  const metadata = () => sessions.metadata();
  publicRoute(app, "oauth.metadata", {
    schema: { summary: "The authorization server's metadata (RFC 8414)", ...described },
    answer: metadata,
  });
  publicRoute(app, "oauth.openid_metadata", {
    schema: { summary: "The same where OpenID Connect clients look for it", ...described },
    answer: metadata,
  });
  publicRoute(app, "oauth.jwks", {
    schema: {
      summary: "The keys that tokens are signed with (RFC 7517)",
      response: { 200: answer("A JWK Set.", record({ keys: { type: "array", items: free } })) },
    },
    answer: () => signingKeys.jwks(),
  });

  const typed = { type: "string", minLength: 1, maxLength: 1024 };
  route(app, services, "session.login", {
    schema: {
      summary: "Sign in with a user name and a password",
      body: record({ username: typed, password: typed }),
      response: { 200: answer("Tokens, as the token endpoint gives them.", tokens) },
    },
    handle: async (ctx, request, reply) => {
      const credentials = request.body as { username: string; password: string };
      return sendTokens(reply, await sessions.login(ctx, credentials));
    },
  });

  route(app, services, "session.logout", {
    schema: {
      summary: "End the session of the access token that is presented",
      response: {
        200: answer("It is ended.", record({ detail: text })),
        409: refusal("The credential belongs to no session, such as an API key."),
      },
    },
    handle: async (ctx, request) => {
      await sessions.logout(ctx, (request.headers.authorization ?? "").replace(/^Bearer +/i, "").trim());
      return { detail: "The session has ended; its tokens are dead." };
    },
  });
}

/** Lets a scope read forms, and nothing else, as the text that they are. */
export function acceptForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const form = "application/x-www-form-urlencoded";
  app.addContentTypeParser(form, { parseAs: "string" }, (_request, body, done) => done(null, body));
}

function formFrom(request: FastifyRequest): OAuthForm {
  const { authorization } = request.headers;
  const form = typeof request.body === "string" ? request.body : "";
  return { form, ...(authorization === undefined ? {} : { authorization }) };
}

function sendTokens(reply: FastifyReply, { body }: OAuthAnswer): FastifyReply {
  return uncached(reply).send(body);
}

/** RFC 6749 section 5.1: no one on the way keeps a token. */
function uncached(reply: FastifyReply): FastifyReply {
  return reply.headers({ "cache-control": "no-store", pragma: "no-cache" });
}
