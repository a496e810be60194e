// Ways in which what a caller may do ends while a request of it is open, each with the refusal that it is answered with.
import type { TestCharter } from "./in-process.ts";
import type { handClock } from "../gateway/gateway.ts";
import { approve, clientAt, personAt, pkce, postForm, signIn } from "../identity/oauth.ts";
import type { Person } from "../identity/oauth.ts";

/** A caller whose rights can be ended. */
export interface Ending {
  /** The caller's credential. */
  readonly key: string;
  /** Ends what it rests on; resolves when that is acknowledged. */
  readonly end: () => Promise<void>;
}

/** One way. */
export interface Way {
  readonly name: string;
  readonly status: number;
  readonly code: string;
  /** Makes a caller of a kind that may call models and store artifacts of AI_ASSISTANT. */
  readonly caller: (charter: TestCharter, clock: ReturnType<typeof handClock>) => Promise<Ending>;
}

const ended = { status: 401, code: "credential.ended" } as const;
const product = "AI_ASSISTANT";

async function done(answer: Promise<{ status: number; text: string }>): Promise<void> {
  const { status, text } = await answer;
  if (status >= 300) throw new Error(`${status} ${text}`);
}

async function keyAt(charter: TestCharter, fields: Record<string, unknown> = {}): Promise<{ id: string; key: string }> {
  const made = await charter.ask("/v1/keys", { body: { kind: "product", product, ...fields } });
  if (made.status !== 201) throw new Error(made.text);
  return made.json;
}

async function sessionOf(charter: TestCharter): Promise<Person & { readonly key: string; readonly refresh: string }> {
  const person = await personAt(charter);
  const { json } = await signIn(charter, person);
  return { ...person, key: json.access_token, refresh: json.refresh_token };
}

/** A session of somebody through an application, with that application's id. */
async function throughApplication(charter: TestCharter): Promise<{ id: string; key: string }> {
  const { username, password } = await personAt(charter);
  const redirectUri = "https://app.example/back";
  const terms = { kind: "product", role: "developer", product, redirect_uris: [redirectUri] };
  const { id, secret } = await clientAt(charter, { ...terms, grant_types: ["authorization_code"] });
  const { verifier, challenge } = pkce();
  const asked = { response_type: "code", client_id: id, redirect_uri: redirectUri, scope: "api" };
  const proof = { code_challenge: challenge, code_challenge_method: "S256" };
  const query = new URLSearchParams({ ...asked, ...proof }).toString();
  const { location } = await approve(charter, `/api/v1/auth/authorize?${query}`, { username, password });
  const code = new URL(location).searchParams.get("code") ?? "";
  const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier };
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
  const { json } = await postForm(charter, "/api/v1/auth/token", form, { authorization });
  return { id, key: json.access_token };
}

/** Stops the writes of a product as an executor of it that oversteps does. */
export async function haltProduct(
  charter: TestCharter,
  halted: string = product,
  type = "ConversationArtifact",
): Promise<void> {
  const { json } = await charter.ask("/v1/artifacts", {
    body: { product_id: halted, artifact_type: type, payload: Math.random() },
  });
  const body = { kind: "executor", product: halted, role: "admin" };
  const executor = await charter.ask("/v1/keys", { body });
  const path = `/v1/artifacts/${json.artifact.artifact_id}`;
  const overstep = await charter.ask(path, { method: "DELETE", key: executor.json.key });
  if (overstep.status !== 403) throw new Error(overstep.text);
}

/** Lets the writes of the product go on again. */
export async function clearHalt(charter: TestCharter): Promise<void> {
  await charter.ask(`/v1/halts/${product}/clear`, { body: { reason: "the test is over" } });
}

/** The plainest way. */
export const byRevocation: Way = {
  name: "its key is revoked",
  ...ended,
  async caller(charter) {
    const { id, key } = await keyAt(charter);
    return { key, end: () => done(charter.ask(`/v1/keys/${id}`, { method: "DELETE" })) };
  },
};

/** A halt of its product. */
export const byHalt: Way = {
  name: "its product is halted",
  status: 403,
  code: "governance.halted",
  async caller(charter) {
    const { key } = await keyAt(charter);
    return { key, end: () => haltProduct(charter) };
  },
};

