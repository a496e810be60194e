// OWASP API7 and API10:2023: addresses that a caller would like fetched, and servers behind Charter that lie: an issuer, a mail
// server and a Redis. Each is met by the whole server over HTTP; their ports' own suites look closer.
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auth, authorizeUrl, back, goodPassword, listen, logIn, tokenBy, visit } from "../support/attack/attacks.ts";
import type { Listener } from "../support/attack/attacks.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { clientAt, me, pkce, postForm } from "../support/identity/oauth.ts";

let dir: string;
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), "charter-upstreams-"))));
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A Charter that trusts one issuer. */
async function trusting(issuer: string): Promise<TestCharter> {
  const file = join(dir, `issuers-${new URL(issuer).port}.yaml`);
  await writeFile(
    file,
    `- issuer: ${issuer}\n  audience: urn:charter\n  defaults: { kind: executor, role: operator }\n`,
  );
  return startTestCharter({ flags: { "issuers-file": file } });
}

const signing = generateKeyPairSync("rsa", { modulusLength: 2048 });
const jwk = { ...signing.publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" };
const tokenOf = (issuer: string, header: object = {}, claims: object = {}): Promise<string> =>
  new SignJWT({ role: "admin", kind: "admin", ...claims })
    .setProtectedHeader({ alg: "RS256", kid: "one", ...header })
    .setIssuer(issuer)
    .setAudience("urn:charter")
    .setSubject("somebody")
    .setExpirationTime("5m")
    .sign(signing.privateKey);

/** An HTTP server that answers a path with a text, or a whole answer of its own making. */
async function serving(
  answers: (issuer: string) => Readonly<Record<string, string>>,
): Promise<Listener & { readonly asked: string[] }> {
  const asked: string[] = [];
  let url = "";
  const listener = await listen((socket) =>
    socket.once("data", (request) => {
      const path = String(request).split(" ")[1] ?? "";
      asked.push(path);
      const answer = answers(url)[path] ?? "HTTP/1.1 404 Not Found\r\n\r\n";
      socket.end(
        answer.startsWith("HTTP/")
          ? answer
          : `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(answer)}\r\nConnection: close\r\n\r\n${answer}`,
      );
    }),
  );
  ({ url } = listener);
  return Object.assign(listener, { asked });
}

const discovery = "/.well-known/openid-configuration";
const honest = (issuer: string) => ({
  [discovery]: JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }),
  "/keys": JSON.stringify({ keys: [jwk] }),
});

