// The accounts of others, for admins.
import type { FastifyInstance } from "fastify";
import type { AccountDraft, ImportedAccount } from "../../accounts/index.ts";
import { maxEmailLength, maxUsernameLength, userIdPattern } from "../../identity/index.ts";
import type { UserChange, UserId } from "../../identity/index.ts";
import { principalKinds, roles } from "../../kernel/ctx.ts";
import { idPage } from "../id-page.ts";
import type { PageOf } from "../id-page.ts";
import { route } from "../route.ts";
import { answer, nextCursor, pageQuery, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const nullable = { type: ["string", "null"] };
const instant = { type: "string", format: "date-time" };

/** A user in an answer: all but the number that tokens are compared with. */
export const userFields = {
  id: text,
  username: text,
  email: text,
  full_name: nullable,
  kind: { enum: principalKinds },
  role: { enum: roles },
  product: nullable,
  disabled: { type: "boolean" },
  verified: { type: "boolean" },
  must_change_password: { type: "boolean" },
  created_at: instant,
  updated_at: instant,
  last_login_at: { type: ["string", "null"], format: "date-time" },
};

const assignable = { enum: roles.filter((role) => role !== "anonymous") };
const product = { type: "string", minLength: 1, maxLength: 64 };
const fullName = { type: "string", minLength: 1, maxLength: 100 };
const draftFields = {
  username: { type: "string", minLength: 1, maxLength: maxUsernameLength },
  email: { type: "string", minLength: 1, maxLength: maxEmailLength },
  full_name: fullName,
  kind: { enum: principalKinds },
  role: assignable,
  product,
};
const receipt = { $ref: "Receipt#" };
// Only ids that can exist: what stands here goes into the ledger, which holds no text of a caller's own.
const params = record({ id: { type: "string", pattern: userIdPattern } });
const idOf = (request: { params: unknown }): string => (request.params as { id: string }).id;

/** `/v1/users`. */
export function userRoutes(app: FastifyInstance, services: Services): void {
  reading(app, services);
  making(app, services);
  changing(app, services);
}

function reading(app: FastifyInstance, services: Services): void {
  const { accounts, cursors } = services;
  route(app, services, "user.list", {
    schema: {
      summary: "Users, newest first",
      querystring: record(pageQuery, ["limit", "cursor"]),
      response: {
        200: answer(
          "A page of users.",
          record({ users: { type: "array", items: record(userFields) }, next: nextCursor }),
        ),
      },
    },
    handle: async (ctx, request) => {
      const { rows, next } = await idPage(cursors, "user.list", request, (page: PageOf<UserId>) =>
        accounts.list(ctx, page),
      );
      return { users: rows, next };
    },
  });

  route(app, services, "user.read", {
    schema: { summary: "One user", params, response: { 200: answer("The user.", record(userFields)) } },
    handle: async (ctx, request) => accounts.get(ctx, idOf(request)),
  });
}

function making(app: FastifyInstance, services: Services): void {
  const { accounts } = services;
  route(app, services, "user.create", {
    schema: {
      summary: "Make a user; its one-time password is shown once",
      body: record(draftFields, ["full_name", "role", "product"]),
      response: {
        201: answer("The user.", record({ ...userFields, one_time_password: text, receipt })),
        404: refusal("There is no such product."),
        409: refusal("The username or the address is taken."),
      },
    },
    handle: async (ctx, request, reply) => {
      const { value, receipt } = await accounts.create(ctx, request.body as AccountDraft);
      const { user, oneTimePassword } = value;
      return reply.code(201).send({ ...user, oneTimePassword, receipt });
    },
  });

  route(app, services, "user.import", {
    schema: {
      summary: "Take over users with the hashes of their passwords, all or none",
      body: record({
        users: {
          type: "array",
          minItems: 1,
          maxItems: 1000,
          items: record(
            {
              ...draftFields,
              password_hash: { type: "string", minLength: 1, maxLength: 300 },
              verified: { type: "boolean" },
            },
            ["full_name", "role", "product", "verified"],
          ),
        },
      }),
      response: {
        404: refusal("There is no such product."),
        409: refusal("A username or an address is taken; no account was taken over."),
        200: answer(
          "How many were taken over, and which usernames existed already.",
          record({ imported: { type: "integer" }, skipped: { type: "array", items: text }, receipt }),
        ),
      },
    },
    handle: async (ctx, request) => {
      const { users } = request.body as { users: readonly ImportedAccount[] };
      const { value, receipt } = await accounts.importAll(ctx, users);
      return { ...value, receipt };
    },
  });
}

function changing(app: FastifyInstance, services: Services): void {
  const { accounts } = services;
  const changed = {
    200: answer("The user as it is now.", record({ ...userFields, receipt })),
    409: refusal("It is the last enabled admin, or the change meets another."),
  };
  route(app, services, "user.update", {
    schema: {
      summary: "Change a user's role, kind, product, name or address",
      params,
      body: {
        ...record(
          {
            email: draftFields.email,
            verified: { const: true, description: "The admin vouches for the address." },
            full_name: { anyOf: [fullName, { type: "null" }] },
            kind: draftFields.kind,
            role: assignable,
            product: { anyOf: [product, { type: "null" }] },
          },
          ["email", "verified", "full_name", "kind", "role", "product"],
        ),
        minProperties: 1,
      },
      response: changed,
    },
    handle: async (ctx, request) => {
      const { value, receipt } = await accounts.update(ctx, idOf(request), request.body as UserChange);
      return { ...value, receipt };
    },
  });

  for (const verb of ["disable", "enable"] as const) {
    route(app, services, `user.${verb}`, {
      schema: {
        summary: verb === "disable" ? "Disable a user and end every session" : "Enable a user again",
        params,
        response: changed,
      },
      handle: async (ctx, request) => {
        const { value, receipt } = await accounts[verb](ctx, idOf(request));
        return { ...value, receipt };
      },
    });
  }

  route(app, services, "user.reset_password", {
    schema: {
      summary: "Replace a user's password by a one-time one, which is shown once",
      params,
      response: {
        200: answer("The user and its one-time password.", record({ ...userFields, one_time_password: text, receipt })),
      },
    },
    handle: async (ctx, request) => {
      const { value, receipt } = await accounts.resetPassword(ctx, idOf(request));
      return { ...value.user, oneTimePassword: value.oneTimePassword, receipt };
    },
  });
}
