// People and clients for the tests of the authorization server, and what a browser does at its page.
import { createHash, randomBytes } from "node:crypto";
import type { Answer, TestCharter } from "../app/in-process.ts";

/** Somebody who can sign in. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly password: string;
}

/** Makes a user whose password is their own. */
export async function personAt(charter: TestCharter, fields: Record<string, unknown> = {}): Promise<Person> {
  const username = `u${randomBytes(6).toString("hex")}`;
  const draft = { username, email: `${username}@example.com`, kind: "product", role: "developer", ...fields };
  const product = draft.kind === "product" ? { product: "AI_ASSISTANT" } : {};
  const made = await charter.ask("/v1/users", { body: { ...product, ...draft } });
  if (made.status !== 201) throw new Error(made.text);
  const password = `correct horse ${randomBytes(9).toString("base64url")}`;
  const change = { username, current_password: made.json.one_time_password, new_password: password };
  const changed = await charter.ask("/api/v1/auth/password/change", { key: null, body: change });
  if (changed.status !== 200) throw new Error(changed.text);
  return { id: made.json.id, username, password };
}

/** A registered client. */
export interface Registered {
  readonly id: string;
  readonly secret: string;
}

/** Registers a client. */
export async function clientAt(charter: TestCharter, fields: Record<string, unknown> = {}): Promise<Registered> {
  const draft = { name: "Test client", kind: "executor", role: "operator", grant_types: ["client_credentials"] };
  const made = await charter.ask("/v1/clients", { body: { ...draft, ...fields } });
  if (made.status !== 201) throw new Error(made.text);
  return made.json;
}

/** Sends a form. */
export function postForm(
  charter: TestCharter,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const form = "application/x-www-form-urlencoded";
  const body = new URLSearchParams(fields).toString();
  return charter.ask(path, { key: null, headers: { "content-type": form, ...headers }, body });
}

/** A password grant of the built-in client. */
export function signIn(charter: TestCharter, { username, password }: Person): Promise<Answer> {
  return postForm(charter, "/api/v1/auth/token", { grant_type: "password", username, password });
}

/** Uses a refresh token of the built-in client. */
export function refresh(charter: TestCharter, refresh_token: string): Promise<Answer> {
  return postForm(charter, "/api/v1/auth/token", { grant_type: "refresh_token", refresh_token, client_id: "charter" });
}

/** The answer to a request with a token in place of a key. */
export function me(charter: TestCharter, key: string): Promise<Answer> {
  return charter.ask("/api/v1/auth/me", { key });
}

/** A verifier and its challenge (RFC 7636). */
export function pkce(): { readonly verifier: string; readonly challenge: string } {
  const verifier = randomBytes(32).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}

/** What the browser does at the page: takes over the hidden fields, adds what the person typed, and follows nothing. */
export async function approve(
  charter: TestCharter,
  url: string | URL,
  typed: Record<string, string>,
): Promise<{ readonly page: Answer; readonly status: number; readonly location: string; readonly html: string }> {
  const { pathname, search } = new URL(url, charter.url);
  const page = await charter.ask(`${pathname}${search}`, { key: null });
  const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  const unescape = (text = ""): string =>
    text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");
  const fields = hidden.map((match): [string, string] => [unescape(match[1]), unescape(match[2])]);
  const body = new URLSearchParams([...fields, ...Object.entries({ decision: "approve", ...typed })]);
  const response = await fetch(`${charter.url}/api/v1/auth/authorize`, { method: "POST", body, redirect: "manual" });
  const location = response.headers.get("location") ?? "";
  return { page, status: response.status, location, html: await response.text() };
}
