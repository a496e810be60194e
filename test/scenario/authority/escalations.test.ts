// Ways from a narrow credential to a wide one, over HTTP: every one ends at the gate, on record.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../../support/app/in-process.ts";
import type { Answer, TestCharter } from "../../support/app/in-process.ts";
import { mailsTo, tokenFor } from "../../support/identity/mail.ts";
import { clientAt, personAt, postForm, signIn } from "../../support/identity/oauth.ts";

let charter: TestCharter;
const nowMs = Date.UTC(2026, 10, 1);
beforeAll(async () => {
  charter = await startTestCharter({ clock: { nowMs: () => nowMs } });
});
afterAll(() => charter[Symbol.asyncDispose]());

const hash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
let made = 0;
const names = () => ({ username: `made${++made}`, email: `made${made}@example.org` });
const keyWith = async (fields: object): Promise<string> => {
  const { status, json, text } = await charter.ask("/v1/keys", { body: { kind: "admin", ...fields } });
  expect(status, text).toBe(201);
  return json.key;
};
const codes = ({ status, json }: Answer): unknown[] => [status, json.code];
const denied = [403, "permission.denied"];
const patch = (id: string, body: object, key?: string): Promise<Answer> =>
  charter.ask(`/v1/users/${id}`, { method: "PATCH", body, ...(key === undefined ? {} : { key }) });

describe("a credential that is good for one operation", () => {
  it("does not take over an account by changing, or vouching for, the address that recovers it", async () => {
    const key = await keyWith({ operations: ["user.update"] });
    const { json } = await charter.ask("/v1/users");
    const admin = json.users.find(({ username }: { username: string }) => username === "admin");
    for (const change of [
      { email: "thief@example.net" },
      { email: "thief@example.net", verified: true },
      { verified: true },
      { full_name: "Nobody Special", email: "thief@example.net" },
    ]) {
      const refused = await patch(admin.id, change, key);
      expect(codes(refused), JSON.stringify(change)).toEqual(denied);
      expect(refused.json.detail).toContain("operations");
    }
    expect((await charter.ask(`/v1/users/${admin.id}`)).json.email).toBe(admin.email);
    expect((await patch(admin.id, { full_name: "Nobody Special" }, key)).status).toBe(200);
  });

  it.each([
    ["user.create", "/v1/users", () => ({ ...names(), kind: "auditor" })],
    ["user.create", "/v1/users", () => ({ ...names(), kind: "product", role: "observer", product: "GURUKUL" })],
    ["user.import", "/v1/users/import", () => ({ users: [{ ...names(), kind: "executor", password_hash: hash }] })],
    [
      "client.create",
      "/v1/clients",
      () => ({ name: "x", kind: "auditor", role: "operator", grant_types: ["client_credentials"] }),
    ],
    [
      "client.create",
      "/v1/clients",
      () => ({
        name: "x",
        kind: "product",
        role: "observer",
        product: "GURUKUL",
        grant_types: ["authorization_code"],
        redirect_uris: ["https://thief.example/back"],
        public: true,
      }),
    ],
    ["key.create", "/v1/keys", () => ({ kind: "auditor" })],
    ["key.create", "/v1/keys", () => ({ kind: "auditor", operations: ["key.list"] })],
  ])("%s makes nothing that is good for more", async (operation, path, body) => {
    const key = await keyWith({ operations: [operation] });
    expect(codes(await charter.ask(path, { key, body: body() }))).toEqual(denied);
  });

  it("does not raise an account that it has, nor wake one that was put to sleep", async () => {
    const { id } = (await charter.ask("/v1/users", { body: { ...names(), kind: "product", product: "GURUKUL" } })).json;
    const key = await keyWith({ operations: ["user.update", "user.enable", "user.disable", "user.reset_password"] });
    for (const change of [
      { kind: "auditor" },
      { kind: "auditor", role: "operator", product: null },
      { role: "admin" },
      { product: "AI_ASSISTANT" },
      { product: null, kind: "executor" },
    ]) {
      expect(codes(await patch(id, change, key)), JSON.stringify(change)).toEqual(denied);
    }
    expect(codes(await charter.ask(`/v1/users/${id}/reset-password`, { key, method: "POST" }))).toEqual(denied);
    // Less than there was is nothing that is passed on.
    expect((await patch(id, { role: "observer" }, key)).status).toBe(200);
    expect((await charter.ask(`/v1/users/${id}/disable`, { key, method: "POST" })).status).toBe(200);
    expect(codes(await charter.ask(`/v1/users/${id}/enable`, { key, method: "POST" }))).toEqual(denied);
  });

  it("leaves its refused attempts on record", async () => {
    const key = await keyWith({ operations: ["client.create"] });
    const body = { name: "x", kind: "auditor", role: "operator", grant_types: ["client_credentials"] };
    const { json } = await charter.ask("/v1/clients", { key, body });
    const { entries } = (await charter.ask(`/ledger/entries?request=${json.request_id}`)).json;
    expect(entries.map(({ leaf }: { leaf: { kind: string; outcome?: string } }) => [leaf.kind, leaf.outcome])).toEqual([
      ["intent", undefined],
      ["outcome", "refused"],
    ]);
  });
});

