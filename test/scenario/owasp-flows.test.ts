// OWASP API4 and API6:2023: work that a stranger can cause, and flows that a machine could walk again and again.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auth, goodPassword, logIn, newcomerAt, visit } from "../support/attack/attacks.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";
import { mailsIn, mailsTo } from "../support/identity/mail.ts";
import { clientAt, me, personAt } from "../support/identity/oauth.ts";

let charter: TestCharter;
beforeAll(async () => void (charter = await startTestCharter({ flags: { "trusted-proxies": "127.0.0.1" } })));
afterAll(() => charter[Symbol.asyncDispose]());

const from = (i: number) => ({ "x-forwarded-for": `198.51.${Math.floor(i / 250)}.${(i % 250) + 1}` });
const register = (on: TestCharter, fields: object, headers: Record<string, string> = {}): Promise<Answer> => {
  const username = `f${randomBytes(6).toString("hex")}`;
  const body = { username, email: `${username}@example.org`, password: goodPassword, ...fields };
  return on.ask(`${auth}/register`, { key: null, headers, body });
};

describe("API4: passwords that are made to be slow", () => {
  const bombs = [
    "ab1!".repeat(32),
    "aA@4".repeat(32),
    "qwertyuiop".repeat(12),
    "19991231".repeat(16),
    "\u{1f469}\u200d\u{1f469}\u200d\u{1f467}".repeat(16),
    "\ufdfa".repeat(8),
    "a\u0301".repeat(64),
  ];

  it("are judged in the background: whoever asks for something else meanwhile is answered first", async () => {
    let judged = 0;
    const judging = Array.from({ length: 40 }, (_, i) =>
      register(charter, { password: bombs[i % bombs.length] }).finally(() => judged++),
    );
    await visit(charter, "/health");
    expect((await charter.ask("/governance/info")).status).toBe(200);
    expect(judged).toBeLessThan(40);
    for (const { status } of await Promise.all(judging)) expect([202, 400, 503]).toContain(status);
  });

  it("are too long when they become so by what they stand for", async () => {
    // One character that NFKC turns into eighteen.
    const { json } = await register(charter, { password: "\ufdfa".repeat(8) });
    expect(json.code).toBe("auth.password_refused");
  });

  it("are no way round a limit of the request: fields have ends, and so have lists", async () => {
    const long = "x".repeat(1025);
    for (const [path, body] of [
      [`${auth}/login`, { username: long, password: "x" }],
      [`${auth}/login`, { username: "x", password: long }],
      [`${auth}/register`, { username: "x", email: `${"x".repeat(300)}@example.org`, password: goodPassword }],
      [
        `${auth}/register`,
        { username: "fine", email: "fine@example.org", password: goodPassword, full_name: "x".repeat(101) },
      ],
      [`${auth}/password/change`, { username: "x", current_password: long, new_password: goodPassword }],
      [`${auth}/password-reset/confirm`, { token: "x".repeat(44), new_password: goodPassword }],
    ] as const) {
      expect([path, (await charter.ask(path, { key: null, body })).json.code]).toEqual([path, "request.invalid"]);
    }
    const user = { username: "x", email: "x@example.org", kind: "auditor", password_hash: "x" };
    const many = { users: Array.from({ length: 1001 }, () => user) };
    expect((await charter.ask("/v1/users/import", { body: many })).json.code).toBe("request.invalid");
    const dear = { users: [{ ...user, username: "dear", password_hash: `$2b$31$${"a".repeat(53)}` }] };
    expect((await charter.ask("/v1/users/import", { body: dear })).json.code).toBe("user.invalid");
    const draft = { name: "x", kind: "executor", role: "operator", grant_types: ["client_credentials"] };
    const keys = { keys: Array.from({ length: 11 }, () => ({ kty: "OKP", crv: "Ed25519", x: "A".repeat(43) })) };
    expect((await charter.ask("/v1/clients", { body: { ...draft, jwks: keys } })).json.code).toBe("request.invalid");
  });

  it("do not come in a token either: a credential of any length is refused at once", async () => {
    const { id } = await clientAt(charter);
    for (const key of [
      "a".repeat(8000),
      `${"a".repeat(4000)}.${"b".repeat(4000)}.c`,
      `e30.${"e30.".repeat(1900)}`,
      id.repeat(150),
    ]) {
      expect((await me(charter, key)).status).toBe(401);
    }
    expect(
      (await visit(charter, `${auth}/me`, { headers: { authorization: `Bearer ${"a".repeat(15_000)}` } })).status,
    ).toBe(401);
  });
});

