// OWASP API2:2023, the half about the authorization server: requests that were tampered with on their way through a browser,
// and forms that two readers would read in two ways.
import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auth, authorizeUrl, back, codeFor, tokenBy, visit } from "../support/attack/attacks.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { approve, clientAt, me, personAt, pkce } from "../support/identity/oauth.ts";
import type { Person } from "../support/identity/oauth.ts";

let charter: TestCharter;
let person: Person;
beforeAll(async () => {
  charter = await startTestCharter();
  person = await personAt(charter);
});
afterAll(() => charter[Symbol.asyncDispose]());

describe("API2: an authorization request that was tampered with", () => {
  const { verifier, challenge } = pkce();
  let app: string;
  let confidential: { id: string; secret: string };
  beforeAll(async () => {
    const fields = { grant_types: ["authorization_code", "refresh_token"], redirect_uris: [back] };
    app = (await clientAt(charter, { ...fields, public: true })).id;
    confidential = await clientAt(charter, fields);
  });

  it.each([
    `${back}/`,
    `${back}?x=1`,
    `${back}#x`,
    `${back}/../elsewhere`,
    `${back}%2f..%2felsewhere`,
    "https://app.example/Back",
    "https://APP.example/back",
    "http://app.example/back",
    "https://app.example:443/back",
    "https://app.example.evil.example/back",
    "https://app.example@evil.example/back",
    "https://evil.example\\@app.example/back",
    "https://evil.example/https://app.example/back",
    "//app.example/back",
    "/back",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://app.example/back\r\nLocation: https://evil.example",
    " https://app.example/back",
    "",
  ])("sends nobody to %j", async (redirect_uri) => {
    for (const more of [{}, { response_type: "token" }, { prompt: "none" }, { scope: "x" }, { code_challenge: "" }]) {
      const answer = await visit(charter, authorizeUrl(app, challenge, { redirect_uri, ...more }));
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
    }
    const decided = await approve(charter, authorizeUrl(app, challenge, { redirect_uri }), person as never);
    expect([decided.status, decided.location]).toEqual([400, ""]);
  });

  it("hands out no code without PKCE, with a plain one, or by a way that leaks", async () => {
    for (const more of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge_method: "plain" },
      { code_challenge_method: undefined },
      { code_challenge: "short" },
      { response_type: "token" },
      { response_type: "code token" },
      { response_type: "code id_token", nonce: "n" },
      { response_mode: "fragment" },
      { response_mode: "form_post" },
      { response_mode: "web_message" },
    ]) {
      for (const client of [app, confidential.id]) {
        const url = authorizeUrl(client, challenge, more);
        const page = await visit(charter, url);
        expect([more, page.status, page.text.includes("<form")]).toEqual([
          more,
          page.status === 400 ? 400 : 303,
          false,
        ]);
        // Whoever leaves the page out and approves at once gets as far.
        const body = `${url.split("?")[1]}&decision=approve&${new URLSearchParams({ username: person.username, password: person.password }).toString()}`;
        const headers = { "content-type": "application/x-www-form-urlencoded" };
        const posted = await visit(charter, `${auth}/authorize`, { method: "POST", headers, body });
        for (const { headers: answered } of [page, posted]) {
          const location = answered.get("location") ?? `${back}?error=none`;
          expect([more, location]).toEqual([more, expect.stringMatching(/^https:\/\/app\.example\/back[?#]error=/)]);
          expect(location).not.toContain("code=");
        }
      }
    }
  });

  it("is refused when a parameter comes twice, and the page shows nothing that the answer would not obey", async () => {
    const query = authorizeUrl(app, challenge, { scope: "api", response_mode: "query" });
    for (const twice of [
      "client_id=charter",
      `redirect_uri=${encodeURIComponent("https://evil.example")}`,
      "scope=openid",
      "state=t",
      "response_mode=fragment",
    ]) {
      for (const url of [`${query}&${twice}`, query.replace("?", `?${twice}&`)]) {
        const answer = await visit(charter, url);
        expect([url, answer.text.includes("asks to act in your name")]).toEqual([url, false]);
        expect(answer.headers.get("location") ?? back).toMatch(/^https:\/\/app\.example\/back/);
      }
    }
  });

  it("cannot put a script on the page, frame it, or send its form elsewhere", async () => {
    const hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>';
    const named = await clientAt(charter, {
      name: `App ${hostile}`,
      grant_types: ["authorization_code"],
      redirect_uris: [back],
      public: true,
    });
    for (const more of [
      { state: hostile },
      { nonce: hostile, scope: "openid api" },
      { login_hint: hostile },
      { ui_locales: hostile },
      { [hostile]: hostile },
    ]) {
      const { headers, text } = await visit(charter, authorizeUrl(named.id, challenge, more));
      expect(text).not.toMatch(/<script|<img/i);
      expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get("content-security-policy")).toContain("form-action 'self' https://app.example");
      expect([headers.get("x-frame-options"), headers.get("set-cookie")]).toEqual(["DENY", null]);
    }
  });

  it("answers with its issuer, so that no other server's answer passes for it", async () => {
    for (const typed of [{ username: person.username, password: person.password }, { decision: "deny" }]) {
      const { location } = await approve(charter, authorizeUrl(app, challenge), typed);
      const { searchParams } = new URL(location);
      expect([searchParams.get("iss"), searchParams.get("state")]).toEqual([charter.url, "s"]);
    }
  });

  it("gives a code that is good with its own verifier, address and client only", async () => {
    const form = await codeFor(charter, app, person);
    for (const wrong of [
      { code_verifier: verifier },
      { code_verifier: "" },
      { code_verifier: challenge },
      { redirect_uri: `${back}/` },
      { redirect_uri: "" },
      { client_id: "charter" },
      { grant_type: "refresh_token", refresh_token: form["code"] ?? "" },
    ]) {
      const { status, json } = await tokenBy(charter, { ...form, ...wrong });
      expect([wrong, status < 500, json.access_token]).toEqual([wrong, true, undefined]);
    }
    const { code_verifier: _, ...without } = form;
    expect((await tokenBy(charter, without)).json.error).toBe("invalid_grant");
  });

  it("lets a refresh ask for no more than was granted, and a narrowed token do less", async () => {
    const granted = await tokenBy(charter, await codeFor(charter, app, person, { scope: "openid" }));
    expect((await me(charter, granted.json.access_token)).status).toBe(401);
    const more = { grant_type: "refresh_token", client_id: app, refresh_token: granted.json.refresh_token };
    for (const wish of [{ scope: "openid api" }, { scope: "admin" }, { resource: "https://elsewhere.example" }]) {
      const { status, json } = await tokenBy(charter, { ...more, ...wish });
      expect([wish, status, json.access_token]).toEqual([wish, 400, undefined]);
    }
    const whole = await tokenBy(charter, await codeFor(charter, app, person, { scope: "openid api" }));
    expect((await me(charter, whole.json.access_token)).status).toBe(200);
    const narrowed = await tokenBy(charter, { ...more, refresh_token: whole.json.refresh_token, scope: "openid" });
    expect([narrowed.status, (await me(charter, narrowed.json.access_token)).status]).toEqual([200, 401]);
  });
});

describe("API2: a form that means two things", () => {
  it("is refused when a field comes twice, and read as a form only", async () => {
    const post = (body: string, type = "application/x-www-form-urlencoded") =>
      charter.ask(`${auth}/token`, { key: null, headers: { "content-type": type }, body });
    const { username, password } = person;
    const right = new URLSearchParams({ grant_type: "password", username, password }).toString();
    expect((await post(right)).status).toBe(200);
    for (const twice of ["username=admin", "password=x", "grant_type=client_credentials", "client_id=x", "scope=x"]) {
      const doubled = [`${right}&${twice}`, `${twice}&${right}`, `${right}&client_id=charter&${twice}`];
      for (const body of doubled.slice(0, twice.startsWith("client_id") ? 0 : 2)) {
        const { status, json } = await post(body);
        expect([body.slice(-30), status >= 400 && status < 500, json.access_token]).toEqual([
          body.slice(-30),
          true,
          undefined,
        ]);
      }
      expect((await post(doubled[2] ?? "")).json.access_token).toBeUndefined();
    }
    const json = JSON.stringify({ grant_type: "password", username, password });
    for (const type of ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/xml"]) {
      expect([type, (await post(json, type)).status]).toEqual([type, 415]);
    }
    // Line ends and header names in a value stay in the value.
    const smuggled = new URLSearchParams({
      grant_type: "password",
      username: `${username}\r\nX-Forwarded-For: 1.2.3.4`,
      password,
    });
    expect((await post(smuggled.toString())).json.error).toBe("invalid_grant");
  });

  it("is JSON without equal names, so that no filter before it reads another one", async () => {
    const { username, password } = person;
    const headers = { "content-type": "application/json" };
    for (const body of [
      `{"username":"${username}","password":"wrong","password":"${password}"}`,
      `{"username":"${username}","password":"${password}","p\\u0061ssword":"${password}"}`,
    ]) {
      const { status, json } = await charter.ask(`${auth}/login`, { key: null, headers, body });
      expect([status, json]).toMatchObject([400, { code: "request.malformed", at: "body/password" }]);
      expect(json.detail).not.toContain(password);
    }
    const form = `username=${username}&password=${encodeURIComponent(password)}`;
    const formed = await charter.ask(`${auth}/login`, {
      key: null,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: form,
    });
    expect(formed.status).toBe(415);
  });

  it("registers no client that could be read in two ways", async () => {
    const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
    const secret = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
    for (const fields of [
      ...[
        "http://app.example/",
        "https://a@app.example/",
        "https://app.example/#",
        "https://app.example\\@evil.example/",
        "javascript:alert(1)",
        "https://app.ex\u0430mple/",
        "https://app.example/ x",
        "custom:back",
        "https://",
        "http://localhost.evil.example/",
      ].map((uri) => ({ grant_types: ["authorization_code"], redirect_uris: [uri] })),
      { jwks: { keys: [weak] } },
      { jwks: { keys: [secret] } },
      { jwks: { keys: [{ kty: "oct", k: "AAAA" }] } },
      { grant_types: ["password"] },
      { grant_types: ["implicit"] },
      { role: "anonymous" },
    ]) {
      const draft = { name: "x", kind: "executor", role: "operator", grant_types: ["client_credentials"], ...fields };
      expect([JSON.stringify(fields), (await charter.ask("/v1/clients", { body: draft })).status]).toEqual([
        JSON.stringify(fields),
        400,
      ]);
    }
  });
});
