// What the authorization server does not do, and what the API does not believe.
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from "jose";
import type { JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { approve, clientAt, me, personAt, pkce, postForm, signIn } from "../support/identity/oauth.ts";
import type { Person, Registered } from "../support/identity/oauth.ts";

const redirectUri = "https://app.example/callback";
const tokenPath = "/api/v1/auth/token";

let nowMs = Date.now();
let charter: TestCharter;
let person: Person;
let app: Registered;

beforeAll(async () => {
  charter = await startTestCharter({ clock: { nowMs: () => nowMs } });
  person = await personAt(charter);
  app = await clientAt(charter, {
    name: "<script>alert(1)</script>",
    grant_types: ["authorization_code", "refresh_token"],
    redirect_uris: [redirectUri],
  });
});
afterAll(() => charter[Symbol.asyncDispose]());

const authorizePath = (changed: Record<string, string | undefined> = {}): string => {
  const fields = {
    response_type: "code",
    client_id: app.id,
    redirect_uri: redirectUri,
    state: "s t&a=te",
    code_challenge: pkce().challenge,
    code_challenge_method: "S256",
    ...changed,
  };
  const present = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `/api/v1/auth/authorize?${new URLSearchParams(present).toString()}`;
};
const visit = (path: string) => fetch(`${charter.url}${path}`, { redirect: "manual" });

describe("an access token", () => {
  /** The claims and header of a good token, signed with another key or not at all. */
  async function forged(make: (claims: JWTPayload, kid: string) => Promise<string>): Promise<number> {
    const token = (await signIn(charter, person)).json.access_token as string;
    const [header = "", payload = ""] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
    const forgery = await make(JSON.parse(payload), JSON.parse(header).kid);
    expect((await me(charter, token)).status).toBe(200);
    return (await me(charter, forgery)).status;
  }
  const sign = async (claims: JWTPayload, kid: string, changed: Record<string, unknown> = {}): Promise<string> => {
    const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
    return new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid, ...changed }).sign(privateKey);
  };

  it("without a signature is refused", async () => {
    expect(await forged((claims) => Promise.resolve(new UnsecuredJWT(claims).encode()))).toBe(401);
    const none = (claims: JWTPayload, kid: string): string =>
      [{ alg: "none", typ: "at+jwt", kid }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
        .concat("")
        .join(".");
    expect(await forged((claims, kid) => Promise.resolve(none(claims, kid)))).toBe(401);
  });

  it("authenticated with the public key as an HMAC secret is refused", async () => {
    const { json } = await charter.ask("/.well-known/jwks.json", { key: null });
    const key = await importJWK(json.keys[0], "EdDSA", { extractable: true });
    const secrets = [await exportSPKI(key as never), JSON.stringify(json.keys[0]), json.keys[0].x];
    for (const secret of secrets) {
      const status = await forged((claims, kid) =>
        new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid }).sign(Buffer.from(secret)),
      );
      expect(status).toBe(401);
    }
  });

  it("signed with another key is refused, under our key id, another and none, and with a key of its own in the header", async () => {
    expect(await forged((claims, kid) => sign(claims, kid))).toBe(401);
    expect(await forged((claims) => sign(claims, "other"))).toBe(401);
    expect(await forged((claims) => sign(claims, "x", { kid: undefined }))).toBe(401);
    const { publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
    const jwk = await exportJWK(publicKey);
    expect(await forged((claims, kid) => sign(claims, kid, { jwk, jku: "https://evil.example" }))).toBe(401);
  });

  it("altered in one character is refused", async () => {
    expect(await forged(async () => `${(await signIn(charter, person)).json.access_token}`.replace(/.$/, "~"))).toBe(
      401,
    );
    const token = (await signIn(charter, person)).json.access_token as string;
    const [header, payload = "", signature] = token.split(".");
    const claims = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), role: "admin" };
    const raised = Buffer.from(JSON.stringify(claims)).toString("base64url");
    expect((await me(charter, [header, raised, signature].join("."))).status).toBe(401);
  });

  it("is refused when it has expired, after five seconds of grace, also by a server that remembers it", async () => {
    const token = (await signIn(charter, person)).json.access_token;
    const beganMs = nowMs;
    nowMs = beganMs + 1_804_000;
    expect((await me(charter, token)).status).toBe(200);
    nowMs = beganMs + 1_806_000;
    expect((await me(charter, token)).status).toBe(401);
    nowMs = beganMs;
  });

  it("that is an ID token is no access token", async () => {
    const { verifier, challenge } = pkce();
    const path = authorizePath({ scope: "openid api", code_challenge: challenge });
    const { location } = await approve(charter, path, { username: person.username, password: person.password });
    const tokens = await postForm(charter, tokenPath, {
      grant_type: "authorization_code",
      code: new URL(location).searchParams.get("code") ?? "",
      code_verifier: verifier,
      redirect_uri: redirectUri,
      client_id: app.id,
      client_secret: app.secret,
    });
    expect(tokens.json.id_token).toMatch(/^ey/);
    expect((await me(charter, tokens.json.id_token)).status).toBe(401);
    expect((await me(charter, tokens.json.access_token)).status).toBe(200);
    expect((await me(charter, tokens.json.refresh_token)).status).toBe(401);
  });
});