describe("what binds a credential binds what it makes", () => {
  const makes = async (key: string): Promise<Record<string, unknown[]>> => ({
    user: codes(await charter.ask("/v1/users", { key, body: { ...names(), kind: "auditor" } })),
    client: codes(
      await charter.ask("/v1/clients", {
        key,
        body: { name: "x", kind: "auditor", role: "observer", grant_types: ["client_credentials"] },
      }),
    ),
    key: codes(await charter.ask("/v1/keys", { key, body: { kind: "auditor" } })),
  });
  const nothing = { user: denied, client: denied, key: denied };

  it("its networks", async () => {
    const key = await keyWith({ networks: ["127.0.0.0/8", "::1"] });
    expect(await makes(key)).toEqual(nothing);
    const within = (networks: string[]) => charter.ask("/v1/keys", { key, body: { kind: "auditor", networks } });
    expect((await within(["127.0.0.1"])).status).toBe(201);
    expect((await within(["127.0.0.0/16", "::1/128"])).status).toBe(201);
    for (const networks of [["0.0.0.0/0"], ["127.0.0.1", "10.0.0.0/8"], ["127.0.0.0/7"], ["::/0"], ["::ffff:0:0/96"]]) {
      expect(codes(await within(networks)), networks.join()).toEqual(denied);
    }
  });

  it("its end", async () => {
    const endsMs = nowMs + 600_000;
    const key = await keyWith({ expires_at: new Date(endsMs).toISOString() });
    expect(await makes(key)).toEqual(nothing);
    const until = (ms: number) =>
      charter.ask("/v1/keys", { key, body: { kind: "auditor", expires_at: new Date(ms).toISOString() } });
    expect((await until(endsMs)).status).toBe(201);
    expect(codes(await until(endsMs + 1000))).toEqual(denied);
  });

  it("whom it ends with", async () => {
    const person = await personAt(charter, { kind: "admin", role: "admin" });
    const other = await personAt(charter, { kind: "admin", role: "admin" });
    const key = await keyWith({ owner: person.id });
    expect(await makes(key)).toEqual(nothing);
    const ownedBy = (owner: string) => charter.ask("/v1/keys", { key, body: { kind: "auditor", owner } });
    expect((await ownedBy(person.id)).status).toBe(201);
    expect(codes(await ownedBy(other.id))).toEqual(denied);
  });

  it("and a session of the person itself is bound by nothing of the kind", async () => {
    const person = await personAt(charter, { kind: "admin", role: "admin" });
    const { access_token: token } = (await signIn(charter, person)).json;
    expect(Object.values(await makes(token)).map(([status]) => status)).toEqual([201, 201, 201]);
  });

  it("and a client in its own name makes what its role and kind let it", async () => {
    const { id, secret } = await clientAt(charter, { kind: "admin", role: "admin" });
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
    const issued = await postForm(
      charter,
      "/api/v1/auth/token",
      { grant_type: "client_credentials" },
      { authorization },
    );
    expect((await makes(issued.json.access_token))["key"]).toEqual([201, undefined]);
  });
});

describe("an address that recovers an account", () => {
  const recover = (email: string) => charter.ask("/api/v1/auth/password-reset/request", { key: null, body: { email } });

  it("is not believed when it was changed, recovers nothing until it is confirmed, and the old one hears of it", async () => {
    const { username, email } = names();
    const { id } = (await charter.ask("/v1/users", { body: { username, email, kind: "auditor" } })).json;
    const moved = `moved-${email}`;
    const answer = await patch(id, { email: moved });
    expect([answer.status, answer.json.email, answer.json.verified]).toEqual([200, moved, false]);
    const [told] = await mailsTo(charter.dataDir, email, 1);
    expect(told).toMatchObject({ subject: "Your e-mail address was changed", token: "" });
    expect(told?.text).not.toContain(moved);
    const [asked] = await mailsTo(charter.dataDir, moved, 1);
    expect(asked?.subject).toBe("Confirm your new e-mail address");
    expect((await recover(moved)).status).toBe(202);
    expect((await recover(email)).status).toBe(202);
    // A mail to somebody known leaves after those two could have.
    const witness = await personAt(charter);
    await recover(`${witness.username}@example.com`);
    await mailsTo(charter.dataDir, `${witness.username}@example.com`, 1);
    expect(await mailsTo(charter.dataDir, moved, 1)).toHaveLength(1);
    expect(await mailsTo(charter.dataDir, email, 1)).toHaveLength(1);
    const verified = await charter.ask("/api/v1/auth/verify", {
      key: null,
      body: { token: await tokenFor(charter.dataDir, moved) },
    });
    expect(verified.status).toBe(200);
    expect((await charter.ask(`/v1/users/${id}`)).json.verified).toBe(true);
    await recover(moved);
    expect((await mailsTo(charter.dataDir, moved, 2)).at(-1)?.subject).toBe("Reset your password");
  });

  it("ends no session when it is changed, and is the user's own at once when an admin vouches for it", async () => {
    const person = await personAt(charter);
    const { access_token: token } = (await signIn(charter, person)).json;
    const moved = `vouched-${person.username}@example.org`;
    const answer = await patch(person.id, { email: moved, verified: true });
    expect([answer.json.email, answer.json.verified]).toEqual([moved, true]);
    expect((await charter.ask("/api/v1/auth/me", { key: token })).status).toBe(200);
    const same = await patch(person.id, { email: moved.toUpperCase() });
    expect([same.json.email, same.json.verified]).toEqual([moved.toUpperCase(), true]);
  });

  it("keeps nobody out who knows the password", async () => {
    const person = await personAt(charter);
    const { access_token: token } = (await signIn(charter, person)).json;
    expect((await patch(person.id, { email: `late-${person.username}@example.org` })).json.verified).toBe(false);
    expect((await charter.ask("/api/v1/auth/me", { key: token })).status).toBe(200);
    expect((await signIn(charter, person)).status).toBe(200);
  });
});

