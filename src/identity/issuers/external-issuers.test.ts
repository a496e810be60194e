import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import type { CryptoKey, JWTPayload } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startOidcIssuer } from "../../../test/support/identity/oidc-process.ts";
import type { OidcIssuer } from "../../../test/support/identity/oidc-process.ts";
import { silentLog } from "../../kernel/ctx.ts";
import { systemClock } from "../../kernel/clock.ts";
import { ExternalIssuers } from "./external-issuers.ts";
import { readIssuers } from "./issuer.ts";

const products = ["AI_ASSISTANT"];

/** The verifier of one issuer, configured as an operator would. */
function open(issuer: string, more: object = {}, clock = systemClock): ExternalIssuers {
  const configured = {
    issuer,
    audience: "urn:charter",
    claims: {
      role: "realm.roles",
      product: "tenant",
      map: { role: { "charter-ops": "operator" }, product: { assistant: "AI_ASSISTANT" } },
    },
    defaults: { kind: "executor" },
    ...more,
  };
  const issuers = readIssuers("issuers.json", JSON.stringify([configured]));
  return new ExternalIssuers({ issuers, products, clock, log: silentLog });
}

describe("tokens of a real OpenID Connect provider", () => {
  let provider: OidcIssuer;
  let issuer: string;

  beforeAll(async () => {
    provider = await startOidcIssuer();
    issuer = provider.url;
  });
  afterAll(() => provider[Symbol.asyncDispose]());

  const tokenOf = async (client: string, resource = "urn:charter"): Promise<string> => {
    const response = await fetch(`${issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${client}:secret-of-${client}`)}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource }),
    });
    const { access_token: token } = (await response.json()) as { access_token?: string };
    if (token === undefined) throw new Error(`the provider gave no token: ${response.status}`);
    return token;
  };

  it("are found by discovery and mapped to a principal", async () => {
    const issuers = open(issuer);
    const token = await tokenOf("operator");
    expect(issuers.claims(token)).toBe(true);
    const principal = await issuers.verify(token);
    expect(principal).toEqual({
      id: expect.stringMatching(/^ext_[0-9a-f]{16}$/),
      kind: "executor",
      role: "operator",
      product: "AI_ASSISTANT",
    });
    expect(await issuers.verify(await tokenOf("operator"))).toEqual(principal);
  });

  it("are refused without a known role, for another audience, and by another algorithm", async () => {
    const issuers = open(issuer);
    expect(await issuers.verify(await tokenOf("stranger"))).toBeUndefined();
    expect(await issuers.verify(await tokenOf("operator", "urn:elsewhere"))).toBeUndefined();
    expect(await open(issuer, { algorithms: ["ES256"] }).verify(await tokenOf("operator"))).toBeUndefined();
    const lenient = open(issuer, { defaults: { kind: "executor", role: "observer" } });
    expect(await lenient.verify(await tokenOf("stranger"))).toMatchObject({ role: "observer" });
  });

  it("are refused when a letter of them was changed", async () => {
    const issuers = open(issuer);
    const token = await tokenOf("operator");
    const [head, body, signature = ""] = token.split(".");
    const other = signature.startsWith("A") ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    expect(await issuers.verify(`${head}.${body}.${other}`)).toBeUndefined();
  });
});