describe("API6: one mailbox", () => {
  it("gets a bounded number of mails, from however many addresses and in whatever spelling they are asked for", async () => {
    const { username } = await newcomerAt(charter);
    const email = `${username}@example.org`;
    const spellings = [email, email.toUpperCase(), email.replace("example", "EXAMPLE")];
    let i = 0;
    for (; i < 30; i++) {
      const headers = from(i);
      const body = { email: spellings[i % 3] };
      expect((await charter.ask(`${auth}/password-reset/request`, { key: null, headers, body })).status).toBe(202);
    }
    for (; i < 50; i++) expect((await register(charter, { email: spellings[i % 3] }, from(i))).status).toBe(202);
    // A registration of its own, three resets, and of registrations by others what is left of three.
    await mailsTo(charter.dataDir, email, 6);
    await new Promise((resolve) => setTimeout(resolve, 800));
    const all = (await mailsIn(charter.dataDir)).filter(({ to }) => to.toLowerCase() === email);
    expect(all).toHaveLength(6);
    // Whatever was typed, mail goes to the address as its owner gave it.
    expect(new Set(all.map(({ to }) => to))).toEqual(new Set([email]));
  });

  it("gets no text of a stranger's choice", async () => {
    const { username } = await newcomerAt(charter);
    const email = `${username}@example.org`;
    const phishing = "Visit https://evil.example now";
    const headers = { ...from(99), host: "evil.example", "x-forwarded-host": "evil.example", "user-agent": phishing };
    await register(charter, { email, full_name: phishing }, headers);
    const body = { email };
    await charter.ask(`${auth}/password-reset/request`, { key: null, headers, body });
    for (const { text, subject } of await mailsTo(charter.dataDir, email, 3)) {
      expect(`${subject}\n${text}`).not.toContain("evil.example");
      expect(text).toContain(charter.url);
    }
  });
});

describe("API6: a flow that is walked by a machine", () => {
  it("ends at its limit whatever the machine changes: names, headers, spelling of the path, credentials", async () => {
    await using strict = await startTestCharter({ flags: { "rate-factor": "1" } });
    for (let i = 0; i < 5; i++) expect((await register(strict, {})).status).toBe(202);
    for (const headers of [
      {},
      from(1),
      { authorization: `Bearer ${strict.adminKey}` },
      {
        "x-real-ip": "203.0.113.1",
        forwarded: "for=203.0.113.1",
        "cf-connecting-ip": "203.0.113.1",
        "true-client-ip": "203.0.113.1",
      },
      { "x-request-id": "0190a0a0-0000-4000-8000-000000000000" },
    ]) {
      expect([Object.keys(headers), (await register(strict, {}, headers)).status]).toEqual([Object.keys(headers), 429]);
    }
    const body = JSON.stringify({ username: "bot.again", email: "bot@example.org", password: goodPassword });
    const headers = { "content-type": "application/json" };
    for (const path of [
      "/api/v1/auth/register/",
      "/api/v1/auth/Register",
      "/api/v1/auth//register",
      "/api/v1/auth/register%20",
      "/api/v1/auth/%72egister",
      "/api/v1/auth/register?x=1",
      "/api/v1/auth/register#x",
    ]) {
      const { status } = await visit(strict, path, { method: "POST", headers, body });
      expect([path, status === 404 || status === 429]).toEqual([path, true]);
    }
    expect((await strict.ask("/v1/users?limit=1000")).text).not.toContain("bot.again");
    // Everybody else goes on.
    expect((await strict.ask("/governance/info")).status).toBe(200);
  });

  it("cannot try mailed tokens, which are too many, faster than passwords", async () => {
    await using strict = await startTestCharter({ flags: { "rate-factor": "1" } });
    const statuses: number[] = [];
    for (let i = 0; i < 7; i++) {
      const token = randomBytes(32).toString("base64url");
      const path = i % 2 === 0 ? "verify" : "password-reset/confirm";
      const body = i % 2 === 0 ? { token } : { token, new_password: goodPassword };
      statuses.push((await strict.ask(`${auth}/${path}`, { key: null, body })).status);
    }
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429, 429]);
  });

  it("locks nobody else out: a stranger's failures count where the stranger is", async () => {
    const victim = await personAt(charter);
    for (let i = 0; i < 40; i++) await logIn(charter, victim.username, "wrong", { headers: from(i % 4) });
    expect((await logIn(charter, victim.username, victim.password, { headers: from(200) })).status).toBe(200);
  });
});
