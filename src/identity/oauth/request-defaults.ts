// What a request may leave out because there is only one thing it can mean. Pure.
import { builtInClientId } from "./client.ts";

/** Grants that a caller without a client uses our own client for. */
const firstPartyGrants = new Set(["password", "refresh_token"]);

/**
 * A token request with its defaults: a form with a user name and a password, as FastAPI's documentation pages send it, is
 * a password grant of the built-in client; and the only scope is asked for by those who ask for none.
 */
export function completedForm(form: string, authorization: string | undefined, scope: string): URLSearchParams {
  const params = new URLSearchParams(form);
  for (const name of ["client_id", "client_secret", "scope"]) if (params.get(name) === "") params.delete(name);
  if (!params.has("grant_type") && isPasswordLogin(params)) params.set("grant_type", "password");
  const grant = params.get("grant_type") ?? "";
  const anonymous = authorization === undefined && !params.has("client_id") && !params.has("client_assertion");
  if (anonymous && firstPartyGrants.has(grant)) params.set("client_id", builtInClientId);
  if (grant === "client_credentials" && !params.has("scope")) params.set("scope", scope);
  return params;
}

/** Whether a token request is a login with a password, also one that does not say so. */
export function isPasswordLogin(params: URLSearchParams): boolean {
  const grants = params.getAll("grant_type");
  return grants.includes("password") || (grants.length === 0 && params.has("username") && params.has("password"));
}

/** An authorization request with its default: the only scope, for those who ask for none. */
export function completedQuery(query: string, scope: string): URLSearchParams {
  const params = new URLSearchParams(query);
  if ((params.get("scope") ?? "") === "") params.set("scope", scope);
  return params;
}

/** Whether a token is a JWT, by its form. */
export function isStructured(token: string | null): token is string {
  return token !== null && /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token);
}
