// What people do with their own accounts. But for `me` none of it needs a credential: callers prove by a password or
// a mailed token whose account it is.
import type { FastifyInstance } from "fastify";
import { maxEmailLength, tokenPattern } from "../../identity/index.ts";
import { callerKinds, permissions, roles } from "../../kernel/ctx.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";
import { userFields } from "./users.ts";

const text = { type: "string" };
/** Longer than any username or password that is accepted, so that the refusal is ours, explained and on record. */
const typed = { type: "string", minLength: 1, maxLength: 1024 };
const email = { type: "string", minLength: 1, maxLength: maxEmailLength };
const token = { type: "string", pattern: tokenPattern };
const done = record({ detail: text, receipt: { $ref: "Receipt#" } });

/** `/api/v1/auth/...`. */
export function authRoutes(app: FastifyInstance, services: Services): void {
  me(app, services);
  registration(app, services);
  passwords(app, services);
}

function me(app: FastifyInstance, services: Services): void {
  const { accounts, constitution } = services;
  route(app, services, "auth.me", {
    schema: {
      summary: "Who the caller is and what it may call",
      response: {
        200: answer(
          "The caller; `user` is null for a key or a client.",
          record(
            {
              principal: record(
                {
                  id: text,
                  kind: { enum: callerKinds },
                  role: { enum: roles },
                  product: { type: ["string", "null"] },
                  operations: { type: "array", items: text },
                },
                ["operations"],
              ),
              permissions: { type: "array", items: { enum: permissions } },
              user: { anyOf: [{ type: "null" }, record(userFields)] },
            },
            [],
          ),
        ),
      },
    },
    handle: async (ctx) => {
      const user = await accounts.self(ctx);
      const { id, kind, role, product, operations } = ctx.principal;
      return {
        principal: { id, kind, role, product, ...(operations === undefined ? {} : { operations }) },
        permissions: constitution.data.roles[role].permissions,
        user: user ?? null,
      };
    },
  });
}

function registration(app: FastifyInstance, services: Services): void {
  const { accounts } = services;
  route(app, services, "user.register", {
    schema: {
      summary: "Register; the address is confirmed by mail",
      body: record(
        { username: typed, email, password: typed, full_name: { type: "string", minLength: 1, maxLength: 100 } },
        ["full_name"],
      ),
      response: {
        202: answer("The registration waits for the mailed token.", done),
        409: refusal("The username is taken."),
      },
    },
    handle: async (ctx, request, reply) => {
      const body = request.body as { username: string; email: string; password: string; fullName?: string };
      const { receipt } = await accounts.register(ctx, body);
      return reply.code(202).send({ detail: "A mail with the next step is on its way to the address.", receipt });
    },
  });

  route(app, services, "user.verify", {
    schema: {
      summary: "Confirm an e-mail address with the token that was mailed",
      body: record({ token }),
      response: { 200: answer("The user may log in now.", record({ username: text, receipt: { $ref: "Receipt#" } })) },
    },
    handle: async (ctx, request) => {
      const { value, receipt } = await accounts.verify(ctx, (request.body as { token: string }).token);
      return { username: value.username, receipt };
    },
  });
}

function passwords(app: FastifyInstance, services: Services): void {
  const { accounts } = services;
  const changed = record({ username: text, receipt: { $ref: "Receipt#" } });
  route(app, services, "password.change", {
    schema: {
      summary: "Change a password, or exchange a one-time password for one",
      body: record({ username: typed, current_password: typed, new_password: typed }),
      response: { 200: answer("The password is changed and every session ended.", changed) },
    },
    handle: async (ctx, request) => {
      const body = request.body as { username: string; currentPassword: string; newPassword: string };
      const { value, receipt } = await accounts.changePassword(ctx, body);
      return { username: value.username, receipt };
    },
  });

  route(app, services, "password.reset_request", {
    schema: {
      summary: "Ask for a new password by mail",
      body: record({ email }),
      response: { 202: answer("The same answer whether or not the address is known.", done) },
    },
    handle: async (ctx, request, reply) => {
      const { receipt } = await accounts.requestReset(ctx, (request.body as { email: string }).email);
      return reply
        .code(202)
        .send({ detail: "If the address is known, a mail with the next step is on its way.", receipt });
    },
  });

  route(app, services, "password.reset_confirm", {
    schema: {
      summary: "Set a new password with the token that was mailed",
      body: record({ token, new_password: typed }),
      response: { 200: answer("The password is set and every session ended.", changed) },
    },
    handle: async (ctx, request) => {
      const body = request.body as { token: string; newPassword: string };
      const { value, receipt } = await accounts.confirmReset(ctx, body);
      return { username: value.username, receipt };
    },
  });
}
