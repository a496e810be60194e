// The OWASP API Security Top 10 of 2023, one attempt after another against the whole server. What other suites walk in full
// (every operation and role in matrix.test.ts, tokens in oauth-refusals.test.ts) is attempted here in the attacker's words.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operations } from "../../src/http/index.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { Answer, Ask, TestCharter } from "../support/app/in-process.ts";
import { clientAt, me, personAt, pkce, postForm, refresh, signIn } from "../support/identity/oauth.ts";
import { openWalk, operationNames } from "../support/http/walk.ts";

let charter: TestCharter;
beforeAll(async () => {
  charter = await startTestCharter();
});
afterAll(() => charter[Symbol.asyncDispose]());

const auth = "/api/v1/auth";
const statusOf = async (path: string, ask: Ask): Promise<number> => (await charter.ask(path, ask)).status;
const login = (username: string, password: string, on = charter): Promise<Answer> =>
  on.ask(`${auth}/login`, { key: null, body: { username, password } });

/** A server on loopback that counts who comes. */
async function listener(): Promise<{ url: string; visits: () => number } & AsyncDisposable> {
  let visits = 0;
  const server = createServer((_request, response) => {
    visits++;
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    visits: () => visits,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("API1 broken object level authorization", () => {
  it("gives one product nothing of another by id, in paths, bodies, filters or lineage", async () => {
    const mine = await charter.keyFor("product", "AI_ASSISTANT");
    const other = await charter.keyFor("product", "GURUKUL");
    const id = (await charter.ask("/v1/artifacts", { key: mine, body: envelope() })).json.artifact.artifact_id;
    for (const path of ["", "/content", "/proof", "/lineage"]) {
      expect(await statusOf(`/v1/artifacts/${id}${path}`, { key: other }), path).toBe(404);
    }
    const derived = { product_id: "GURUKUL", artifact_type: "ContentArtifact", payload: 1, derived_from: [id] };
    const refused = await charter.ask("/v1/artifacts", { key: other, body: derived });
    expect([refused.status, refused.json.code]).toEqual([400, "artifact.parent_not_found"]);
    expect(await statusOf("/v1/artifacts", { key: other, body: envelope() })).toBe(404);
    expect(await statusOf("/v1/artifacts?product=AI_ASSISTANT", { key: other })).toBe(404);
    expect(await statusOf("/ledger/entries?product=AI_ASSISTANT", { key: other })).toBe(404);
  });

  it("gives a client no power over the tokens of another", async () => {
    const person = await personAt(charter);
    const tokens = (await signIn(charter, person)).json;
    const { id, secret } = await clientAt(charter);
    const basic = { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` };
    const stolen = { grant_type: "refresh_token", refresh_token: tokens.refresh_token };
    expect((await postForm(charter, `${auth}/token`, stolen, basic)).status).toBe(400);
    expect((await postForm(charter, `${auth}/revoke`, { token: tokens.access_token }, basic)).status).toBe(400);
    expect((await me(charter, tokens.access_token)).status).toBe(200);
  });
});

describe("API2 broken authentication", () => {
  it("stops whoever tries passwords after five, and nobody at another address or with another name", async () => {
    await using limited = await startTestCharter({ flags: { "rate-factor": "1", "trusted-proxies": "127.0.0.1" } });
    const from = (address: string, username: string): Promise<Answer> =>
      limited.ask(`${auth}/login`, {
        key: null,
        headers: { "x-forwarded-for": address },
        body: { username, password: "not the password" },
      });
    for (let i = 0; i < 5; i++) expect((await from("192.0.2.1", "admin")).status).toBe(401);
    const stopped = await from("192.0.2.1", "admin");
    expect(stopped.status).toBe(429);
    expect(Number(stopped.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await from("192.0.2.2", "admin")).status).toBe(401);
    expect((await from("192.0.2.3", "nobody")).status).toBe(401);
  });

  it("says the same of a wrong password, an unknown name and a disabled account", async () => {
    const person = await personAt(charter);
    const gone = await personAt(charter);
    expect(await statusOf(`/v1/users/${gone.id}/disable`, { method: "POST" })).toBe(200);
    const answers = [
      await login(person.username, "wrong"),
      await login("no-such-user", "wrong"),
      await login(gone.username, gone.password),
    ];
    const lessons = answers.map(({ status, json }) => [status, json.code, json.detail, json.title]);
    expect(new Set(lessons.map((lesson) => JSON.stringify(lesson))).size).toBe(1);
    expect(answers[0]?.status).toBe(401);
  });

  it("takes a credential in the header alone, and each for what it is", async () => {
    const person = await personAt(charter);
    const tokens = (await signIn(charter, person)).json;
    expect(await statusOf(`${auth}/me?access_token=${tokens.access_token}`, { key: null })).toBe(401);
    expect((await me(charter, tokens.refresh_token)).status).toBe(401);
    expect(await statusOf(`${auth}/me`, { key: null, headers: { cookie: `token=${tokens.access_token}` } })).toBe(401);
    const basic = `Basic ${Buffer.from(`${person.username}:${person.password}`).toString("base64")}`;
    expect(await statusOf(`${auth}/me`, { key: null, headers: { authorization: basic } })).toBe(401);
  });

  it("ends a stolen session when its owner changes the password, refresh included", async () => {
    const person = await personAt(charter);
    const stolen = (await signIn(charter, person)).json;
    const change = {
      username: person.username,
      current_password: person.password,
      new_password: "seven tangled umbrellas",
    };
    expect(await statusOf(`${auth}/password/change`, { key: null, body: change })).toBe(200);
    expect((await me(charter, stolen.access_token)).status).toBe(401);
    expect((await refresh(charter, stolen.refresh_token)).status).toBe(400);
    expect(await statusOf(`${auth}/password/change`, { key: null, body: change })).toBe(401);
  });
});

describe("API3 broken object property level authorization", () => {
  it.each([
    { role: "admin" },
    { kind: "admin" },
    { product: "AI_ASSISTANT" },
    { verified: true },
    { disabled: false },
    { id: "usr_1" },
    { epoch: 9 },
  ])("lets nobody register with %j", async (fields) => {
    const body = { username: "assigner", email: "a@example.org", password: "seven tangled umbrellas", ...fields };
    const refused = await charter.ask(`${auth}/register`, { key: null, body });
    expect([refused.status, refused.json.code]).toEqual([400, "request.invalid"]);
  });

  it("tells no answer of any operation a hash, an epoch or a secret that it has not just made", async () => {
    await using fresh = await startTestCharter();
    const walk = await openWalk(fresh);
    const makes = new Set(["key.create", "client.create", "user.create", "user.reset_password"]);
    for (const name of operationNames) {
      // The description names such fields; it holds no data.
      if (name === "openapi.read") continue;
      const { text } = await walk.call(name);
      expect(text, name).not.toMatch(
        /\$argon2|\$2[aby]\$|text_hash|password_hash|passwordHash"|secretHash|"epoch"|sealed/,
      );
      if (!makes.has(name)) expect(text, name).not.toMatch(/charter_(ad|pr|ai|au|ex)_[0-9a-z]{8}_/);
    }
  });
});

describe("API4 unrestricted resource consumption", () => {
  it("has an end for every size, depth and page", async () => {
    const deep = `${"[".repeat(2000)}1${"]".repeat(2000)}`;
    const json = { "content-type": "application/json" };
    expect(await statusOf("/v1/keys", { body: deep, headers: json })).toBe(400);
    expect(await statusOf("/v1/keys", { body: `"${"x".repeat(5_000_000)}"`, headers: json })).toBe(413);
    for (const path of ["/v1/keys", "/v1/users", "/v1/clients", "/v1/artifacts", "/ledger/entries"]) {
      expect(await statusOf(`${path}?limit=1000000`, {}), path).toBe(400);
    }
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const huge = { key: null, headers: form, body: `grant_type=password&username=${"x".repeat(100_000)}` };
    expect(await statusOf(`${auth}/token`, huge)).toBe(413);
    const uris = Array.from({ length: 11 }, (_, i) => `https://app${i}.example/back`);
    const draft = {
      name: "many",
      kind: "executor",
      role: "operator",
      grant_types: ["authorization_code"],
      redirect_uris: uris,
    };
    expect(await statusOf("/v1/clients", { body: draft })).toBe(400);
  });

  it("hashes a few passwords at a time and turns the rest of a burst away, while others are served", async () => {
    const burst = Array.from({ length: 160 }, (_, i) => login(`burst-${i}`, "some password or other"));
    expect(await statusOf("/governance/info", {})).toBe(200);
    const statuses = (await Promise.all(burst)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([401, 503]));
    // One address has no more than four fifths of the places in which logins wait.
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThan(75);
  });

  it("looks at no password for longer than it takes to see that it is too long", async () => {
    const bomb = { username: "bomber", email: "bomber@example.org", password: "ab1!".repeat(256) };
    const refused = await charter.ask(`${auth}/register`, { key: null, body: bomb });
    expect([refused.status, refused.json.code]).toEqual([400, "auth.password_refused"]);
  });
});

describe("API5 broken function level authorization", () => {
  it("keeps the admin's functions from everybody else, whatever verb or override they try", async () => {
    const { access_token: key } = (
      await signIn(charter, await personAt(charter, { role: "operator", kind: "executor" }))
    ).json;
    expect(await statusOf("/v1/users", { key })).toBe(403);
    expect(await statusOf("/v1/users", { key, body: { username: "x", email: "x@example.org", kind: "admin" } })).toBe(
      403,
    );
    expect(await statusOf("/v1/signing-keys/rotate", { key, method: "POST" })).toBe(403);
    for (const headers of [
      { "x-http-method-override": "POST" },
      { "x-original-url": "/health" },
      { "x-rewrite-url": "/health" },
      { "x-forwarded-for": "127.0.0.1", "x-forwarded-user": "admin" },
    ]) {
      expect(await statusOf("/v1/users", { key, headers })).toBe(403);
      expect(await statusOf("/v1/users", { key: null, headers })).toBe(401);
    }
    for (const path of [
      "//v1/users",
      "/v1//users",
      "/v1/./users",
      "/V1/USERS",
      "/v1/users/",
      "/v1/users;a=b",
      "/health/../v1/users",
    ]) {
      expect([401, 404], path).toContain((await charter.ask(path, { key: null })).status);
    }
  });

  it("lets nobody grant themselves more", async () => {
    const person = await personAt(charter);
    const { access_token: key } = (await signIn(charter, person)).json;
    const change = { key, method: "PATCH", body: { role: "admin" } };
    expect(await statusOf(`/v1/users/${person.id}`, change)).toBe(403);
    const { id, secret } = await clientAt(charter, { kind: "product", role: "observer", product: "AI_ASSISTANT" });
    const asked = { grant_type: "client_credentials", client_id: id, client_secret: secret, scope: "api admin" };
    const given = await postForm(charter, `${auth}/token`, asked);
    if (given.status === 200) {
      expect((await me(charter, given.json.access_token)).json.principal).toMatchObject({
        role: "observer",
        product: "AI_ASSISTANT",
      });
    } else expect(given.json.error).toBe("invalid_scope");
  });
});

describe("API6 unrestricted access to sensitive business flows", () => {
  it("lets one address register five accounts and ask for three resets an hour", async () => {
    await using limited = await startTestCharter({ flags: { "rate-factor": "1" } });
    const ask = async (path: string, body: object): Promise<number> =>
      (await limited.ask(path, { key: null, body })).status;
    const registered: number[] = [];
    for (let i = 0; i < 7; i++) {
      const body = { username: `bot-${i}`, email: `bot-${i}@example.org`, password: "seven tangled umbrellas" };
      registered.push(await ask(`${auth}/register`, body));
    }
    expect(registered).toEqual([202, 202, 202, 202, 202, 429, 429]);
    const resets: number[] = [];
    for (let i = 0; i < 4; i++)
      resets.push(await ask(`${auth}/password-reset/request`, { email: "victim@example.org" }));
    expect(resets).toEqual([202, 202, 202, 429]);
  });
});

describe("API7 server side request forgery", () => {
  it("fetches nothing that a caller names", async () => {
    await using bait = await listener();
    const redirect = `${bait.url}/callback`;
    const browser = { kind: "executor", role: "operator", grant_types: ["authorization_code"], public: true };
    const { id } = await clientAt(charter, { ...browser, redirect_uris: [redirect] });
    const extra = ["jwks_uri", "logo_uri", "sector_identifier_uri", "request_uri", "backchannel_logout_uri"];
    for (const name of extra) {
      const draft = { name: "ssrf", ...browser, redirect_uris: [redirect], [name]: bait.url };
      expect(await statusOf("/v1/clients", { body: draft }), name).toBe(400);
    }
    const { challenge } = pkce();
    const asked = {
      response_type: "code",
      client_id: id,
      redirect_uri: redirect,
      code_challenge: challenge,
      code_challenge_method: "S256",
    };
    for (const name of extra) {
      const query = new URLSearchParams({ ...asked, [name]: bait.url });
      // A browser would follow the answer; the server must not.
      await fetch(`${charter.url}${auth}/authorize?${query.toString()}`, { redirect: "manual" });
    }
    const header = Buffer.from(JSON.stringify({ alg: "RS256", jku: bait.url, x5u: bait.url, kid: bait.url })).toString(
      "base64url",
    );
    const claims = Buffer.from(JSON.stringify({ iss: bait.url, sub: "x", aud: "urn:charter:api", exp: 4e9 })).toString(
      "base64url",
    );
    expect((await me(charter, `${header}.${claims}.AAAA`)).status).toBe(401);
    const assertion = {
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: `${header}.${claims}.AAAA`,
    };
    expect((await postForm(charter, `${auth}/token`, assertion)).status).toBeGreaterThanOrEqual(400);
    const payload = { url: bait.url, $ref: bait.url };
    expect(await statusOf("/v1/artifacts", { body: envelope({ payload }) })).toBe(201);
    await sleep(200);
    expect(bait.visits()).toBe(0);
  });
});

describe("API8 security misconfiguration", () => {
  it("answers everything, refusals too, with the headers and without a word about its insides", async () => {
    for (const path of [
      "/",
      "/nowhere",
      "/v1/users",
      "/%zz",
      `${auth}/authorize?client_id=x`,
      "/v1/artifacts/not-an-id",
    ]) {
      const { headers, text } = await charter.ask(path, { key: null });
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(headers.get("x-frame-options"), path).toBe("DENY");
      expect(headers.get("content-security-policy"), path).toContain("frame-ancestors 'none'");
      expect(headers.get("cache-control"), path).toBe("no-store");
      expect(headers.get("server") ?? headers.get("x-powered-by"), path).toBeNull();
      expect(headers.get("access-control-allow-origin"), path).toBeNull();
      expect(text, path).not.toMatch(/node_modules|\.ts:\d|at \w+ \(|fastify|sqlite|SELECT /i);
    }
    const { headers } = await charter.ask("/v1/users", {
      method: "OPTIONS",
      key: null,
      headers: { origin: "https://evil.example", "access-control-request-method": "GET" },
    });
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  it("has no credential that anybody could know", async () => {
    const known = ["admin", "password", "charter", "changeme", "root", "", "admin123"];
    for (const username of ["admin", "root", "charter", "test"]) {
      for (const password of known.slice(0, 4)) expect((await login(username, password)).status).not.toBe(200);
    }
    for (const secret of known) {
      const shown = { grant_type: "client_credentials", client_id: "charter", client_secret: secret };
      expect((await postForm(charter, `${auth}/token`, shown)).status).not.toBe(200);
    }
  });
});

describe("API9 improper inventory management", () => {
  it("answers under no path that its own description does not name", async () => {
    const document = (await charter.ask("/openapi.json", { key: null })).json;
    const described = Object.values<Record<string, { security?: unknown; description?: string }>>(
      document.paths,
    ).flatMap((item) => Object.values(item));
    expect(described).toHaveLength(Object.keys(operations).length);
    for (const operation of described) {
      expect(operation.security).toBeDefined();
      expect(operation.description).toMatch(/permission|Anyone may call|concerns its bearer only/);
    }
    for (const prefix of [
      "/v0",
      "/v2",
      "/api",
      "/api/v2",
      "/old",
      "/beta",
      "/internal",
      "/admin",
      "/debug",
      "/docs",
      "/swagger",
      "/graphql",
      "/.env",
      "/.git/config",
      "/actuator",
    ]) {
      for (const path of [prefix, `${prefix}/users`, `${prefix}/artifacts`]) {
        expect(await statusOf(path, {}), path).toBe(404);
      }
    }
  });
});

describe("API10 unsafe consumption of APIs", () => {
  it("takes nobody's word for who calls: a forged identity of an issuer that it does not know is no credential", async () => {
    const forged = (claims: object): string => {
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
      return `${part({ alg: "EdDSA", typ: "at+jwt" })}.${part(claims)}.${"A".repeat(86)}`;
    };
    const claims = {
      sub: "usr_x",
      client_id: "charter",
      role: "admin",
      kind: "admin",
      aud: "urn:charter:api",
      exp: 4e9,
      iat: 1,
      jti: "1",
    };
    for (const iss of [charter.url, "https://accounts.example", `${charter.url}/`, ""]) {
      expect((await me(charter, forged({ ...claims, iss }))).status, iss).toBe(401);
    }
  });

  it("keeps what a mail server or an address could smuggle out of its mails", async () => {
    for (const email of [
      "a@example.org\r\nBcc: all@example.org",
      "a@example.org, b@example.org",
      "a@exa mple.org",
      "<a@example.org>",
      "a@example.org\u0000",
    ]) {
      const body = { username: "smuggler", email, password: "seven tangled umbrellas" };
      expect(await statusOf(`${auth}/register`, { key: null, body }), email).toBe(400);
    }
  });
});
