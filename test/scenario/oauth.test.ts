// OAuth 2 as clients that are not ours speak it: oauth4webapi, openid-client and jose against a server on loopback.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { constitutionWith } from "../support/app/constitution.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { approve, clientAt, me, personAt, postForm, refresh, signIn } from "../support/identity/oauth.ts";
import type { Person } from "../support/identity/oauth.ts";

const insecure = { [oauth.allowInsecureRequests]: true };
const redirectUri = "http://127.0.0.1:8400/callback";

let charter: TestCharter;
/** One whose constitution forgives no second use of a refresh token. */
let strict: TestCharter;
let folder: string;
let person: Person;
let as: oauth.AuthorizationServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "charter-oauth-"));
  const constitution = await constitutionWith(folder, [[["limits", "refreshGraceSeconds"], 0]]);
  [charter, strict] = await Promise.all([startTestCharter(), startTestCharter({ flags: { constitution } })]);
  person = await personAt(charter);
  const issuer = new URL(charter.url);
  const response = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  as = await oauth.processDiscoveryResponse(issuer, response);
});
afterAll(async () => {
  await charter[Symbol.asyncDispose]();
  await strict[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** The leaves that one request left. */
async function leavesOf(
  headers: Headers,
  server = charter,
): Promise<{ kind: string; operation: string; [field: string]: unknown }[]> {
  const { json } = await server.ask(`/ledger/entries?request=${headers.get("x-request-id")}&limit=100`);
  return json.entries.map(({ leaf }: { leaf: { kind: string; operation: string } }) => leaf);
}

const application = (fields: Record<string, unknown> = {}) =>
  clientAt(charter, {
    name: "Notebook",
    grant_types: ["authorization_code", "refresh_token"],
    redirect_uris: [redirectUri],
    ...fields,
  });

describe("oauth4webapi", () => {
  it("discovers the server in both places, and every endpoint is where the metadata says", async () => {
    expect(as.issuer).toBe(charter.url);
    expect(as.token_endpoint).toBe(`${charter.url}/api/v1/auth/token`);
    expect(as.code_challenge_methods_supported).toEqual(["S256"]);
    const issuer = new URL(charter.url);
    const oidc = await oauth.discoveryRequest(issuer, insecure);
    expect(await oauth.processDiscoveryResponse(issuer, oidc)).toEqual(as);
  });

  it("gets a token with a secret, by header and by form, that the API takes", async () => {
    const { id, secret } = await clientAt(charter);
    for (const auth of [oauth.ClientSecretBasic(secret), oauth.ClientSecretPost(secret)]) {
      const client = { client_id: id };
      const response = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: "api" }, insecure);
      const tokens = await oauth.processClientCredentialsResponse(as, client, response);
      expect(tokens.expires_in).toBe(1800);
      const { json } = await me(charter, tokens.access_token);
      expect(json.principal).toEqual({ id, kind: "executor", role: "operator", product: null });
    }
  });

  it("gets a token with a signed assertion, once per assertion", async () => {
    const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "one" }] };
    const client = { client_id: (await clientAt(charter, { jwks })).id };
    let sent = "";
    const recording = {
      ...insecure,
      [oauth.customFetch]: (url: string, init: RequestInit) => {
        sent = (init.body as URLSearchParams).toString();
        return fetch(url, init);
      },
    };
    const auth = oauth.PrivateKeyJwt({ key: privateKey, kid: "one" });
    const response = await oauth.clientCredentialsGrantRequest(as, client, auth, {}, recording);
    const tokens = await oauth.processClientCredentialsResponse(as, client, response);
    expect((await me(charter, tokens.access_token)).status).toBe(200);
    const replayed = await postForm(charter, "/api/v1/auth/token", Object.fromEntries(new URLSearchParams(sent)));
    expect([replayed.status, replayed.json.error]).toEqual([401, "invalid_client"]);
  });

  it("walks code and PKCE through the page, refreshes, introspects and revokes", async () => {
    const { id, secret } = await application();
    const client = { client_id: id };
    const auth = oauth.ClientSecretBasic(secret);
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = new URL(as.authorization_endpoint ?? "");
    for (const [name, value] of Object.entries({
      response_type: "code",
      client_id: id,
      redirect_uri: redirectUri,
      scope: "api",
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    })) {
      url.searchParams.set(name, value);
    }
    const { status, location, page } = await approve(charter, url, { ...person, id: undefined } as never);
    expect(page.text).toContain("Notebook asks to act in your name");
    expect(status).toBe(303);
    const params = oauth.validateAuthResponse(as, client, new URL(location), state);
    const granted = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      auth,
      params,
      redirectUri,
      verifier,
      insecure,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, granted);

    const request = new Request(`${charter.url}/v1/artifacts`);
    const claims = await oauth.validateJwtAccessToken(as, request, "x", insecure).catch((error: unknown) => error);
    expect(claims).toBeInstanceOf(Error);
    const bearer = new Request(request, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    const read = await oauth.validateJwtAccessToken(as, bearer, "urn:charter:api", insecure);
    expect(read).toMatchObject({ sub: person.id, client_id: id, scope: "api" });

    const refreshed = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token ?? "", insecure);
    const next = await oauth.processRefreshTokenResponse(as, client, refreshed);
    for (const token of [next.access_token, next.refresh_token ?? ""]) {
      const asked = await oauth.introspectionRequest(as, client, auth, token, insecure);
      const known = await oauth.processIntrospectionResponse(as, client, asked);
      expect(known).toMatchObject({ active: true, sub: person.id, client_id: id });
    }
    const revoked = await oauth.revocationRequest(as, client, auth, next.refresh_token ?? "", insecure);
    await oauth.processRevocationResponse(revoked);
    expect((await me(charter, next.access_token)).status).toBe(401);
    const asked = await oauth.introspectionRequest(as, client, auth, next.access_token, insecure);
    expect(await oauth.processIntrospectionResponse(as, client, asked)).toEqual({ active: false });
  });
});