/** The ways. */
export const waysToEnd: readonly Way[] = [
  byRevocation,
  {
    name: "the owner of its key is disabled",
    ...ended,
    async caller(charter) {
      const { id: owner } = await personAt(charter);
      const { key } = await keyAt(charter, { owner });
      return { key, end: () => done(charter.ask(`/v1/users/${owner}/disable`, { method: "POST" })) };
    },
  },
  {
    name: "the owner of its key gets a lower role",
    status: 403,
    code: "permission.denied",
    async caller(charter) {
      const { id: owner } = await personAt(charter);
      const { key } = await keyAt(charter, { owner });
      const body = { role: "observer" };
      return { key, end: () => done(charter.ask(`/v1/users/${owner}`, { method: "PATCH", body })) };
    },
  },
  {
    name: "the owner of its key goes to another product",
    ...ended,
    async caller(charter) {
      const { id: owner } = await personAt(charter);
      const { key } = await keyAt(charter, { owner });
      const body = { product: "GURUKUL" };
      return { key, end: () => done(charter.ask(`/v1/users/${owner}`, { method: "PATCH", body })) };
    },
  },
  {
    name: "its key expires",
    ...ended,
    async caller(charter, clock) {
      const expiresAt = new Date(clock.nowMs() + 20_000).toISOString();
      const { key } = await keyAt(charter, { expires_at: expiresAt });
      return { key, end: async () => clock.advance(20_000) };
    },
  },
  {
    name: "its account is disabled",
    ...ended,
    async caller(charter) {
      const { id, key } = await sessionOf(charter);
      return { key, end: () => done(charter.ask(`/v1/users/${id}/disable`, { method: "POST" })) };
    },
  },
  {
    name: "its password is reset",
    ...ended,
    async caller(charter) {
      const { id, key } = await sessionOf(charter);
      return { key, end: () => done(charter.ask(`/v1/users/${id}/reset-password`, { method: "POST" })) };
    },
  },
  {
    name: "its session is logged out",
    ...ended,
    async caller(charter) {
      const { key } = await sessionOf(charter);
      return { key, end: () => done(charter.ask("/api/v1/auth/logout", { method: "POST", key })) };
    },
  },
  {
    name: "its refresh token is revoked",
    ...ended,
    async caller(charter) {
      const { key, refresh } = await sessionOf(charter);
      const form = { token: refresh, client_id: "charter" };
      return { key, end: () => done(postForm(charter, "/api/v1/auth/revoke", form)) };
    },
  },
  {
    name: "its client is revoked",
    ...ended,
    async caller(charter) {
      const { id, secret } = await clientAt(charter, { kind: "product", role: "developer", product });
      const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
      const form = { grant_type: "client_credentials" };
      const { json } = await postForm(charter, "/api/v1/auth/token", form, { authorization });
      return {
        key: json.access_token,
        end: () => done(charter.ask(`/v1/clients/${id}`, { method: "DELETE" })),
      };
    },
  },
  {
    name: "the client that owns its key is revoked",
    ...ended,
    async caller(charter) {
      const { id: owner } = await clientAt(charter);
      const { key } = await keyAt(charter, { owner });
      return { key, end: () => done(charter.ask(`/v1/clients/${owner}`, { method: "DELETE" })) };
    },
  },
  {
    name: "the application it acts through is revoked",
    ...ended,
    async caller(charter) {
      const { id, key } = await throughApplication(charter);
      return { key, end: () => done(charter.ask(`/v1/clients/${id}`, { method: "DELETE" })) };
    },
  },
  {
    name: "its access token expires",
    ...ended,
    async caller(charter, clock) {
      const { key } = await sessionOf(charter);
      // Half an hour, and the minute by which clocks may differ.
      return { key, end: async () => clock.advance(31 * 60_000) };
    },
  },
  {
    name: "its role is lowered",
    status: 403,
    code: "permission.denied",
    async caller(charter) {
      const { id, key } = await sessionOf(charter);
      const body = { role: "observer" };
      return { key, end: () => done(charter.ask(`/v1/users/${id}`, { method: "PATCH", body })) };
    },
  },
  {
    name: "its account goes to another product",
    status: 404,
    code: "product.not_found",
    async caller(charter) {
      const { id, key } = await sessionOf(charter);
      const body = { product: "GURUKUL" };
      return { key, end: () => done(charter.ask(`/v1/users/${id}`, { method: "PATCH", body })) };
    },
  },
  byHalt,
];
