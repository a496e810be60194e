// Accounts over HTTP: every flow that a person or an admin goes through, and what the ledger keeps of it.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";
import { mailsIn, mailsTo, tokenFor } from "../support/identity/mail.ts";

/** What every test here starts with: limits that tests do not reach. */
const flags = { "rate-factor": "100000" };
const password = "seven tangled umbrellas";
const auth = "/api/v1/auth";

let charter: TestCharter;
let nowMs = Date.now();
const clock = { nowMs: () => nowMs };

beforeAll(async () => {
  charter = await startTestCharter({ flags, clock });
});
afterAll(() => charter[Symbol.asyncDispose]());

const post = (path: string, body: object): Promise<Answer> => charter.ask(path, { key: null, body });
const register = (username: string, email = `${username}@example.org`, more: object = {}): Promise<Answer> =>
  post(`${auth}/register`, { username, email, password, ...more });
/** Registers and verifies; gives the address. */
async function member(username: string): Promise<string> {
  const email = `${username}@example.org`;
  expect((await register(username, email)).status).toBe(202);
  const verified = await post(`${auth}/verify`, { token: await tokenFor(charter.dataDir, email) });
  expect(verified.status, verified.text).toBe(200);
  return email;
}
const change = (username: string, currentPassword: string, newPassword: string): Promise<Answer> =>
  post(`${auth}/password/change`, { username, current_password: currentPassword, new_password: newPassword });
const idOf = async (username: string): Promise<string> => {
  const { json } = await charter.ask("/v1/users?limit=1000");
  return json.users.find((user: { username: string }) => user.username === username).id;
};

/** The leaves of one answer's request. */
async function leavesOf({
  headers,
}: Answer): Promise<{ kind: string; resource: string; outcome?: string; code?: string }[]> {
  const { json } = await charter.ask(`/ledger/entries?request=${headers.get("x-request-id")}&limit=100`);
  return json.entries.map((entry: { leaf: object }) => entry.leaf);
}