describe("openid-client", () => {
  it("walks the code flow as a public client, with an ID token when it asks for one", async () => {
    const { id } = await application({ public: true });
    const options = { execute: [openid.allowInsecureRequests] };
    const config = await openid.discovery(
      new URL(charter.url),
      id,
      { id_token_signed_response_alg: "EdDSA" },
      openid.None(),
      options,
    );
    const verifier = openid.randomPKCECodeVerifier();
    const nonce = openid.randomNonce();
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: "openid api",
      nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    const { location } = await approve(charter, url, { username: person.username, password: person.password });
    const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce };
    const tokens = await openid.authorizationCodeGrant(config, new URL(location), checks);
    expect(tokens.claims()?.sub).toBe(person.id);
    expect((await me(charter, tokens.access_token)).json.principal.id).toBe(person.id);
    const next = await openid.refreshTokenGrant(config, tokens.refresh_token ?? "");
    await openid.tokenRevocation(config, next.access_token);
    expect((await me(charter, next.access_token)).status).toBe(401);
    await expect(openid.refreshTokenGrant(config, next.refresh_token ?? "")).rejects.toThrow();
  });

  it("uses the password grant of the built-in client", async () => {
    const options = { execute: [openid.allowInsecureRequests] };
    const config = await openid.discovery(new URL(charter.url), "charter", undefined, openid.None(), options);
    const { username, password } = person;
    const tokens = await openid.genericGrantRequest(config, "password", { username, password });
    expect((await me(charter, tokens.access_token)).json.principal.role).toBe("developer");
  });
});

describe("jose", () => {
  it("verifies a token with the published keys, across a rotation", async () => {
    const before = (await signIn(charter, person)).json.access_token;
    const rotated = await charter.ask("/v1/signing-keys/rotate", { method: "POST" });
    expect(rotated.status).toBe(201);
    const after = (await signIn(charter, person)).json.access_token;
    const keys = createRemoteJWKSet(new URL(as.jwks_uri ?? ""));
    const expected = { issuer: charter.url, audience: "urn:charter:api", typ: "at+jwt", algorithms: ["EdDSA"] };
    const kids = await Promise.all(
      [before, after].map(async (token) => (await jwtVerify(token, keys, expected)).protectedHeader.kid),
    );
    expect(new Set(kids).size).toBe(2);
    expect(kids[1]).toBe(rotated.json.kid);
    for (const token of [before, after]) expect((await me(charter, token)).status).toBe(200);
    const { json } = await charter.ask("/v1/signing-keys");
    expect(json.keys[0]).toMatchObject({ kid: rotated.json.kid, retired_at: null, published: true });
    expect(JSON.stringify(json)).not.toMatch(/"d":|sealed/);
  });
});

