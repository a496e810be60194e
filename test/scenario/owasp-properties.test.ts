// OWASP API3, API5 and API9:2023: fields that nobody may set or see, functions that nobody but an admin has, and the whole
// inventory of paths and verbs.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auth, back, bearerOf, goodPassword, newcomerAt, visit } from "../support/attack/attacks.ts";
import { operations } from "../../src/http/index.ts";
import type { Operation } from "../../src/http/index.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { me, personAt, signIn } from "../support/identity/oauth.ts";
import { openWalk, operationNames, rowOf } from "../support/http/walk.ts";
import { sendBytes } from "../support/http/wire.ts";

let charter: TestCharter;
beforeAll(async () => void (charter = await startTestCharter()));
afterAll(() => charter[Symbol.asyncDispose]());

describe("API3: a field that is not the caller's to set", () => {
  const json = { "content-type": "application/json" };
  /** What every one of the server's own fields is called, in the spellings of its languages. */
  const own = [
    "role",
    "kind",
    "product",
    "verified",
    "disabled",
    "id",
    "epoch",
    "must_change_password",
    "must_change",
    "password_hash",
    "password_hash",
    "created_at",
    "last_login_at",
    "owner",
    "operations",
    "permissions",
    "created_by",
    "firstParty",
    "isAdmin",
  ];
  const hostile = [
    ...own.map((name) => `"${name}":"admin"`),
    '"__proto__":{"role":"admin"}',
    '"constructor":{"prototype":{"role":"admin"}}',
  ];

  it.each([
    ["register", `${auth}/register`, { username: "assigner", email: "assigner@example.org", password: goodPassword }],
    ["login", `${auth}/login`, { username: "assigner", password: goodPassword }],
    ["verify", `${auth}/verify`, { token: "A".repeat(43) }],
    [
      "password change",
      `${auth}/password/change`,
      { username: "assigner", current_password: "x", new_password: goodPassword },
    ],
    ["reset request", `${auth}/password-reset/request`, { email: "assigner@example.org" }],
    ["reset", `${auth}/password-reset/confirm`, { token: "A".repeat(43), new_password: goodPassword }],
  ])("is refused at %s, and nothing is done", async (_name, path, honest) => {
    const before = await charter.ledgerSize();
    for (const field of hostile) {
      const body = JSON.stringify(honest).replace(/\}$/, `,${field}}`);
      const { status, json: answer } = await charter.ask(path, { key: null, headers: json, body });
      expect([field, status, answer.code]).toEqual([field, 400, "request.invalid"]);
    }
    expect(await charter.ledgerSize()).toBe(before);
    expect((await charter.ask("/v1/users?limit=1000")).text).not.toContain("assigner");
  });

  it("is refused to admins too, where the server alone decides", async () => {
    const person = await personAt(charter);
    const made = { username: "made.by.admin", email: "made@example.org", kind: "auditor" };
    const key = { kind: "auditor" };
    const client = { name: "x", kind: "executor", role: "operator", grant_types: ["client_credentials"] };
    for (const [method, path, honest, names] of [
      [
        "PATCH",
        `/v1/users/${person.id}`,
        { full_name: "x" },
        ["id", "username", "disabled", "epoch", "password_hash", "must_change_password", "last_login_at", "created_at"],
      ],
      [
        "POST",
        "/v1/users",
        made,
        [
          "id",
          "password",
          "password_hash",
          "epoch",
          "verified",
          "disabled",
          "must_change_password",
          "one_time_password",
        ],
      ],
      ["POST", "/v1/keys", key, ["id", "key", "created_by", "revoked_at", "textHash", "last_used_at"]],
      [
        "POST",
        "/v1/clients",
        client,
        ["id", "secret", "secretHash", "firstParty", "created_by", "auth_method", "jwksUri", "jwks_uri", "trusted"],
      ],
    ] as const) {
      for (const name of names) {
        const { status, json: answer } = await charter.ask(path, { method, body: { ...honest, [name]: "x" } });
        expect([path, name, status, answer.code]).toEqual([path, name, 400, "request.invalid"]);
      }
    }
    const { json: user } = await charter.ask(`/v1/users/${person.id}`);
    expect(user).toMatchObject({ username: person.username, full_name: null, disabled: false });
  });

  it("does not come with a role that no user, key or client may have", async () => {
    const person = await personAt(charter);
    for (const role of ["anonymous", "root", "superadmin", "Admin", ["admin"], { $gt: "" }, null, 0]) {
      const user = await charter.ask(`/v1/users/${person.id}`, { method: "PATCH", body: { role } });
      const key = await charter.ask("/v1/keys", { body: { kind: "auditor", role } });
      expect([role, user.status, key.status]).toEqual([role, 400, 400]);
    }
  });
});