describe("the token endpoint", () => {
  it("answers as RFC 6749 has it, is not cached and leaves an intent and an outcome", async () => {
    const { username } = person;
    const basic = `Basic ${Buffer.from(`${app.id}:wrong`).toString("base64")}`;
    const cases: [Record<string, string>, number, string, Record<string, string>?][] = [
      [{}, 400, "invalid_request"],
      [{ grant_type: "password", username }, 400, "invalid_request"],
      [{ grant_type: "password", username, password: "wrong" }, 400, "invalid_grant"],
      [{ grant_type: "password", username: "nobody", password: "wrong" }, 400, "invalid_grant"],
      [{ grant_type: "password", username, password: person.password, scope: "root" }, 400, "invalid_scope"],
      [{ grant_type: "refresh_token", refresh_token: "nonsense" }, 400, "invalid_grant"],
      [{ grant_type: "urn:example:other", client_id: "charter" }, 400, "unsupported_grant_type"],
      [{ grant_type: "client_credentials", client_id: "nobody", client_secret: "x" }, 401, "invalid_client"],
      [{ grant_type: "client_credentials" }, 401, "invalid_client", { authorization: basic }],
      [{ grant_type: "client_credentials", client_id: "charter" }, 400, "invalid_request"],
      [{ grant_type: "authorization_code", client_id: app.id, client_secret: app.secret }, 400, "invalid_request"],
    ];
    for (const [form, status, error, headers] of cases) {
      const answer = await postForm(charter, tokenPath, form, headers);
      const what = `${JSON.stringify(form)} ${answer.text}`;
      expect([answer.status, answer.json.error], what).toEqual([status, error]);
      expect(answer.json.error_description, what).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
      expect(answer.headers.get("www-authenticate") !== null).toBe(status === 401);
      const { json } = await charter.ask(`/ledger/entries?request=${answer.headers.get("x-request-id")}`);
      const kinds = json.entries.map(
        (entry: { leaf: { kind: string; outcome?: string } }) => entry.leaf.outcome ?? entry.leaf.kind,
      );
      expect(kinds, what).toEqual(["intent", "refused"]);
      expect(JSON.stringify(json)).not.toMatch(/wrong|nobody|nonsense/);
    }
  });

  it("takes a form without a client, or without a grant type, as FastAPI's documentation pages send it", async () => {
    const { username, password } = person;
    const empty = { scope: "", client_id: "", client_secret: "" };
    for (const form of [{ grant_type: "password" }, {}, empty]) {
      const answer = await postForm(charter, tokenPath, { ...form, username, password });
      expect(answer.status, answer.text).toBe(200);
    }
  });

  it("reads no JSON, no query and no form that is too long", async () => {
    const json = await charter.ask(tokenPath, { key: null, body: { grant_type: "password" } });
    expect([json.status, json.json.error]).toEqual([415, "invalid_request"]);
    const { username, password } = person;
    const query = new URLSearchParams({ grant_type: "password", username, password });
    expect((await postForm(charter, `${tokenPath}?${query.toString()}`, {})).status).toBe(400);
    expect((await postForm(charter, tokenPath, { x: "y".repeat(40_000) })).status).toBe(413);
    expect((await charter.ask(`${tokenPath}?${query.toString()}`, { key: null })).status).toBe(405);
  });

  it("gives no token for another resource", async () => {
    const { id, secret } = await clientAt(charter);
    const form = {
      grant_type: "client_credentials",
      client_id: id,
      client_secret: secret,
      resource: "https://other.example",
    };
    expect((await postForm(charter, tokenPath, form)).json.error).toBe("invalid_target");
  });

  it("takes no password when that is switched off, but the page still does", async () => {
    await using strict = await startTestCharter({ flags: { "password-grant": "false" } });
    const someone = await personAt(strict);
    expect((await signIn(strict, someone)).json.error).toBe("unsupported_grant_type");
    const { username, password } = someone;
    const login = await strict.ask("/api/v1/auth/login", { key: null, body: { username, password } });
    expect([login.status, login.json.code]).toEqual([400, "oauth.unsupported_grant_type"]);
    const fields = { grant_types: ["authorization_code"], redirect_uris: [redirectUri], public: true };
    const { id } = await clientAt(strict, fields);
    const { status, location } = await approve(strict, authorizePath({ client_id: id }), { username, password });
    expect([status, new URL(location).searchParams.has("code")]).toEqual([303, true]);
  });
});