describe("RS256", () => {
  it("signs tokens where an operator chose it", async () => {
    await using other = await startTestCharter({ flags: { "token-algorithm": "RS256" } });
    const { access_token } = (await signIn(other, await personAt(other))).json;
    const keys = createRemoteJWKSet(new URL(`${other.url}/.well-known/jwks.json`));
    expect((await jwtVerify(access_token, keys, { algorithms: ["RS256"] })).protectedHeader.alg).toBe("RS256");
    expect((await me(other, access_token)).status).toBe(200);
  });
});

describe("a session", () => {
  it("outlives a restart of the server, and so does its end", async () => {
    await using other = await startTestCharter({ flags: { issuer: "https://charter.example" } });
    const someone = await personAt(other);
    const [stays, ends] = [(await signIn(other, someone)).json, (await signIn(other, someone)).json];
    await other.ask("/api/v1/auth/logout", { key: ends.access_token, method: "POST" });
    await other.restart();
    expect((await me(other, stays.access_token)).status).toBe(200);
    expect((await refresh(other, stays.refresh_token)).status).toBe(200);
    expect((await me(other, ends.access_token)).status).toBe(401);
    expect((await refresh(other, ends.refresh_token)).status).toBe(400);
    expect((await other.ask("/.well-known/openid-configuration", { key: null })).json).toMatchObject({
      issuer: "https://charter.example",
      token_endpoint: "https://charter.example/api/v1/auth/token",
    });
  });

  it("begins and ends over JSON, and every step is on record without a name or a secret", async () => {
    const { username, password } = person;
    const login = await charter.ask("/api/v1/auth/login", { key: null, body: { username, password } });
    expect(login.json).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      token_type: "Bearer",
      expires_in: 1800,
      scope: "api",
    });
    expect(login.headers.get("cache-control")).toBe("no-store");
    const token = login.json.access_token;
    const logout = await charter.ask("/api/v1/auth/logout", { key: token, method: "POST" });
    expect(logout.status).toBe(200);
    expect((await me(charter, token)).status).toBe(401);
    expect((await refresh(charter, login.json.refresh_token)).json.error).toBe("invalid_grant");
    const leaves = [...(await leavesOf(login.headers)), ...(await leavesOf(logout.headers))];
    expect(leaves.map(({ kind, operation }) => `${operation} ${kind}`)).toEqual([
      "session.login intent",
      "session.login outcome",
      "session.logout intent",
      "session.logout outcome",
    ]);
    expect(leaves.at(-1)).toMatchObject({ outcome: "committed", principal: person.id, resource: `user/${person.id}` });
    const text = JSON.stringify(leaves);
    for (const secret of [username, password, token, login.json.refresh_token]) expect(text).not.toContain(secret);
  });

  it("cannot be ended with an API key, which is none", async () => {
    const refused = await charter.ask("/api/v1/auth/logout", { method: "POST" });
    expect([refused.status, refused.json.code]).toEqual([409, "session.none"]);
  });

  it("ends when a used refresh token comes again, and the finding is in the ledger", async () => {
    const someone = await personAt(strict);
    const first = await signIn(strict, someone);
    const second = await refresh(strict, first.json.refresh_token);
    const reused = await refresh(strict, first.json.refresh_token);
    expect([reused.status, reused.json.error]).toEqual([400, "invalid_grant"]);
    const leaves = await leavesOf(reused.headers, strict);
    expect(leaves.map(({ kind }) => kind)).toEqual(["intent", "finding", "outcome"]);
    expect(leaves[1]).toMatchObject({
      finding: { threat: "identity.refresh_reuse", severity: "HIGH", pattern: "used_token_shown_again" },
    });
    expect(leaves[2]).toMatchObject({ outcome: "refused", code: "oauth.invalid_grant", resource: "client/charter" });
    expect((await me(strict, second.json.access_token)).status).toBe(401);
    expect((await refresh(strict, second.json.refresh_token)).status).toBe(400);
  });

  it("is won by one of three parallel refreshes where the constitution forgives none, and else by all", async () => {
    const at = async (server: TestCharter) => {
      const { refresh_token } = (await signIn(server, await personAt(server))).json;
      const answers = await Promise.all([1, 2, 3].map(() => refresh(server, refresh_token)));
      return answers.map(({ status }) => String(status)).toSorted();
    };
    expect(await at(strict)).toEqual(["200", "400", "400"]);
    expect(await at(charter)).toEqual(["200", "200", "200"]);
  });

  it("ends when the password changes and when an admin disables the account", async () => {
    const other = await personAt(charter);
    const token = (await signIn(charter, other)).json.access_token;
    expect((await me(charter, token)).status).toBe(200);
    await charter.ask(`/v1/users/${other.id}/disable`, { method: "POST" });
    expect((await me(charter, token)).status).toBe(401);
    expect((await signIn(charter, other)).json.error).toBe("invalid_grant");
    await charter.ask(`/v1/users/${other.id}/enable`, { method: "POST" });
    expect((await me(charter, token)).status).toBe(401);
  });

  it("starts from the command line, with the password on stdin, and prints tokens only", async () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    let out = "";
    stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    const io = { stdin: Readable.from([`${person.password}\n`]), stdout, stderr, env: {}, cwd: "/" };
    const args = ["login", "--username", person.username, "--print", "--json", "--url", charter.url];
    expect(await runProgram(args, io as never)).toBe(0);
    expect((await me(charter, JSON.parse(out).access_token)).status).toBe(200);
  });
});