describe("a registration", () => {
  it("is confirmed by mail and then known to the admin, powerless", async () => {
    const answer = await register("Ada", "Ada@example.org", { full_name: "Ada Lovelace" });
    expect([answer.status, answer.json.detail]).toEqual([
      202,
      "A mail with the next step is on its way to the address.",
    ]);
    expect(await leavesOf(answer)).toMatchObject([
      { kind: "intent", resource: expect.stringMatching(/^user\/usr_/), principal: "anonymous" },
      { kind: "outcome", outcome: "committed" },
    ]);
    const [mail] = await mailsTo(charter.dataDir, "Ada@example.org", 1);
    expect(mail).toMatchObject({ subject: "Confirm your e-mail address", mode: 0o600 });
    expect(mail?.text).toContain(`${charter.url}/api/v1/auth/verify`);

    expect((await change("ada", password, "quiet violet harbours")).json.code).toBe("auth.unverified");
    const verified = await post(`${auth}/verify`, { token: mail?.token });
    expect([verified.status, verified.json.username]).toEqual([200, "ada"]);
    const again = await post(`${auth}/verify`, { token: mail?.token });
    expect([again.status, again.json.code]).toEqual([400, "auth.token_invalid"]);
    expect((await leavesOf(again)).map(({ resource }) => resource)).toEqual(["user/unknown", "user/unknown"]);

    const { json } = await charter.ask(`/v1/users/${await idOf("ada")}`);
    expect(json).toMatchObject({
      username: "ada",
      email: "Ada@example.org",
      full_name: "Ada Lovelace",
      kind: "product",
      role: "observer",
      product: null,
      verified: true,
      disabled: false,
      must_change_password: false,
      last_login_at: null,
    });
    expect(json).not.toHaveProperty("epoch");
  });

  it("says which rule a password breaks, and that is on record", async () => {
    const words: [string, RegExp][] = [
      ["short", /8 to 128 characters/],
      ["x".repeat(129), /8 to 128 characters/],
      ["my grace is here", /does not contain the username/],
      ["iloveyou", /common and breached/],
      ["aaaaaaaaaaaa", /easy to guess/],
    ];
    for (const [refused, reason] of words) {
      const answer = await register("grace", "grace@example.org", { password: refused });
      expect([answer.status, answer.json.code]).toEqual([400, "auth.password_refused"]);
      expect(answer.json.detail).toMatch(reason);
      expect(answer.json.remedy).toMatch(/\w/);
      expect(await leavesOf(answer)).toMatchObject([
        { kind: "intent" },
        { kind: "outcome", outcome: "refused", code: "auth.password_refused" },
      ]);
    }
  });

  it.each([
    ["username", { username: "a" }],
    ["username", { username: "a b c" }],
    ["username", { username: "_abc" }],
    ["username", { username: "a".repeat(51) }],
    ["username", { username: "åsa" }],
    ["email", { email: "nobody" }],
    ["email", { email: "a@b@example.org" }],
    ["email", { email: "a@example.org\r\nBcc: b@example.org" }],
    ["email", { email: "a b@example.org" }],
    ["full_name", { full_name: "left\u202eright" }],
    ["full_name", { full_name: "nul\u0000" }],
    ["full_name", { full_name: "  " }],
    ["full_name", { full_name: "half \ud800" }],
    ["username", { username: "\ud800" }],
    ["email", { email: "\ud800@example.org" }],
  ])("is refused for a %s of another form", async (at, fields) => {
    const answer = await register("form", "form@example.org", fields);
    expect([answer.status, answer.json.code, answer.json.at], answer.text).toEqual([400, "user.invalid", at]);
  });

  it("gives a username to one of twenty who want it at once", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => register("popular", `p${i}@example.org`)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ json }) => json.code === "user.exists")).toHaveLength(19);
  });

  it("says the same for an address that has an account, keeps the username, and tells its owner by mail", async () => {
    const email = await member("owner");
    const [known, fresh] = [await register("stranger", email.toUpperCase()), await register("newcomer")];
    const shape = ({ status, json }: Answer) => [status, json.detail, Object.keys(json), Object.keys(json.receipt)];
    expect(shape(known)).toEqual(shape(fresh));
    const mails = await mailsTo(charter.dataDir, email, 2);
    expect(mails[1]).toMatchObject({ subject: "You already have an account", token: "" });
    expect(mails[1]?.text).toContain("owner");
    expect(mails[1]?.text).not.toContain("stranger");
    for (const username of ["stranger", "newcomer"]) {
      expect((await register(username, "other@example.org")).json.code).toBe("user.exists");
    }
  });

  it("sends no more than a few mails an hour to one address", async () => {
    for (let i = 0; i < 6; i++) expect((await register(`flood-${i}`, "flooded@example.org")).status).toBe(202);
    await mailsTo(charter.dataDir, "flooded@example.org", 3);
    // Mails leave at a random moment within half a second: a fourth would be there by then.
    await sleep(1000);
    expect((await mailsIn(charter.dataDir)).filter(({ to }) => to === "flooded@example.org")).toHaveLength(3);
  });
});

describe("a forgotten password", () => {
  it("is replaced with a mailed token, which ends the old one", async () => {
    const email = await member("forgetful");
    const asked = await post(`${auth}/password-reset/request`, { email: email.toUpperCase() });
    expect(asked.status).toBe(202);
    const token = await tokenFor(charter.dataDir, email, 2);
    const confirm = (newPassword: string) =>
      post(`${auth}/password-reset/confirm`, { token, new_password: newPassword });
    expect((await confirm("password1")).json.code).toBe("auth.password_refused");
    const confirmed = await confirm("three patient lanterns");
    expect([confirmed.status, confirmed.json.username]).toEqual([200, "forgetful"]);
    expect((await confirm("four patient lanterns")).json.code).toBe("auth.token_invalid");
    expect((await change("forgetful", password, "another good sentence")).json.code).toBe("auth.invalid");
    expect((await change("forgetful", "three patient lanterns", "another good sentence")).status).toBe(200);
    const told = await mailsTo(charter.dataDir, email, 4);
    expect(told.slice(2).map(({ subject }) => subject)).toEqual([
      "Your password was changed",
      "Your password was changed",
    ]);
  });

  it("gets the same answer and the same leaves for an address that nobody has", async () => {
    const email = await member("known");
    const mails = (await mailsIn(charter.dataDir)).length;
    const ask = (address: string) => post(`${auth}/password-reset/request`, { email: address });
    const [unknown, known] = [await ask("nobody-here@example.org"), await ask(email)];
    const shape = (answer: Answer) => [answer.status, answer.json.detail, Object.keys(answer.json)];
    expect(shape(unknown)).toEqual(shape(known));
    const [left, right] = [await leavesOf(unknown), await leavesOf(known)];
    expect(left.map((leaf) => Object.keys(leaf))).toEqual(right.map((leaf) => Object.keys(leaf)));
    expect(left[0]?.resource).toBe("user/unknown");
    await mailsTo(charter.dataDir, email, 2);
    expect((await mailsIn(charter.dataDir)).length).toBe(mails + 1);
    for (const odd of ["nobody", "a\u0000b", "'; drop table identity_users; --", "\ud800"]) {
      expect((await ask(odd)).status, odd).toBeOneOf([202, 400]);
    }
  });

  it("accepts one of two uses of a token at once", async () => {
    const email = await member("twice");
    await post(`${auth}/password-reset/request`, { email });
    const token = await tokenFor(charter.dataDir, email, 2);
    const confirm = (newPassword: string) =>
      post(`${auth}/password-reset/confirm`, { token, new_password: newPassword });
    const answers = await Promise.all([confirm("first of two lanterns"), confirm("second of two lanterns")]);
    expect(answers.map(({ json }): string => json.code ?? "done").toSorted()).toEqual(["auth.token_invalid", "done"]);
  });

  it("accepts only the newest token, and none after an hour", async () => {
    const email = await member("slow");
    await post(`${auth}/password-reset/request`, { email });
    const first = await tokenFor(charter.dataDir, email, 2);
    await post(`${auth}/password-reset/request`, { email });
    const second = await tokenFor(charter.dataDir, email, 3);
    const confirm = (token: string) =>
      post(`${auth}/password-reset/confirm`, { token, new_password: "five patient lanterns" });
    expect((await confirm(first)).json.code).toBe("auth.token_invalid");
    nowMs += 3_600_000;
    expect((await confirm(second)).json.code).toBe("auth.token_invalid");
    await post(`${auth}/password-reset/request`, { email });
    expect((await confirm(await tokenFor(charter.dataDir, email, 4))).status).toBe(200);
  });
});

