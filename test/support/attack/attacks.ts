// What an attacker brings along: bare HTTP that follows nothing, tokens that should not be, a listener that should never be
// called, and people at every stage of an account.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CompactSign, compactDecrypt, decodeJwt, decodeProtectedHeader, importJWK } from "jose";
import type { JWK } from "jose";
import type { Answer, Ask, TestCharter } from "../app/in-process.ts";
import { tokenFor } from "../identity/mail.ts";
import type { Person } from "../identity/oauth.ts";
import { approve, pkce, postForm, signIn } from "../identity/oauth.ts";

/** The endpoints that attacks aim at most. */
export const auth = "/api/v1/auth";

/** Where the browser of an application goes back to. */
export const back = "https://app.example/back";

/** A password that every policy accepts. */
export const goodPassword = "seven tangled umbrellas";

/** A request whose redirects are not followed. */
export async function visit(charter: TestCharter, path: string, init: RequestInit = {}): Promise<Answer> {
  const { status, headers, ...rest } = await fetch(`${charter.url}${path}`, { redirect: "manual", ...init }).then(
    async (response) => ({ status: response.status, headers: response.headers, text: await response.text() }),
  );
  return { status, headers, text: rest.text, json: jsonOf(rest.text) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Tries a sign-in as JSON. */
export function logIn(charter: TestCharter, username: string, password: string, more: Ask = {}): Promise<Answer> {
  return charter.ask(`${auth}/login`, { key: null, body: { username, password }, ...more });
}

/** Somebody who registered and proved the address, and whom no admin has given anything. */
export async function newcomerAt(charter: TestCharter): Promise<Person> {
  const username = `n${randomBytes(6).toString("hex")}`;
  const email = `${username}@example.org`;
  const body = { username, email, password: goodPassword };
  const registered = await charter.ask(`${auth}/register`, { key: null, body });
  if (registered.status !== 202) throw new Error(registered.text);
  const token = await tokenFor(charter.dataDir, email);
  const verified = await charter.ask(`${auth}/verify`, { key: null, body: { token } });
  if (verified.status !== 200) throw new Error(verified.text);
  const { json } = await charter.ask("/v1/users?limit=1000");
  const { id } = json.users.find((user: { username: string }) => user.username === username);
  return { id, username, password: goodPassword };
}

/** The access token of somebody. */
export async function bearerOf(charter: TestCharter, person: Person): Promise<string> {
  const { status, json, text } = await signIn(charter, person);
  if (status !== 200) throw new Error(text);
  return json.access_token;
}

/** An authorization request of an application, with what a test changes or leaves out (undefined). */
export function authorizeUrl(client: string, challenge: string, more: Record<string, string | undefined> = {}): string {
  const fields = {
    response_type: "code",
    client_id: client,
    redirect_uri: back,
    code_challenge: challenge,
    code_challenge_method: "S256",
    state: "s",
    ...more,
  };
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined);
  return `${auth}/authorize?${new URLSearchParams(given).toString()}`;
}

/** A code that somebody approved, as the form that exchanges it. */
export async function codeFor(
  charter: TestCharter,
  client: string,
  { username, password }: Person,
  more: Record<string, string> = {},
): Promise<Record<string, string>> {
  const { verifier, challenge } = pkce();
  const { location, html } = await approve(charter, authorizeUrl(client, challenge, more), { username, password });
  const code = URL.parse(location)?.searchParams.get("code");
  if (code === undefined || code === null) throw new Error(`no code in ${location} ${html}`);
  return { grant_type: "authorization_code", code, redirect_uri: back, client_id: client, code_verifier: verifier };
}

/** Exchanges or refreshes. */
export function tokenBy(charter: TestCharter, form: Record<string, string>): Promise<Answer> {
  return postForm(charter, `${auth}/token`, form);
}

/** What an attacker changes of a token; a value of undefined removes. */
export interface Changes {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A token like another one with something changed, signed with the server's own key, which only a test can get at. */
export async function resigned(charter: TestCharter, token: string, { header, claims }: Changes): Promise<string> {
  const original = decodeProtectedHeader(token);
  const privateJwk = await serverKey(charter, String(original.kid));
  const payload = Buffer.from(JSON.stringify({ ...decodeJwt(token), ...claims }));
  const signed = new CompactSign(payload).setProtectedHeader({ ...original, ...header, alg: "EdDSA" });
  return signed.sign(await importJWK(privateJwk, "EdDSA"));
}

async function serverKey({ dataDir }: TestCharter, kid: string): Promise<JWK> {
  using database = new DatabaseSync(join(dataDir, "charter.db"), { readOnly: true });
  const row = database.prepare("select sealed from identity_signing_keys where kid = ?").get(kid);
  const secret = await readFile(join(dataDir, "signing.secret"));
  const { plaintext } = await compactDecrypt(String(row?.["sealed"]), secret);
  return JSON.parse(Buffer.from(plaintext).toString()) as JWK;
}

/** A token of two parts that are only encoded, and a signature of the attacker's. */
export function assembled(header: object, claims: object, signature: string | Uint8Array = ""): string {
  const part = (value: string | Uint8Array): string => Buffer.from(value).toString("base64url");
  return `${part(JSON.stringify(header))}.${part(JSON.stringify(claims))}.${part(signature)}`;
}

/** A listener on loopback. */
export interface Listener extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** How often it was connected to. */
  readonly connections: () => number;
}

/** Listens, and hands each connection to `talk`. */
export async function listen(talk: (socket: Socket) => unknown = () => {}): Promise<Listener> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    open.add(socket.on("error", () => {}));
    socket.on("close", () => open.delete(socket));
    talk(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