describe("API7: an address that a caller names", () => {
  it("is fetched only when an operator configured it as an issuer, and then nothing but its keys", async () => {
    await using bait = await serving(honest);
    await using trusted = await serving(honest);
    await using charter = await trusting(trusted.url);
    // The listener works, and the server does fetch what it is configured to.
    expect((await me(charter, await tokenOf(trusted.url))).json.principal).toMatchObject({
      kind: "executor",
      role: "operator",
    });
    expect(trusted.asked).toEqual([discovery, "/keys"]);

    const { url } = bait;
    const headers = { jku: url, x5u: url, jwk: { kty: "oct", k: "AAAA" } };
    for (const token of [
      await tokenOf(url),
      await tokenOf(url, headers),
      await tokenOf(trusted.url, { ...headers, kid: url }),
      await tokenOf(`${trusted.url}/../${new URL(url).port}`),
      await tokenOf(`${trusted.url}@127.0.0.1:${bait.port}`),
    ]) {
      expect((await me(charter, token)).status).toBe(401);
    }
    // A redirect address on our own machine may be registered; it is for the browser.
    const app = await clientAt(charter, {
      grant_types: ["authorization_code"],
      redirect_uris: [`${url}/back`],
      public: true,
    });
    const { challenge } = pkce();
    const names = [
      "redirect_uri",
      "request_uri",
      "resource",
      "client_id",
      "logo_uri",
      "jwks_uri",
      "sector_identifier_uri",
      "policy_uri",
      "client_uri",
      "web_message_uri",
      "id_token_hint",
      "claims",
      "authorization_details",
    ];
    for (const name of names) {
      for (const client of [app.id, "charter", url]) {
        await visit(
          charter,
          authorizeUrl(client, challenge, { redirect_uri: `${url}/back`, scope: "openid api", [name]: url }),
        );
        await tokenBy(charter, {
          grant_type: "client_credentials",
          client_id: client,
          client_secret: "x",
          [name]: url,
        });
      }
    }
    const draft = { name: "x", kind: "executor", role: "operator", grant_types: ["client_credentials"] };
    for (const key of [
      { kty: "OKP", crv: "Ed25519", x: "A".repeat(43), x5u: url },
      { kty: "OKP", crv: "Ed25519", x: "A".repeat(43), jku: url },
    ]) {
      await charter.ask("/v1/clients", { body: { ...draft, jwks: { keys: [key] } } });
    }
    for (const jwks of [url, { uri: url }, { keys: [url] }]) {
      expect((await charter.ask("/v1/clients", { body: { ...draft, jwks } })).status).toBe(400);
    }
    for (const text of [url, `${url}/x`, `http://localhost:${bait.port}/`, `http://[::ffff:127.0.0.1]:${bait.port}/`]) {
      await postForm(charter, `${auth}/introspect`, { token: text, client_id: "charter" });
      await postForm(charter, `${auth}/revoke`, { token: text, client_id: "charter" });
      await charter.ask("/v1/artifacts", {
        body: envelope({ payload: { $ref: text, "@context": text }, metadata: { link: text } }),
      });
      await charter.ask("/v1/users", {
        body: { username: "webhook", email: `a@127.0.0.1`, kind: "auditor", full_name: text },
      });
      await visit(charter, text.replace("http:", ""), {
        headers: { referer: text, origin: text, host: new URL(text).host, "x-forwarded-host": new URL(text).host },
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(bait.connections()).toBe(0);
    expect(trusted.asked).toEqual([discovery, "/keys"]);
  });
});

describe("API10: an issuer that lies", () => {
  const elsewhere = "http://169.254.169.254/latest/meta-data/";
  const lies: Readonly<Record<string, (issuer: string) => Readonly<Record<string, string>>>> = {
    "names another issuer": () => ({
      [discovery]: JSON.stringify({ issuer: "https://login.example.com", jwks_uri: elsewhere }),
    }),
    "sends discovery on to a metadata service": (issuer) => ({
      ...honest(issuer),
      [discovery]: `HTTP/1.1 302 Found\r\nLocation: ${elsewhere}\r\nContent-Length: 0\r\n\r\n`,
    }),
    "sends keys on to itself": (issuer) => ({
      ...honest(issuer),
      "/keys": `HTTP/1.1 307 Found\r\nLocation: ${issuer}/moved\r\nContent-Length: 0\r\n\r\n`,
      "/moved": JSON.stringify({ keys: [jwk] }),
    }),
    "has its keys at a metadata service": (issuer) => ({
      [discovery]: JSON.stringify({ issuer, jwks_uri: elsewhere }),
    }),
    "has its keys in a file": (issuer) => ({ [discovery]: JSON.stringify({ issuer, jwks_uri: "file:///etc/passwd" }) }),
    "has a giant key set": (issuer) => ({
      ...honest(issuer),
      "/keys": JSON.stringify({ keys: [jwk], pad: "x".repeat(600_000) }),
    }),
    "answers a page": (issuer) => ({ ...honest(issuer), "/keys": "<html>" }),
    "answers null": (issuer) => ({ ...honest(issuer), "/keys": "null" }),
    "lists a secret as a key": (issuer) => ({
      ...honest(issuer),
      "/keys": JSON.stringify({ keys: [{ kty: "oct", k: "AAAA", kid: "one", alg: "HS256" }] }),
    }),
    "ends in the middle": (issuer) => ({
      ...honest(issuer),
      "/keys": 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"keys":[',
    }),
    "is no HTTP server": (issuer) => ({ ...honest(issuer), [discovery]: "HTTP/9.9 nonsense\r\n\r\n" }),
  };
  it.each(Object.keys(lies))("is believed nothing when it %s, and holds nobody up", async (name) => {
    await using liar = await serving(lies[name]!);
    await using charter = await trusting(liar.url);
    expect((await me(charter, await tokenOf(liar.url))).status).toBe(401);
    expect(liar.asked).not.toContain("/moved");
    const times = liar.asked.length;
    for (let i = 0; i < 5; i++) expect((await me(charter, await tokenOf(liar.url))).status).toBe(401);
    expect(liar.asked).toHaveLength(times);
    expect((await charter.ask("/governance/info")).status).toBe(200);
  });

  it("makes no admin, speaks for nobody else, and is not asked for tokens that it did not sign", async () => {
    await using issuer = await serving(honest);
    await using charter = await trusting(issuer.url);
    const { principal } = (await me(charter, await tokenOf(issuer.url))).json;
    expect(principal).toMatchObject({ kind: "executor", role: "operator" });
    for (const claims of [{ aud: "urn:charter:api" }, { iss: charter.url }, { cnf: { jkt: "x" } }, { exp: 1 }]) {
      const { iss = issuer.url, ...more } = claims as { iss?: string };
      const token = await new SignJWT({
        aud: "urn:charter",
        sub: "x",
        iss,
        exp: Math.floor(Date.now() / 1000) + 60,
        ...more,
      })
        .setProtectedHeader({ alg: "RS256", kid: "one" })
        .sign(signing.privateKey);
      expect([claims, (await me(charter, token)).status]).toEqual([claims, 401]);
    }
    const pem = signing.publicKey.export({ format: "pem", type: "spki" });
    const confused = await new SignJWT({ iss: issuer.url, aud: "urn:charter", sub: "x" })
      .setProtectedHeader({ alg: "HS256", kid: "one" })
      .setExpirationTime("5m")
      .sign(Buffer.from(pem));
    expect((await me(charter, confused)).status).toBe(401);
  });

  it("that says nothing holds up its own tokens only", async () => {
    await using silent = await listen();
    await using charter = await trusting(silent.url);
    let isOver = false;
    const waiting = me(charter, await tokenOf(silent.url)).finally(() => (isOver = true));
    for (let i = 0; i < 10; i++) expect((await charter.ask("/governance/info")).status).toBe(200);
    expect(isOver).toBe(false);
    expect((await waiting).status).toBe(401);
  });
});

describe("API10: a mail server that lies", () => {
  it.each<[string, Parameters<typeof listen>[0]]>([
    ["says nothing", () => {}],
    ["floods", (socket) => void socket.write(Buffer.alloc(8_000_000, "2"))],
    [
      "speaks TLS of its own",
      (socket) =>
        socket.write("220 hi\r\n") &&
        socket.on("data", (said) =>
          socket.write(/STARTTLS/.test(String(said)) ? "220 go\r\nnonsense" : "250-x\r\n250 STARTTLS\r\n"),
        ),
    ],
  ])("by how it %s changes no answer and keeps no server from stopping", async (_name, talk) => {
    await using mail = await listen(talk);
    const charter = await startTestCharter({
      flags: { "mail-transport": "smtp", "smtp-url": `smtp://127.0.0.1:${mail.port}` },
    });
    try {
      const body = { username: "mailed", email: "mailed@example.org", password: goodPassword };
      const registered = await charter.ask(`${auth}/register`, { key: null, body });
      expect([registered.status, registered.text.includes("127.0.0.1")]).toEqual([202, false]);
      for (const email of ["mailed@example.org", "nobody@example.org"]) {
        expect((await charter.ask(`${auth}/password-reset/request`, { key: null, body: { email } })).status).toBe(202);
      }
      while (mail.connections() === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      expect((await charter.ask("/governance/info")).status).toBe(200);
    } finally {
      await charter[Symbol.asyncDispose]();
    }
  });
});

describe("API10: a Redis that lies", () => {
  it.each<[string, Parameters<typeof listen>[0]]>([
    ["says nothing", () => {}],
    ["answers yes to everything", (socket) => socket.on("data", () => socket.write("+OK\r\n"))],
    [
      "answers lists of the wrong things",
      (socket) => socket.on("data", () => socket.write("*4\r\n$1\r\nx\r\n$-1\r\n*0\r\n:-5\r\n")),
    ],
    ["answers errors", (socket) => socket.on("data", () => socket.write("-ERR no\r\n"))],
    ["floods", (socket) => socket.on("data", () => socket.writable && socket.write(Buffer.alloc(1_000_000, "$")))],
    ["hangs up", (socket) => socket.destroy()],
  ])("by how it %s lifts no limit and stops no request", async (_name, talk) => {
    await using redis = await listen(talk);
    await using charter = await startTestCharter({
      flags: { redis: `redis://127.0.0.1:${redis.port}`, "rate-factor": "1" },
    });
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push((await logIn(charter, `nobody${i}`, "wrong")).status);
    expect(redis.connections()).toBeGreaterThan(0);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    expect((await charter.ask("/governance/info")).status).toBe(200);
    const draft = {
      name: "x",
      kind: "executor",
      role: "operator",
      grant_types: ["authorization_code"],
      redirect_uris: [back],
    };
    expect((await charter.ask("/v1/clients", { body: draft })).status).toBe(201);
  });
});