describe("a password", () => {
  it("is changed by whoever knows the old one, and not to the same", async () => {
    await member("changer");
    expect((await change("Changer", password, password)).json.code).toBe("auth.password_refused");
    expect((await change("changer", "wrong", "six patient lanterns")).json.code).toBe("auth.invalid");
    expect((await change("changer", password, "six patient lanterns")).status).toBe(200);
    expect((await change("changer", password, "seven patient lanterns")).json.code).toBe("auth.invalid");
  });

  it("locks after five failures, unknown usernames too, and says for how long", async () => {
    await member("locked");
    const attempts = async (username: string) => {
      const answers: Answer[] = [];
      for (let i = 0; i < 6; i++) answers.push(await change(username, "wrong", "eight patient lanterns"));
      return answers;
    };
    const shape = (answers: Answer[]) =>
      answers.map(({ status, json, headers }) => [status, json.code, json.detail, headers.get("retry-after")]);
    const [known, unknown] = [await attempts("locked"), await attempts("never-registered")];
    expect(shape(known)).toEqual(shape(unknown));
    expect(shape(known).map(([status]) => status)).toEqual([401, 401, 401, 401, 401, 429]);
    expect(Number(known[5]?.headers.get("retry-after"))).toSatisfy((s: number) => s > 0 && s <= 900);
    expect((await change("locked", password, "eight patient lanterns")).status).toBe(429);
    nowMs += 900_000;
    expect((await change("locked", password, "eight patient lanterns")).status).toBe(200);
  });

  it("is no way to learn that a user is disabled", async () => {
    await member("switched-off");
    await charter.ask(`/v1/users/${await idOf("switched-off")}/disable`, { method: "POST" });
    const [right, wrong] = [
      await change("switched-off", password, "nine patient lanterns"),
      await change("switched-off", "wrong", "nine patient lanterns"),
    ];
    const ofThisRequest = { request_id: "", intent_index: 0, outcome_index: 0 };
    const plain = ({ json }: Answer) => ({ ...json, ...ofThisRequest });
    expect(plain(right)).toEqual(plain(wrong));
    expect(right.json.code).toBe("auth.invalid");
  });
});