describe("an issuer that may misbehave", () => {
  type Answer = (request: IncomingMessage, response: ServerResponse) => void;
  const running: { close(): void }[] = [];
  afterEach(() => {
    for (const each of running.splice(0)) each.close();
  });

  /** A server that answers as it is told, and counts what it was asked. */
  async function serve(answers: (issuer: string) => Readonly<Record<string, Answer>>) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      (answers(issuer)[request.url ?? ""] ?? ((_, absent) => absent.writeHead(404).end()))(request, response);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    running.push({
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    });
    return { issuer, asked };
  }

  const json =
    (value: unknown): Answer =>
    (_request, response) =>
      void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));

  const discovery = "/.well-known/openid-configuration";
  let key: CryptoKey;
  let jwk: object;
  beforeAll(async () => {
    const pair = await generateKeyPair("ES256", { extractable: true });
    key = pair.privateKey;
    jwk = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "ES256", use: "sig" };
  });

  const honest = (issuer: string) => ({
    [discovery]: json({ issuer, jwks_uri: `${issuer}/keys` }),
    "/keys": json({ keys: [jwk] }),
  });

  const sign = (issuer: string, claims: JWTPayload = {}, header: object = {}) =>
    new SignJWT({ realm: { roles: ["charter-ops"] }, ...claims })
      .setProtectedHeader({ alg: "ES256", kid: "one", ...header })
      .setIssuer(issuer)
      .setAudience("urn:charter")
      .setSubject("somebody")
      .setExpirationTime(claims.exp ?? "5m")
      .sign(key);

  it("has its keys fetched once for many tokens", async () => {
    const { issuer, asked } = await serve(honest);
    const issuers = open(issuer);
    const tokens = await Promise.all(Array.from({ length: 20 }, () => sign(issuer)));
    const principals = await Promise.all(tokens.map((token) => issuers.verify(token)));
    expect(principals.every((principal) => principal?.role === "operator")).toBe(true);
    expect(asked).toEqual([discovery, "/keys"]);
  });

  it("is not asked again for every key that it does not have", async () => {
    const { issuer, asked } = await serve(honest);
    const issuers = open(issuer);
    expect(await issuers.verify(await sign(issuer))).toBeDefined();
    for (let i = 0; i < 10; i++) expect(await issuers.verify(await sign(issuer, {}, { kid: `k${i}` }))).toBeUndefined();
    expect(asked).toHaveLength(2);
  });

  it.each([
    ["that has expired", { exp: 1 }, {}],
    ["that is not valid yet", { nbf: 4_000_000_000 }, {}],
    ["that is bound to a key of its holder", { cnf: { jkt: "x" } }, {}],
    ["of another type", {}, { typ: "logout+jwt" }],
  ])("cannot use a token %s", async (_name, claims, header) => {
    const { issuer } = await serve(honest);
    const issuers = open(issuer);
    expect(await issuers.verify(await sign(issuer))).toBeDefined();
    expect(await issuers.verify(await sign(issuer, claims, header))).toBeUndefined();
  });

  it("cannot speak for another issuer, nor without a signature", async () => {
    const { issuer } = await serve(honest);
    const issuers = open(issuer);
    const foreign = await sign("https://elsewhere.example");
    expect(issuers.claims(foreign)).toBe(false);
    expect(await issuers.verify(foreign)).toBeUndefined();
    const unsigned = new UnsecuredJWT({ realm: { roles: "charter-ops" } }).setIssuer(issuer).setAudience("urn:charter");
    expect(await issuers.verify(unsigned.setSubject("x").setExpirationTime("5m").encode())).toBeUndefined();
    expect(await issuers.verify("nonsense")).toBeUndefined();
    expect(await issuers.verify(`${"a".repeat(4000)}.e30.x`)).toBeUndefined();
  });

  const wrongs: Readonly<Record<string, (issuer: string) => Readonly<Record<string, Answer>>>> = {
    "redirects elsewhere": (issuer) => ({
      ...honest(issuer),
      [discovery]: (_, response) => void response.writeHead(302, { location: `${issuer}/moved` }).end(),
      "/moved": json({ issuer, jwks_uri: `${issuer}/keys` }),
    }),
    "redirects its keys": (issuer) => ({
      ...honest(issuer),
      "/keys": (_, response) => void response.writeHead(302, { location: `${issuer}/moved` }).end(),
      "/moved": json({ keys: [jwk] }),
    }),
    "calls itself another one": (issuer) => ({
      ...honest(issuer),
      [discovery]: json({ issuer: "https://a", jwks_uri: `${issuer}/keys` }),
    }),
    "sends one to a file": (issuer) => ({
      ...honest(issuer),
      [discovery]: json({ issuer, jwks_uri: "file:///etc/passwd" }),
    }),
    "sends one to plain http": (issuer) => ({
      ...honest(issuer),
      [discovery]: json({ issuer, jwks_uri: "http://192.0.2.1/keys" }),
    }),
    "answers without end": (issuer) => ({
      ...honest(issuer),
      "/keys": (_, response) =>
        void response.writeHead(200).end(`{"keys":[${" ".repeat(600_000)}${JSON.stringify(jwk)}]}`),
    }),
    "answers no JSON": (issuer) => ({ ...honest(issuer), "/keys": (_, response) => void response.end("<html>") }),
    "answers no keys": (issuer) => ({ ...honest(issuer), "/keys": json({ keys: "none" }) }),
    fails: () => ({}),
  };

  it.each(Object.keys(wrongs))("refuses, and is left alone for a while, when it %s", async (name) => {
    const { issuer, asked } = await serve(wrongs[name] ?? honest);
    const issuers = open(issuer);
    expect(await issuers.verify(await sign(issuer))).toBeUndefined();
    const times = asked.length;
    for (let i = 0; i < 5; i++) expect(await issuers.verify(await sign(issuer))).toBeUndefined();
    expect(asked).toHaveLength(times);
    expect(asked).not.toContain("/moved");
  });

  it("is believed again when it has recovered", async () => {
    let nowMs = Date.now();
    let isWell = false;
    const { issuer } = await serve((own) => (isWell ? honest(own) : {}));
    const issuers = open(issuer, {}, { nowMs: () => nowMs });
    expect(await issuers.verify(await sign(issuer))).toBeUndefined();
    isWell = true;
    expect(await issuers.verify(await sign(issuer))).toBeUndefined();
    nowMs += 10_000;
    expect(await issuers.verify(await sign(issuer))).toBeDefined();
  });

  it("holds up nobody else while it is silent, and is given up", async () => {
    const silent = await serve(() => ({ [discovery]: () => {} }));
    const { issuer } = await serve(honest);
    const issuers = new ExternalIssuers({
      issuers: readIssuers(
        "issuers.json",
        JSON.stringify(
          [silent.issuer, issuer].map((each) => ({
            issuer: each,
            audience: "urn:charter",
            defaults: { kind: "executor", role: "observer" },
          })),
        ),
      ),
      products,
      clock: systemClock,
      log: silentLog,
    });
    let isOver = false;
    const waiting = issuers.verify(await sign(silent.issuer)).finally(() => (isOver = true));
    expect(await issuers.verify(await sign(issuer))).toMatchObject({ role: "observer" });
    expect(isOver).toBe(false);
    expect(await waiting).toBeUndefined();
  });
});