describe("the authorization page", () => {
  it("runs no script, cannot be framed, and escapes what a client calls itself", async () => {
    const page = await visit(authorizePath());
    const html = await page.text();
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self' https:\/\/app\.example; base-uri 'none'; frame-ancestors 'none'$/,
    );
    expect(page.headers.get("set-cookie")).toBeNull();
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(html).not.toContain("<script");
    expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt; asks to act in your name");
    expect(html).toContain("<strong>app.example</strong>");
  });

  it("comes again with the reason and the right status when the password is wrong, and keeps no password", async () => {
    const wrong = await approve(charter, authorizePath(), { username: person.username, password: "hunter2" });
    expect(wrong.status).toBe(401);
    expect(wrong.location).toBe("");
    expect(wrong.html).toContain('role="alert"');
    expect(wrong.html).toContain(`value="${person.username}"`);
    expect(wrong.html).not.toContain("hunter2");
  });

  it("sends the person back with access_denied, the state and the issuer when they say no", async () => {
    const denied = await approve(charter, authorizePath(), { decision: "deny" });
    expect(denied.status).toBe(303);
    const { origin, pathname, searchParams } = new URL(denied.location);
    expect(origin + pathname).toBe(redirectUri);
    expect(searchParams.get("error")).toBe("access_denied");
    expect([searchParams.get("state"), searchParams.get("iss")]).toEqual(["s t&a=te", charter.url]);
    expect(searchParams.has("code")).toBe(false);
  });

  it("tells the application of a request that it got wrong", async () => {
    const cases: [Record<string, string | undefined>, string][] = [
      [{ code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"],
      [{ code_challenge_method: "plain" }, "invalid_request"],
      [{ response_type: "token" }, "unsupported_response_type"],
      [{ resource: "https://other.example" }, "invalid_target"],
      [{ prompt: "none" }, "login_required"],
    ];
    for (const [changed, error] of cases) {
      const answer = await visit(authorizePath(changed));
      expect(answer.status, error).toBe(303);
      const location = new URL(answer.headers.get("location") ?? "");
      expect(location.origin + location.pathname).toBe(redirectUri);
      // The implicit flow is answered in the fragment, where its clients look.
      const told = location.searchParams.get("error") ?? new URLSearchParams(location.hash.slice(1)).get("error");
      expect(told).toBe(error);
    }
  });

  it("answers in the query and in no other way", async () => {
    for (const response_mode of ["form_post", "fragment", "web_message"]) {
      const path = authorizePath({ response_mode });
      expect((await visit(path)).status).toBe(400);
      const body = new URLSearchParams(path.split("?")[1]);
      for (const [name, value] of Object.entries({ ...person, decision: "approve" })) body.set(name, value);
      const answer = await fetch(`${charter.url}/api/v1/auth/authorize`, { method: "POST", body, redirect: "manual" });
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
    }
    expect((await visit(authorizePath({ response_mode: "query" }))).status).toBe(200);
  });

  it("gives no code when the person and the application belong to different products", async () => {
    const { id } = await clientAt(charter, {
      kind: "product",
      product: "GURUKUL",
      public: true,
      grant_types: ["authorization_code"],
      redirect_uris: [redirectUri],
    });
    const { username, password } = person;
    const { location } = await approve(charter, authorizePath({ client_id: id }), { username, password });
    expect(new URL(location).searchParams.get("error")).toBe("access_denied");
    expect(new URL(location).searchParams.has("code")).toBe(false);
  });

  it("never sends anybody to an address that is not registered, nor for a client that is not", async () => {
    const elsewhere = [
      "https://evil.example/callback",
      `${redirectUri}/`,
      `${redirectUri}?x=1`,
      "https://app.example:444/callback",
      "https://app.example@evil.example/callback",
      "http://app.example/callback",
      "//app.example/callback",
      "javascript:alert(1)",
      undefined,
    ];
    for (const redirect_uri of elsewhere) {
      for (const changed of [
        { redirect_uri },
        { redirect_uri, response_type: "token" },
        { redirect_uri, prompt: "none" },
      ]) {
        const answer = await visit(authorizePath(changed));
        expect(answer.status, redirect_uri).toBe(400);
        expect(answer.headers.get("location")).toBeNull();
        expect(await answer.text()).toContain("This request cannot be answered");
      }
    }
    for (const client_id of ["cli_0190a0a0-0000-7000-8000-000000000001", "charter", undefined]) {
      const answer = await visit(authorizePath({ client_id }));
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
    }
  });

  it("checks the request again when the form comes back", async () => {
    const implicit = new URLSearchParams(authorizePath({ response_type: "token" }).split("?")[1]);
    implicit.set("decision", "deny");
    const told = await fetch(`${charter.url}/api/v1/auth/authorize`, {
      method: "POST",
      body: implicit,
      redirect: "manual",
    });
    expect(told.headers.get("location")).toMatch(/^https:\/\/app\.example\/callback#error=unsupported_response_type/);
    const entries = await charter.ask(`/ledger/entries?request=${told.headers.get("x-request-id")}`);
    expect(entries.json.entries.at(-1).leaf.outcome).toBe("refused");
    const body = new URLSearchParams(authorizePath({ redirect_uri: "https://evil.example/" }).split("?")[1]);
    for (const decision of ["approve", "deny"]) {
      body.set("decision", decision);
      body.set("username", person.username);
      body.set("password", person.password);
      const answer = await fetch(`${charter.url}/api/v1/auth/authorize`, { method: "POST", body, redirect: "manual" });
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
    }
  });
});

describe("a client", () => {
  it.each([
    ["a fragment", { redirect_uris: ["https://app.example/#x"] }],
    ["plain http", { redirect_uris: ["http://app.example/"] }],
    ["another scheme", { redirect_uris: ["myapp://callback"] }],
    ["a user name in the URI", { redirect_uris: ["https://a@app.example/"] }],
    ["no redirect URI", { redirect_uris: [] }],
    ["refresh tokens alone", { grant_types: ["refresh_token"], redirect_uris: [] }],
    ["a private key", { jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x: "AA", d: "AA" }] } }],
    ["a symmetric key", { jwks: { keys: [{ kty: "oct", k: "AA" }] } }],
    ["a short RSA key", { jwks: { keys: [{ kty: "RSA", n: "AQAB", e: "AQAB" }] } }],
    [
      "a public client with credentials of its own",
      { public: true, grant_types: ["client_credentials"], redirect_uris: [] },
    ],
    ["a name that reverses the line", { name: "left\u202eright" }],
  ])("is not registered with %s", async (_what, fields) => {
    const draft = {
      name: "App",
      kind: "executor",
      role: "operator",
      grant_types: ["authorization_code"],
      redirect_uris: [redirectUri],
    };
    const refused = await charter.ask("/v1/clients", { body: { ...draft, ...fields } });
    expect([refused.status, refused.json.code]).toEqual([400, "client.invalid"]);
  });

  it("of a product's kind belongs to a product that exists", async () => {
    const draft = { name: "App", kind: "product", role: "developer", grant_types: ["client_credentials"] };
    expect((await charter.ask("/v1/clients", { body: draft })).json.code).toBe("client.product_required");
    expect((await charter.ask("/v1/clients", { body: { ...draft, product: "NOWHERE" } })).json.code).toBe(
      "product.not_found",
    );
    const gone = "/v1/clients/cli_0190a0a0-0000-7000-8000-000000000001";
    expect((await charter.ask(gone, { method: "DELETE" })).json.code).toBe("client.not_found");
  });
});
