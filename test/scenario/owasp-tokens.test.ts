// OWASP API2:2023, the half about tokens: JSON web tokens that nobody should have made, and clients that show what is no proof.
import { createHmac, randomBytes } from "node:crypto";
import { SignJWT, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair } from "jose";
import type { CryptoKey } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assembled, auth, back, bearerOf, codeFor, resigned, tokenBy } from "../support/attack/attacks.ts";
import type { Changes } from "../support/attack/attacks.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { clientAt, me, personAt, postForm } from "../support/identity/oauth.ts";
import type { Person } from "../support/identity/oauth.ts";

let charter: TestCharter;
let person: Person;
let token: string;
beforeAll(async () => {
  charter = await startTestCharter();
  person = await personAt(charter);
  token = await bearerOf(charter, person);
});
afterAll(() => charter[Symbol.asyncDispose]());

describe("API2: a forged access token", () => {
  it("is told from the real one by these tests", async () => {
    // What the tests below change is all that keeps their tokens out.
    expect((await me(charter, await resigned(charter, token, {}))).status).toBe(200);
  });

  const now = Math.floor(Date.now() / 1000);
  const changes: [string, Changes][] = [
    ["another issuer", { claims: { iss: "https://evil.example" } }],
    ["no issuer", { claims: { iss: undefined } }],
    ["another audience", { claims: { aud: "urn:somebody:else" } }],
    ["no audience", { claims: { aud: undefined } }],
    ["an end in the past", { claims: { exp: now - 60 } }],
    ["no end", { claims: { exp: undefined } }],
    ["an end that is text", { claims: { exp: "2100-01-01" } }],
    ["a beginning in the future", { claims: { nbf: now + 3600 } }],
    ["the type of an ID token", { header: { typ: "JWT" } }],
    ["no type", { header: { typ: undefined } }],
    ["the type of another token", { header: { typ: "logout+jwt" } }],
    ["an unknown key", { header: { kid: "nobody" } }],
    ["no key id", { header: { kid: undefined } }],
    ["another scope", { claims: { scope: "openid" } }],
    ["no scope", { claims: { scope: undefined } }],
    ["a scope that only begins alike", { claims: { scope: "apix" } }],
    ["an epoch of long ago", { claims: { epoch: 0 } }],
    ["no epoch", { claims: { epoch: undefined } }],
    ["a family that there is not", { claims: { gid: "nothing" } }],
    ["another client", { claims: { client_id: "cli_0190a0a0-0000-7000-8000-000000000000" } }],
    ["somebody that there is not", { claims: { sub: "usr_0190a0a0-0000-7000-8000-000000000000" } }],
    ["the client itself as its owner", { claims: { sub: "charter" } }],
    ["a critical extension", { header: { crit: ["exp"] } }],
  ];
  it.each(changes)("is refused with %s, though it is signed with the server's own key", async (_name, change) => {
    const forged = await resigned(charter, token, change).catch(() => undefined);
    // jose itself does not sign with an extension that it does not know.
    if (forged === undefined) return expect(change.header?.["crit"]).toBeDefined();
    expect((await me(charter, forged)).status).toBe(401);
  });

  it("gets no role, kind or product by claiming it: the live record says what somebody may do", async () => {
    const claims = { role: "admin", kind: "admin", product: undefined, permissions: ["system.admin"] };
    const { json } = await me(charter, await resigned(charter, token, { claims }));
    expect(json.principal).toMatchObject({ kind: "product", role: "developer", product: "AI_ASSISTANT" });
  });

  it("is refused without a signature, or with one of a key that the token brings along or points to", async () => {
    const claims = { ...decodeJwt(token), role: "admin", kind: "admin" };
    const { kid } = decodeProtectedHeader(token);
    const [head, body, signature] = token.split(".");
    const none = ["none", "None", "NONE", "nOnE", "", "null"].map((alg) =>
      assembled({ alg, typ: "at+jwt", kid }, claims),
    );
    const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid, alg: "EdDSA", use: "sig" };
    const sign = (header: Record<string, unknown>, key: CryptoKey | Uint8Array = privateKey) =>
      new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", ...header }).sign(key);
    const kids = [
      "../../../../../../dev/null",
      "/proc/self/environ",
      "x' union select 'a",
      "| id",
      "__proto__",
      "constructor",
      "",
      `${kid}\u0000`,
      "a".repeat(2000),
    ];
    const foreign = [
      await sign({ kid }),
      await sign({ kid, jwk }),
      await sign({ jwk }),
      await sign({ kid, jku: `${charter.url}/.well-known/jwks.json` }),
      await sign({ kid, x5u: `${charter.url}/ledger/public.pem` }),
      await sign({ kid, x5c: ["AAAA"] }),
      ...(await Promise.all(kids.map((each) => sign({ kid: each })))),
    ];
    const altered = [
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${signature}.${signature}`,
      `${head}.${body}.${"A".repeat(86)}`,
      `${head}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`,
      `${head}=.${body}.${signature}`,
      ` ${token}x`,
      token.replace(/.(?=.{40}$)/, (letter) => (letter === "A" ? "B" : "A")),
    ];
    for (const forged of [...none, ...foreign, ...altered]) {
      expect([forged.slice(-40), (await me(charter, forged)).status]).toEqual([forged.slice(-40), 401]);
    }
  });

  it("is refused when a public key was used as a shared secret, in whatever form", async () => {
    const jwks = (await charter.ask("/.well-known/jwks.json", { key: null })).json;
    const [jwk] = jwks.keys;
    const { text: pem } = await charter.ask("/ledger/public.pem", { key: null });
    const claims = decodeJwt(token);
    const secrets = [
      Buffer.from(jwk.x, "base64url"),
      jwk.x,
      JSON.stringify(jwk),
      JSON.stringify(jwks),
      pem,
      pem.trim(),
      Buffer.from(pem.split("\n")[1] ?? "", "base64"),
      "",
    ];
    for (const [alg, hash] of [
      ["HS256", "sha256"],
      ["HS512", "sha512"],
    ] as const) {
      for (const secret of secrets) {
        const unsigned = assembled({ alg, typ: "at+jwt", kid: jwk.kid }, claims).replace(/\.$/, "");
        const forged = `${unsigned}.${createHmac(hash, secret).update(unsigned).digest("base64url")}`;
        expect((await me(charter, forged)).status).toBe(401);
      }
    }
  });

  it("is no ID token and no client assertion, both of which are honestly signed", async () => {
    const app = await clientAt(charter, { grant_types: ["authorization_code"], redirect_uris: [back], public: true });
    const form = await codeFor(charter, app.id, person, { scope: "openid api", nonce: "n" });
    const { id_token, access_token } = (await tokenBy(charter, form)).json;
    expect(decodeJwt(id_token).sub).toBe(person.id);
    expect([(await me(charter, access_token)).status, (await me(charter, id_token)).status]).toEqual([200, 401]);

    const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
    const service = await clientAt(charter, { jwks: { keys: [await exportJWK(publicKey)] } });
    const assertion = await new SignJWT({
      ...decodeJwt(token),
      sub: service.id,
      client_id: service.id,
      iss: charter.url,
    })
      .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt" })
      .sign(privateKey);
    expect((await me(charter, assertion)).status).toBe(401);
  });
});

describe("API2: a client that authenticates wrongly", () => {
  const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
  it("gets nothing with an assertion that is unsigned, foreign, old, long-lived, for another server or used", async () => {
    const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
    const stranger = (await generateKeyPair("EdDSA", { crv: "Ed25519" })).privateKey;
    const { id } = await clientAt(charter, { jwks: { keys: [await exportJWK(publicKey)] } });
    const other = await clientAt(charter, { jwks: { keys: [await exportJWK(publicKey)] } });
    const now = Math.floor(Date.now() / 1000);
    const claims = (more: object = {}) => ({
      iss: id,
      sub: id,
      aud: charter.url,
      jti: randomBytes(9).toString("base64url"),
      iat: now,
      exp: now + 60,
      ...more,
    });
    const sign = (more: object = {}, key: CryptoKey = privateKey) =>
      new SignJWT(claims(more)).setProtectedHeader({ alg: "EdDSA" }).sign(key);
    const send = (client_assertion: string, more: Record<string, string> = {}) =>
      tokenBy(charter, {
        grant_type: "client_credentials",
        client_assertion_type: assertionType,
        client_assertion,
        ...more,
      });
    const good = await sign();
    expect((await send(good)).status).toBe(200);
    for (const [name, assertion] of [
      ["used", good],
      ["unsigned", assembled({ alg: "none" }, claims())],
      ["foreign", await sign({}, stranger)],
      ["old", await sign({ iat: now - 7200, exp: now - 3600 })],
      ["of long life", await sign({ exp: now + 86_400 })],
      ["without an end", await sign({ exp: undefined })],
      ["without an id", await sign({ jti: undefined })],
      ["for another server", await sign({ aud: "https://evil.example" })],
      ["for the API", await sign({ aud: "urn:charter:api" })],
      ["in the name of another", await sign({ iss: other.id })],
    ] as const) {
      expect([name, (await send(assertion)).json.error]).toEqual([name, "invalid_client"]);
    }
    expect((await send(await sign(), { client_id: other.id })).status).toBeGreaterThanOrEqual(400);
    // One that a refused request has shown is as used as any.
    const shown = await sign();
    expect((await send(shown, { resource: "https://elsewhere.example" })).json.error).toBe("invalid_target");
    expect((await send(shown)).json.error).toBe("invalid_client");
    const secret = createHmac("sha256", JSON.stringify(await exportJWK(publicKey)));
    const unsigned = assembled({ alg: "HS256" }, claims()).replace(/\.$/, "");
    expect((await send(`${unsigned}.${secret.update(unsigned).digest("base64url")}`)).json.error).toBe(
      "invalid_client",
    );
  });

  it("gets nothing with a wrong secret, by two ways at once, or without one", async () => {
    const { id, secret } = await clientAt(charter);
    const grant = { grant_type: "client_credentials", client_id: id };
    const basic = (text: string) => ({ authorization: `Basic ${btoa(text)}` });
    const hash = Buffer.from(secret).toString("hex");
    for (const more of [
      {},
      { client_secret: "" },
      { client_secret: "x" },
      { client_secret: hash },
      { client_secret: `${secret}x` },
    ]) {
      const { status, json } = await tokenBy(charter, { ...grant, ...more });
      expect([more, status, json.error]).toEqual([more, 401, "invalid_client"]);
    }
    const twice = await postForm(
      charter,
      `${auth}/token`,
      { ...grant, client_secret: secret },
      basic(`${id}:${secret}`),
    );
    expect(twice.status).toBeGreaterThanOrEqual(400);
    const swapped = await postForm(charter, `${auth}/token`, grant, basic(`charter:${secret}`));
    expect(swapped.status).toBeGreaterThanOrEqual(400);
  });
});
