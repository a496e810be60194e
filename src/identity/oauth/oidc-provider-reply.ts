// What goes to the library and what comes back, and what an answer of it means. Pure.
import { Fault } from "../../kernel/fault.ts";
import { apiScope } from "../access-token.ts";
import type { OAuthAnswer } from "./authorization-server.ts";
import { oauthPaths } from "./oidc-provider-configuration.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** One request to the library. */
export interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly form?: URLSearchParams;
  readonly authorization?: string;
  readonly cookie?: string;
}

/** What the library answered. */
export interface Reply {
  readonly status: number;
  readonly location?: string;
  readonly cookies: readonly string[];
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/** A refusal of our own in the library's form; anything else that was thrown stays thrown. */
export function refusalOf(error: unknown): Reply {
  if (!(error instanceof Fault) || !error.code.startsWith("oauth.")) throw error;
  const body = { error: error.code.slice("oauth.".length), error_description: error.message };
  return { status: error.code === "oauth.invalid_client" ? 401 : 400, cookies: [], body };
}

/** What the library is told when no one may act for the person. */
export function denial(description: string): { readonly error: string; readonly error_description: string } {
  return { error: "access_denied", error_description: description };
}

/** The beginning of an authorization request. */
export function startOf(params: URLSearchParams): Call {
  return { method: "GET", path: `${oauthPaths.authorization}?${params.toString()}` };
}

/** What an authorization request asks for. */
export function requested(params: URLSearchParams): { readonly clientId: string; readonly scopes: readonly string[] } {
  return {
    clientId: params.get("client_id") ?? "",
    scopes: [...new Set((params.get("scope") ?? "").split(" "))].filter((scope) =>
      [apiScope, "openid"].includes(scope),
    ),
  };
}

/** The cookies that the library set, as the browser would send them back. */
export function cookieOf({ cookies }: Reply): string {
  return cookies.map((cookie) => cookie.split(";", 1)[0] ?? "").join("; ");
}

/** The body of an answer, if it is JSON. */
export function bodyOf(payload: string): Reply["body"] {
  if (payload === "") return undefined;
  try {
    return JSON.parse(payload) as Readonly<Record<string, unknown>>;
  } catch {
    // A page of the library's own, which no one gets to see.
    return undefined;
  }
}

/** Why an answer is a refusal: in the body, or in where the browser is sent, in the query or behind the `#`. */
export function refusalIn({ body, location, status }: Reply): OAuthAnswer["refusal"] {
  const url = location === undefined ? null : URL.parse(location);
  const errorParams = [url?.searchParams, new URLSearchParams(url?.hash.slice(1))].find((params) =>
    params?.has("error"),
  );
  const error = body?.["error"] ?? errorParams?.get("error");
  if (error === undefined && status < 400) return undefined;
  const description = body?.["error_description"] ?? errorParams?.get("error_description");
  return {
    error: typeof error === "string" ? error : "invalid_request",
    description: typeof description === "string" ? description : "the request was refused",
  };
}

/** An answer as the port gives it; `ended` when it ended the family of a used token. */
export function answerOf(reply: Reply, unit: UnitOfWork, ended: boolean): OAuthAnswer {
  const refusal = refusalIn(reply);
  return {
    ...(refusal === undefined ? {} : { refusal }),
    status: reply.status,
    ...(reply.location === undefined ? {} : { location: reply.location }),
    body: reply.body,
    ...(unit.client === undefined ? {} : { client: unit.client }),
    ...(ended && unit.reuse !== undefined ? { reuse: unit.reuse } : {}),
  };
}

/** What a request made, for the record. */
export function issuedOf(unit: UnitOfWork): Pick<OAuthAnswer, "issued"> {
  const [token] = unit.of("RefreshToken", "AuthorizationCode");
  const [use] = unit.consumed.values();
  const grant = token?.payload["grantId"] ?? use?.grantId;
  if (typeof grant !== "string") return {};
  return { issued: { account: unit.account ?? "", client: unit.client ?? "", grant } };
}
