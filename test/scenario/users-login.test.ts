// Accounts meet logins over HTTP: what a password, a one-time password and an imported hash are good for, and what ends a session.
import { createRequire } from "node:module";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";
import { tokenFor } from "../support/identity/mail.ts";
import { postForm } from "../support/identity/oauth.ts";

const bcrypt = createRequire(import.meta.url)("bcryptjs") as { hashSync(password: string, rounds: number): string };
const password = "seven tangled umbrellas";
const auth = "/api/v1/auth";

let charter: TestCharter;
beforeAll(async () => {
  charter = await startTestCharter({ flags: { "rate-factor": "100000" } });
});
afterAll(() => charter[Symbol.asyncDispose]());

const login = (username: string, text: string): Promise<Answer> =>
  postForm(charter, `${auth}/token`, { grant_type: "password", username, password: text });
const change = (username: string, currentPassword: string, newPassword: string): Promise<Answer> =>
  charter.ask(`${auth}/password/change`, {
    key: null,
    body: { username, current_password: currentPassword, new_password: newPassword },
  });
const me = (key: string): Promise<Answer> => charter.ask(`${auth}/me`, { key });
const make = async (username: string): Promise<{ id: string; one_time_password: string }> =>
  (await charter.ask("/v1/users", { body: { username, email: `${username}@example.org`, kind: "auditor" } })).json;

/** The hash that the database holds for a user. */
function hashOf(username: string): string {
  const db = new DatabaseSync(join(charter.dataDir, "charter.db"), { readOnly: true });
  try {
    return String(
      db.prepare("select password_hash from identity_users where username = ?").get(username)?.password_hash,
    );
  } finally {
    db.close();
  }
}

describe("a login", () => {
  it("needs the user's own password: a one-time password is good for nothing but another one", async () => {
    const { one_time_password: oneTimePassword } = await make("ada");
    const early = await login("ada", oneTimePassword);
    expect([early.status, early.json.code]).toEqual([400, "auth.password_change_required"]);
    expect((await change("ada", oneTimePassword, password)).status).toBe(200);
    const { status, json } = await login("Ada", password);
    expect(status).toBe(200);
    const { json: who } = await me(json.access_token);
    expect(who).toMatchObject({
      principal: { id: who.user.id, kind: "auditor", role: "observer", product: null },
      user: { username: "ada", must_change_password: false },
    });
    expect(Date.parse(who.user.last_login_at)).toBeGreaterThan(Date.parse(who.user.created_at) - 1);
    expect(who.permissions).toContain("metrics.view");
  });

  it("upgrades an imported bcrypt hash, once, and changes nothing when it fails", async () => {
    const passwordHash = bcrypt.hashSync(password, 4);
    const users = [{ username: "old", email: "old@example.org", kind: "auditor", password_hash: passwordHash }];
    expect((await charter.ask("/v1/users/import", { body: { users } })).json.imported).toBe(1);
    expect((await login("old", "wrong")).status).not.toBe(200);
    expect(hashOf("old")).toBe(passwordHash);
    expect((await login("old", password)).status).toBe(200);
    const upgraded = hashOf("old");
    expect(upgraded).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect((await login("old", password)).status).toBe(200);
    expect(hashOf("old")).toBe(upgraded);
  });
});

describe("a session ends", () => {
  async function session(username: string): Promise<{ id: string; token: string }> {
    const { id, one_time_password: oneTimePassword } = await make(username);
    await change(username, oneTimePassword, password);
    const token = (await login(username, password)).json.access_token;
    expect((await me(token)).status).toBe(200);
    return { id, token };
  }

  it("when its user is disabled, and does not come back when it is enabled", async () => {
    const { id, token } = await session("disabled");
    await charter.ask(`/v1/users/${id}/disable`, { method: "POST" });
    expect((await me(token)).status).toBe(401);
    await charter.ask(`/v1/users/${id}/enable`, { method: "POST" });
    expect((await me(token)).status).toBe(401);
    expect((await login("disabled", password)).status).toBe(200);
  });

  it("when the password changes", async () => {
    const { token } = await session("changes");
    await change("changes", password, "eight tangled umbrellas");
    expect((await me(token)).status).toBe(401);
  });

  it("when the password is reset by mail, or by an admin", async () => {
    const { id, token } = await session("resets");
    const email = "resets@example.org";
    await charter.ask(`${auth}/password-reset/request`, { key: null, body: { email } });
    expect((await me(token)).status).toBe(200);
    const body = { token: await tokenFor(charter.dataDir, email, 2), new_password: "nine tangled umbrellas" };
    expect((await charter.ask(`${auth}/password-reset/confirm`, { key: null, body })).status).toBe(200);
    expect((await me(token)).status).toBe(401);
    const next = (await login("resets", "nine tangled umbrellas")).json.access_token;
    expect((await me(next)).status).toBe(200);
    await charter.ask(`/v1/users/${id}/reset-password`, { method: "POST" });
    expect((await me(next)).status).toBe(401);
  });

  it("never by a change of role, which holds from the next call on", async () => {
    const { id, token } = await session("promoted");
    expect((await charter.ask("/v1/users", { key: token })).status).toBe(403);
    await charter.ask(`/v1/users/${id}`, { method: "PATCH", body: { role: "admin", kind: "admin" } });
    expect((await charter.ask("/v1/users", { key: token })).status).toBe(200);
  });
});