describe("an act on an account", () => {
  it("is judged by the account as it is when it is changed, and not as it was when it was asked for", async () => {
    const { id } = (await charter.ask("/v1/users", { body: { ...names(), kind: "auditor" } })).json;
    const key = await keyWith({ operations: ["user.enable"] });
    const enable = () => charter.ask(`/v1/users/${id}/enable`, { key, method: "POST" });
    for (let round = 0; round < 12; round++) {
      const enabling = Array.from({ length: 6 }, enable);
      const disabled = await charter.ask(`/v1/users/${id}/disable`, { method: "POST" });
      expect(disabled.status).toBe(200);
      await Promise.all(enabling);
      expect((await charter.ask(`/v1/users/${id}`)).json.disabled).toBe(true);
      expect((await charter.ask(`/v1/users/${id}/enable`, { method: "POST" })).status).toBe(200);
    }
  });

  it("leaves no link for the old address, however the two race", async () => {
    for (let round = 0; round < 6; round++) {
      const { username, email } = names();
      const { id } = (await charter.ask("/v1/users", { body: { username, email, kind: "auditor" } })).json;
      const asked = Array.from({ length: 3 }, () =>
        charter.ask("/api/v1/auth/password-reset/request", { key: null, body: { email } }),
      );
      expect((await patch(id, { email: `late-${email}`, verified: true })).status).toBe(200);
      await Promise.all(asked);
      await mailsTo(charter.dataDir, email, 1);
      for (const { token } of await mailsTo(charter.dataDir, email, 1)) {
        if (token === "") continue;
        const body = { token, new_password: "four quiet horses graze" };
        const used = await charter.ask("/api/v1/auth/password-reset/confirm", { key: null, body });
        expect([used.status, used.json.code]).toEqual([400, "auth.token_invalid"]);
      }
    }
  });

  it("gets its mail although somebody asks for addresses that only look like its own", async () => {
    const { id } = (
      await charter.ask("/v1/users", { body: { ...names(), email: "kate@example.org", kind: "auditor" } })
    ).json;
    expect(id).toBeDefined();
    for (let i = 0; i < 3; i++) {
      const email = "\u212aate@example.org";
      expect((await charter.ask("/api/v1/auth/password-reset/request", { key: null, body: { email } })).status).toBe(
        202,
      );
    }
    await charter.ask("/api/v1/auth/password-reset/request", { key: null, body: { email: "kate@example.org" } });
    expect(await tokenFor(charter.dataDir, "kate@example.org")).toMatch(/^[\w-]{43}$/);
  });
});

describe("what grows with every call", () => {
  it("is bounded: keys that are published, and the keys of a client", async () => {
    let last: Answer | undefined;
    for (let i = 0; i < 25; i++) last = await charter.ask("/v1/signing-keys/rotate", { method: "POST" });
    expect([last?.status, last?.json.code]).toEqual([429, "signing_key.too_many"]);
    const jwks = (await charter.ask("/.well-known/jwks.json", { key: null })).json;
    expect(jwks.keys).toHaveLength(20);
    for (const n of [12345, "A".repeat(400_000), null]) {
      const draft = { name: "x", kind: "auditor", role: "observer", grant_types: ["client_credentials"] };
      const body = { ...draft, jwks: { keys: [{ kty: "RSA", n, e: "AQAB" }] } };
      const refused = await charter.ask("/v1/clients", { body });
      expect([refused.status, refused.json.code]).toEqual([400, "client.invalid"]);
    }
  });
});