describe("API3: what no answer tells", () => {
  it("is a credential that the caller sent, a password that it typed, or one that somebody else has", async () => {
    await using fresh = await startTestCharter();
    const walk = await openWalk(fresh);
    const person = await personAt(fresh);
    const token = await bearerOf(fresh, person);
    const { refresh_token } = (await signIn(fresh, person)).json;
    const secrets = [
      token,
      refresh_token,
      person.password,
      fresh.adminKey,
      "seven tangled umbrellas",
      "a rather long phrase",
    ];
    for (const key of [token, refresh_token, fresh.adminKey, `${fresh.adminKey}x`]) {
      for (const name of operationNames) {
        const answer = await walk.call(name, key);
        const seen = `${answer.text}\n${JSON.stringify([...answer.headers])}`;
        for (const secret of secrets) expect([name, seen.includes(secret)]).toEqual([name, false]);
        if (name !== "openapi.read")
          expect(seen, name).not.toMatch(/\$argon2|\$2[aby]\$|"d":|token_hash|text_hash|"rehash"/);
        // Tokens stand in the answers that give them, and nowhere else.
        if (!["token.issue", "session.login"].includes(name)) expect(seen, name).not.toMatch(/eyJ[\w-]+\.eyJ/);
      }
    }
  });

  it("is a field of a record that its own reader does not need", async () => {
    const person = await personAt(charter);
    const { json } = await me(charter, await bearerOf(charter, person));
    expect(Object.keys(json.user).toSorted()).toEqual([
      "created_at",
      "disabled",
      "email",
      "full_name",
      "id",
      "kind",
      "last_login_at",
      "must_change_password",
      "product",
      "role",
      "updated_at",
      "username",
      "verified",
    ]);
    const { json: keys } = await charter.ask("/v1/keys?limit=1");
    expect(Object.keys(keys.keys[0]).filter((name) => /hash|secret|text/i.test(name))).toEqual([]);
    const { json: jwks } = await charter.ask("/.well-known/jwks.json", { key: null });
    for (const jwk of jwks.keys)
      expect(Object.keys(jwk).filter((name) => ["d", "p", "q", "dp", "dq", "qi", "k"].includes(name))).toEqual([]);
  });
});

describe("API5: somebody who registered and was given nothing", () => {
  it("reaches what anyone reaches, its own identity, and nothing else", async () => {
    const walk = await openWalk(charter);
    const token = await bearerOf(charter, await newcomerAt(charter));
    const reached: string[] = [];
    for (const name of operationNames) {
      if (name === "session.logout") continue;
      const { status } = await walk.call(name, token);
      if (rowOf(name).access !== "public" && status < 400) reached.push(name);
      // What it may not even know of does not exist for it.
      if (rowOf(name).access === "key") expect([name, status === 403 || status === 404]).toEqual([name, true]);
    }
    expect(reached).toEqual(["auth.me"]);
  });

  it("changes nothing by calling itself something else", async () => {
    const token = await bearerOf(charter, await newcomerAt(charter));
    const headers = {
      "x-role": "admin",
      "x-user": "admin",
      "x-forwarded-user": "admin",
      "x-product": "AI_ASSISTANT",
      "x-original-method": "GET",
    };
    for (const query of ["role=admin", "admin=true", "kind=admin", "debug=1", "_method=POST"]) {
      const answer = await charter.ask(`/v1/halts?${query}`, { key: token, headers });
      expect([query, [400, 403].includes(answer.status)]).toEqual([query, true]);
      expect((await charter.ask(`${auth}/me`, { key: token, headers })).json.principal.role).toBe("observer");
    }
  });
});