describe("a client", () => {
  it("loses every token when it is revoked", async () => {
    const { id, secret } = await clientAt(charter);
    const form = { grant_type: "client_credentials", client_id: id, client_secret: secret };
    const { access_token } = (await postForm(charter, "/api/v1/auth/token", form)).json;
    expect((await me(charter, access_token)).status).toBe(200);
    const revoked = await charter.ask(`/v1/clients/${id}`, { method: "DELETE" });
    expect(revoked.json.revoked_at).toMatch(/^\d{4}-/);
    expect((await me(charter, access_token)).status).toBe(401);
    expect((await postForm(charter, "/api/v1/auth/token", form)).json.error).toBe("invalid_client");
    const { json } = await charter.ask("/v1/clients?limit=1000");
    expect(json.clients.find((each: { id: string }) => each.id === id).revoked_at).toBe(revoked.json.revoked_at);
    expect(JSON.stringify(json)).not.toContain(secret);
  });

  it("can give one of its own tokens back", async () => {
    const { id, secret } = await clientAt(charter);
    const client = { client_id: id, client_secret: secret };
    const get = () => postForm(charter, "/api/v1/auth/token", { grant_type: "client_credentials", ...client });
    const [first, second] = [(await get()).json.access_token, (await get()).json.access_token];
    await postForm(charter, "/api/v1/auth/revoke", { token: first, ...client });
    expect((await me(charter, first)).status).toBe(401);
    expect((await me(charter, second)).status).toBe(200);
  });

  it("acts for a person with no more than its own role", async () => {
    const admin = await personAt(charter, { kind: "admin", role: "admin" });
    const { id } = await application({ public: true, role: "observer" });
    const options = { execute: [openid.allowInsecureRequests] };
    const config = await openid.discovery(new URL(charter.url), id, undefined, openid.None(), options);
    const verifier = openid.randomPKCECodeVerifier();
    const code_challenge = await openid.calculatePKCECodeChallenge(verifier);
    const asked = { redirect_uri: redirectUri, code_challenge, code_challenge_method: "S256" };
    const url = openid.buildAuthorizationUrl(config, asked);
    const { location } = await approve(charter, url, { username: admin.username, password: admin.password });
    const tokens = await openid.authorizationCodeGrant(config, new URL(location), { pkceCodeVerifier: verifier });
    const { json } = await me(charter, tokens.access_token);
    expect(json.principal).toMatchObject({ id: admin.id, role: "observer" });
    expect((await charter.ask("/v1/users", { key: tokens.access_token })).status).toBe(403);
  });
});