describe("an admin", () => {
  const draft = (username: string, more: object = {}) => ({
    username,
    email: `${username}@example.org`,
    kind: "product",
    product: "AI_ASSISTANT",
    ...more,
  });

  it("makes a user whose one-time password must be changed before anything else", async () => {
    const made = await charter.ask("/v1/users", { body: draft("made") });
    expect(made.status, made.text).toBe(201);
    expect(made.json).toMatchObject({ role: "developer", verified: true, must_change_password: true });
    const { id, one_time_password: oneTimePassword } = made.json;
    expect(oneTimePassword).toMatch(/^([0-9a-z]{5}-){3}[0-9a-z]{5}$/);
    expect((await charter.ask(`/v1/users/${id}`)).text).not.toContain(oneTimePassword);
    expect((await change("made", oneTimePassword, "ten patient lanterns")).status).toBe(200);
    expect((await charter.ask(`/v1/users/${id}`)).json.must_change_password).toBe(false);
    expect((await change("made", oneTimePassword, "eleven patient lanterns")).json.code).toBe("auth.invalid");

    const reset = await charter.ask(`/v1/users/${id}/reset-password`, { method: "POST" });
    expect(reset.json.must_change_password).toBe(true);
    expect((await change("made", "ten patient lanterns", "eleven patient lanterns")).json.code).toBe("auth.invalid");
    expect((await change("made", reset.json.one_time_password, "eleven patient lanterns")).status).toBe(200);
  });

  it.each([
    ["user.exists", 409, draft("fresh", { username: "admin" })],
    ["user.email_taken", 409, draft("fresh", { email: "ADMIN@charter.invalid" })],
    ["user.product_required", 400, { username: "fresh", email: "fresh@example.org", kind: "ai_agent" }],
    ["product.not_found", 404, draft("fresh", { product: "NOTHING" })],
    ["user.invalid", 400, draft("Fresh!")],
    ["request.invalid", 400, draft("fresh", { role: "anonymous" })],
    ["request.invalid", 400, draft("fresh", { password: "chosen by the admin" })],
  ])("is refused with %s", async (code, status, body) => {
    const answer = await charter.ask("/v1/users", { body });
    expect([answer.status, answer.json.code], answer.text).toEqual([status, code]);
  });

  it("assigns role, kind and product, disables and enables", async () => {
    await member("assigned");
    const path = `/v1/users/${await idOf("assigned")}`;
    const patch = (body: object) => charter.ask(path, { method: "PATCH", body });
    expect((await patch({ role: "developer", product: "GURUKUL" })).json).toMatchObject({
      role: "developer",
      product: "GURUKUL",
      kind: "product",
    });
    expect((await patch({ product: null })).json.code).toBe("user.product_required");
    expect((await patch({ kind: "auditor", product: null, full_name: "An Auditor" })).json.full_name).toBe(
      "An Auditor",
    );
    expect((await patch({ verified: false })).json.code).toBe("request.invalid");
    expect((await patch({})).json.code).toBe("request.invalid");
    expect((await patch({ username: "other" })).json.code).toBe("request.invalid");
    expect((await charter.ask(`${path}/disable`, { method: "POST" })).json.disabled).toBe(true);
    expect((await charter.ask(`${path}/enable`, { method: "POST" })).json.disabled).toBe(false);
    const nobody = "/v1/users/usr_019aa000-0000-7000-8000-000000000000";
    expect((await charter.ask(nobody)).json.code).toBe("user.not_found");
    expect((await charter.ask(`${nobody}/disable`, { method: "POST" })).json.code).toBe("user.not_found");
  });

  it("cannot disable or demote the last one", async () => {
    const path = `/v1/users/${await idOf("admin")}`;
    expect((await charter.ask(`${path}/disable`, { method: "POST" })).json.code).toBe("user.last_admin");
    expect((await charter.ask(path, { method: "PATCH", body: { role: "operator" } })).json.code).toBe(
      "user.last_admin",
    );
  });

  it("reads every user once, page by page", async () => {
    const seen: string[] = [];
    let cursor = "";
    do {
      const { json } = await charter.ask(`/v1/users?limit=5${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...json.users.map(({ id }: { id: string }) => id));
      cursor = json.next ?? "";
    } while (cursor !== "");
    const { json } = await charter.ask("/v1/users?limit=1000");
    expect(seen).toEqual(json.users.map(({ id }: { id: string }) => id));
    expect(seen.length).toBeGreaterThan(10);
  });

  it("takes over users with the hashes of their passwords, all or none, and existing ones never", async () => {
    const passwordHash = "$2b$04$c5UaDUyxAvJrN7gKDS5e4u/5V2fxtpt4THp3fCrgbMoOJ4QuspLGq";
    const users = [draft("old-1", { password_hash: passwordHash }), draft("admin", { password_hash: passwordHash })];
    const broken = [...users, draft("old-2", { password_hash: "$1$plain" })];
    const refused = await charter.ask("/v1/users/import", { body: { users: broken } });
    expect([refused.json.code, refused.json.at]).toEqual(["user.invalid", "users/2/password_hash"]);
    const { json } = await charter.ask("/v1/users/import", { body: { users } });
    expect(json).toMatchObject({ imported: 1, skipped: ["admin"] });
    expect(await idOf("old-1")).toMatch(/^usr_/);
    const taken = { users: [draft("old-3", { password_hash: passwordHash, email: "OLD-1@example.org" })] };
    expect((await charter.ask("/v1/users/import", { body: taken })).json).toMatchObject({
      code: "user.email_taken",
      at: "users/0/email",
    });
  });

  it("is the only one who may", async () => {
    const id = await idOf("admin");
    for (const kind of ["executor", "auditor", "product", "ai_agent"] as const) {
      const key = await charter.keyFor(kind, kind === "auditor" || kind === "executor" ? undefined : "GURUKUL");
      const calls = [
        charter.ask("/v1/users", { key }),
        charter.ask(`/v1/users/${id}`, { key }),
        charter.ask("/v1/users", { key, body: draft("sneaky") }),
        charter.ask(`/v1/users/${id}`, { key, method: "PATCH", body: { role: "admin" } }),
        charter.ask(`/v1/users/${id}/reset-password`, { key, method: "POST" }),
      ];
      for (const call of calls) expect((await call).status).toBe(403);
    }
  });
});

describe("whoever calls", () => {
  it("may ask who it is, with its role and permissions", async () => {
    const key = await charter.keyFor("product", "GURUKUL");
    const { json } = await charter.ask(`${auth}/me`, { key });
    expect(json.principal).toMatchObject({ kind: "product", product: "GURUKUL", role: "developer" });
    expect(json.permissions).toContain("task.create");
    expect(json.user).toBeNull();
    expect((await charter.ask(`${auth}/me`)).json.permissions).toHaveLength(17);
    expect((await charter.ask(`${auth}/me`, { key: null })).status).toBe(401);
  });
});

describe("a start", () => {
  it("makes one admin, once, and registration can be closed", async () => {
    await using closed = await startTestCharter({ flags: { ...flags, registration: "closed" } });
    const admins = async () =>
      (await closed.ask("/v1/users")).json.users.map((user: { username: string }) => user.username);
    expect(await admins()).toEqual(["admin"]);
    await closed.restart();
    expect(await admins()).toEqual(["admin"]);
    const body = { username: "late", email: "late@example.org", password };
    const refused = await closed.ask(`${auth}/register`, { key: null, body });
    expect([refused.status, refused.json.code]).toEqual([403, "user.registration_closed"]);
  });

  it("with the classic policy asks for three classes of characters as well", async () => {
    await using classic = await startTestCharter({ flags: { ...flags, "password-policy": "classic" } });
    const ask = (text: string) =>
      classic.ask(`${auth}/register`, {
        key: null,
        body: { username: "classic", email: "classic@example.org", password: text },
      });
    expect((await ask(password)).json.detail).toMatch(/upper-case letter/);
    expect((await ask("Seven tangled umbrellas 7")).status).toBe(202);
  });
});

describe("the ledger", () => {
  it("holds no name, address, password, token or hash of what happened here", async () => {
    const secret = `${randomBytes(8).toString("hex")} lanterns`;
    await post(`${auth}/register`, {
      username: "very-private",
      email: "Very.Private@example.net",
      password: secret,
      full_name: "Secret Person",
    });
    const token = await tokenFor(charter.dataDir, "Very.Private@example.net");
    await post(`${auth}/verify`, { token });
    await change("very-private", "wrong but recorded", secret);
    await post(`${auth}/password-reset/request`, { email: "very.private@example.net" });
    const leaves: string[] = [];
    let cursor = "";
    do {
      const { json, text } = await charter.ask(`/ledger/entries?limit=1000${cursor === "" ? "" : `&cursor=${cursor}`}`);
      leaves.push(text);
      cursor = json.next ?? "";
    } while (cursor !== "");
    const all = leaves.join("\n").toLowerCase();
    expect(all).toContain("user.register");
    expect(all).toContain("password.reset_request");
    for (const word of [
      "very-private",
      "very.private",
      "private@",
      "example.",
      "secret person",
      "lanterns",
      "umbrella",
      "wrong but",
      token.toLowerCase(),
      "argon2",
      "$2b$",
      "127.0.0.1",
    ]) {
      expect(all.includes(word), word).toBe(false);
    }
  });
});