describe("API5 and API9: a verb that an operation does not have", () => {
  const verbs = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "SEARCH", "LINK"];
  const paths = [...new Set(Object.values<Operation>(operations).map(({ path }) => path))];
  const concrete = (path: string) => path.replace(/\{\w+\}/g, "0190a0a0-0000-7000-8000-000000000000");

  it("is answered by nothing, with whatever credential, and leaves nothing", async () => {
    const listed = new Set(Object.values<Operation>(operations).map(({ method, path }) => `${method} ${path}`));
    const pattern = Object.values<Operation>(operations)
      .filter(({ path }) => path.includes("{id}"))
      .map(({ method, path }) => new RegExp(`^${method} ${path.replace("{id}", "[^/{}]+")}$`));
    const before = await charter.ledgerSize();
    let tried = 0;
    for (const path of paths) {
      for (const verb of verbs) {
        if (listed.has(`${verb} ${path}`) || (verb === "HEAD" && listed.has(`GET ${path}`))) continue;
        // A change of a thing by that name is an operation, and on record.
        const asked = verb === "HEAD" ? "GET" : verb;
        const isOther = pattern.some((each) => each.test(`${verb} ${path}`) || each.test(`${asked} ${path}`));
        if (isOther && verb === "DELETE") continue;
        const lines = [
          `${verb} ${concrete(path)} HTTP/1.1`,
          "Host: h",
          `Authorization: Bearer ${charter.adminKey}`,
          "Connection: close",
          "Content-Length: 0",
        ];
        const { answers } = await sendBytes(
          charter.url,
          [Buffer.from(`${lines.join("\r\n")}\r\n\r\n`)],
          verb === "HEAD",
          20_000,
        );
        // Where the path is that of another operation with a parameter, what stands there is no id, or none that there is.
        const expected = isOther ? [400, 404, 405] : [404, 405];
        expect(expected, `${verb} ${path}`).toContain(answers[0]?.status);
        tried++;
      }
    }
    expect(tried).toBeGreaterThan(400);
    expect(await charter.ledgerSize()).toBe(before);
  });

  it("is not had by asking for another one in a header, a query or a form", async () => {
    const made = await charter.ask("/v1/keys", { body: { kind: "auditor" } });
    const ways = ["x-http-method-override", "x-http-method", "x-method-override"];
    for (const way of ways) {
      for (const method of ["GET", "POST"]) {
        await visit(charter, `/v1/keys/${made.json.id}`, {
          method,
          headers: { authorization: `Bearer ${charter.adminKey}`, [way]: "DELETE" },
        });
      }
    }
    await visit(charter, `/v1/keys/${made.json.id}?_method=DELETE`, {
      method: "POST",
      headers: { authorization: `Bearer ${charter.adminKey}` },
    });
    expect((await me(charter, made.json.key)).status).toBe(200);
  });

  it("finds the description complete: every operation answers, with the access that its row says", async () => {
    const { paths: described } = (await charter.ask("/openapi.json", { key: null })).json;
    const found = Object.entries<Record<string, { operationId: string; security: unknown[]; description: string }>>(
      described,
    ).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })),
    );
    const rows = Object.entries<Operation>(operations);
    expect(found.map(({ name }) => name).toSorted()).toEqual(
      rows.map(([, { method, path }]) => `${method} ${path}`).toSorted(),
    );
    for (const { operationId, security, description } of found) {
      const row: Operation = operations[operationId as keyof typeof operations];
      expect([operationId, security.length > 0]).toEqual([operationId, row.access !== "public"]);
      if (row.permission !== null) expect(description).toContain(`\`${row.permission}\``);
      const nobody = await visit(charter, concrete(row.path), { method: row.method });
      if (row.access === "public")
        expect([operationId, nobody.json?.code]).not.toEqual([operationId, "credential.missing"]);
      else expect([operationId, nobody.status]).toEqual([operationId, 401]);
      expect([operationId, nobody.json?.detail]).not.toEqual([operationId, "There is no such path or method."]);
    }
  });
});

describe("API8: a fresh start", () => {
  it("knows nobody but an admin whose password no two installations share", async () => {
    await using other = await startTestCharter();
    expect(other.adminKey).not.toBe(charter.adminKey);
    const { json } = await other.ask("/v1/users");
    expect(
      json.users.map(
        ({
          username,
          must_change_password: mustChangePassword,
        }: {
          username: string;
          must_change_password: boolean;
        }) => [username, mustChangePassword],
      ),
    ).toEqual([["admin", true]]);
    expect((await other.ask("/v1/clients")).json.clients).toEqual([]);
    expect((await other.ask("/v1/keys")).json.keys).toHaveLength(1);
    // What one installation signed is nothing to another, though both have the same name.
    const key = await bearerOf(charter, await personAt(charter));
    expect((await me(other, key)).status).toBe(401);
    expect((await me(other, charter.adminKey)).status).toBe(401);
    const draft = {
      name: "x",
      kind: "executor",
      role: "operator",
      grant_types: ["authorization_code"],
      redirect_uris: [back],
      public: true,
    };
    expect((await other.ask("/v1/clients", { key: charter.adminKey, body: draft })).status).toBe(401);
  });
});
