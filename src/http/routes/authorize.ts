// The authorization endpoint (RFC 6749 section 3.1): the only one that a person's browser comes to.
//
// 1. No cookie is set and no session is kept: each approval asks for the password.
// 2. The browser is sent only to an address that the client registered, character by character.
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Fault } from "../../kernel/fault.ts";
import type { Preview } from "../../identity/index.ts";
import { approvalPage, refusalPage } from "../approval-page.ts";
import type { Page } from "../approval-page.ts";
import type { ErrorCode } from "../codes.ts";
import { faultOf } from "../problem.ts";
import { publicRoute, route } from "../route.ts";
import { content } from "../schemas.ts";
import type { Services } from "../services.ts";
import { statusOf } from "../codes.ts";
import { acceptForms } from "./oauth.ts";

/** Largest form, bytes; the parameters of a request stand in a URL as well. */
const maxFormBytes = 16 * 1024;

const text = { type: "string" };
const parameters = {
  response_type: text,
  client_id: text,
  redirect_uri: text,
  code_challenge: text,
  code_challenge_method: text,
  scope: text,
  state: text,
  nonce: text,
  resource: text,
  prompt: text,
};
const page = (description: string) => content(description, "text/html");
const pages = {
  200: page("The form that asks for approval."),
  303: { description: "Back to the application, with a code or a refusal." },
  400: page("The request cannot be answered, and the application must not be told."),
  401: page("The form again: the user name or password is wrong."),
  403: page("The form again: this account cannot sign in now."),
  429: page("The form again: too many attempts."),
};

/** `GET` and `POST /api/v1/auth/authorize`. Registered in its own scope, whose bodies are forms. */
export function authorizeRoutes(app: FastifyInstance, services: Services): void {
  const { sessions } = services;
  acceptForms(app);
  app.setErrorHandler((error, _request, reply) => sendFault(reply, faultOf(error), services));

  publicRoute(app, "authorize.show", {
    schema: {
      summary: "Ask a person for approval (RFC 6749 section 4.1.1)",
      querystring: { type: "object", properties: parameters },
      response: pages,
    },
    answer: async (request, reply) => {
      const query = queryOf(request.raw.url ?? "");
      return sendPreview(reply, await sessions.preview(query), new URLSearchParams(query), "");
    },
  });

  route(app, services, "authorize.approve", {
    schema: { summary: "Approve or refuse, with a password", response: pages },
    documentedBody: {
      content: {
        "application/x-www-form-urlencoded": {
          schema: {
            type: "object",
            required: ["decision"],
            properties: { ...parameters, decision: { enum: ["approve", "deny"] }, username: text, password: text },
          },
        },
      },
    },
    bodyLimit: maxFormBytes,
    handle: async (ctx, request, reply) => {
      const fields = new URLSearchParams(typeof request.body === "string" ? request.body : "");
      const [decision, username, password] = take(fields, ["decision", "username", "password"]);
      const query = fields.toString();
      const verdict =
        decision === "approve" ? ({ approve: true, username, password } as const) : { approve: false as const };
      try {
        const { location } = await sessions.decide(ctx, query, verdict);
        return await redirect(reply, location);
      } catch (error) {
        const fault = faultOf(error);
        if (!fault.code.startsWith("auth.")) throw error;
        const preview = await sessions.preview(query);
        if (fault.facts.retryAfterSeconds !== undefined)
          void reply.header("retry-after", fault.facts.retryAfterSeconds);
        return sendPreview(reply, preview, fields, username, fault);
      }
    },
  });
}

function sendPreview(
  reply: FastifyReply,
  preview: Preview,
  fields: URLSearchParams,
  username: string,
  wrong?: Fault,
): FastifyReply {
  if (preview.kind === "page") {
    const page = approvalPage(preview, fields, username, wrong && sentence(wrong.message));
    const status = wrong === undefined ? 200 : statusOf[wrong.code as ErrorCode];
    // HTTP wants a challenge with every 401; browsers show the page, since they know no scheme of this name.
    if (status === 401) void reply.header("www-authenticate", 'Bearer realm="charter"');
    return sendPage(reply, status, page);
  }
  if (preview.location !== undefined) return redirect(reply, preview.location);
  return sendPage(reply, 400, refusalPage("This request cannot be answered", sentence(preview.description)));
}

function sendFault(reply: FastifyReply, fault: Fault, { log }: Services): void {
  const status = statusOf[fault.code as ErrorCode];
  if (status >= 500) {
    log.error({ err: fault.cause ?? fault, code: fault.code, requestId: reply.request.charterId }, "failed");
  }
  if (fault.facts.retryAfterSeconds !== undefined) void reply.header("retry-after", fault.facts.retryAfterSeconds);
  const page = refusalPage("This request cannot be answered", sentence(fault.message));
  // No challenge goes with this page, so what would be 401 elsewhere is 400 here.
  void sendPage(reply, status === 401 ? 400 : status, page);
}

function sendPage(reply: FastifyReply, status: number, { html, headers }: Page): FastifyReply {
  return reply.code(status).headers(headers).serializer(String).send(html);
}

/** 303, so that the browser asks with GET and does not send the password on (RFC 9700 section 4.12). */
function redirect(reply: FastifyReply, location: string): FastifyReply {
  return reply.code(303).headers({ location, "cache-control": "no-store", "referrer-policy": "no-referrer" }).send();
}

/** Takes fields out of a form; the rest are the parameters of the request. */
function take(fields: URLSearchParams, names: readonly [string, string, string]): readonly [string, string, string] {
  const [first, second, third] = names.map((name) => {
    const value = fields.get(name) ?? "";
    fields.delete(name);
    return value;
  });
  return [first ?? "", second ?? "", third ?? ""];
}

function queryOf(url: string): string {
  const mark = url.indexOf("?");
  return mark < 0 ? "" : url.slice(mark + 1);
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`;
}
