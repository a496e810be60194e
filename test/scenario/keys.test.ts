// What narrows an API key: its role, the operations, networks and time it is good for, and whom it belongs to.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";

let charter: TestCharter;
let nowMs = Date.UTC(2026, 10, 1);
beforeAll(async () => {
  charter = await startTestCharter({ clock: { nowMs: () => nowMs } });
});
afterAll(() => charter[Symbol.asyncDispose]());

const create = (body: object): Promise<Answer> => charter.ask("/v1/keys", { body });
const make = async (body: object): Promise<{ id: string; key: string }> => {
  const { status, text, json } = await create(body);
  expect(status, text).toBe(201);
  return json;
};
const statusOf = async (path: string, key: string): Promise<number> => (await charter.ask(path, { key })).status;

describe("a key", () => {
  it("is good for the operations it names and no others, and its refusal says so", async () => {
    const { key } = await make({ kind: "auditor", operations: ["key.list"] });
    expect(await statusOf("/v1/keys", key)).toBe(200);
    const refused = await charter.ask("/v1/artifacts", { key });
    expect([refused.status, refused.json.code]).toEqual([403, "permission.denied"]);
    expect(refused.json.remedy).toContain("artifact.list");
  });

  it("passes on no more than it is good for", async () => {
    const operations = [
      "key.create",
      "user.create",
      "user.update",
      "user.reset_password",
      "client.create",
      "artifact.read",
    ];
    const { key } = await make({ kind: "admin", operations });
    const send = async (path: string, body: object): Promise<unknown[]> => {
      const { status, json } = await charter.ask(path, { key, body });
      return [status, json.code];
    };
    const refused = [403, "permission.denied"];
    expect(await send("/v1/keys", { kind: "admin" })).toEqual(refused);
    expect(await send("/v1/keys", { kind: "admin", operations: ["artifact.read", "halt.clear"] })).toEqual(refused);
    expect(await send("/v1/keys", { kind: "auditor", operations: ["artifact.read"] })).toEqual([201, undefined]);
    const person = { username: "narrow", email: "narrow@example.org", kind: "auditor" };
    expect(await send("/v1/users", { ...person, kind: "admin" })).toEqual(refused);
    expect(await send("/v1/users", { ...person, role: "admin" })).toEqual(refused);
    // An account is good for everything that its role may call, which this key is not.
    expect(await send("/v1/users", person)).toEqual(refused);
    const client = { name: "narrow", kind: "admin", role: "observer", grant_types: ["client_credentials"] };
    expect(await send("/v1/clients", client)).toEqual(refused);
    const { json } = await charter.ask("/v1/users", { body: person });
    const path = `/v1/users/${json.id}`;
    expect((await charter.ask(path, { key, method: "PATCH", body: { role: "admin" } })).status).toBe(403);
    expect((await charter.ask(`${path}/reset-password`, { key, method: "POST" })).status).toBe(403);
  });

  it("has the role that was chosen, not only that of its kind", async () => {
    const { key } = await make({ kind: "admin", role: "observer" });
    expect(await statusOf("/v1/keys", key)).toBe(200);
    const refused = await charter.ask("/v1/keys", { key, body: { kind: "auditor" } });
    expect([refused.status, refused.json.code, refused.json.permission]).toEqual([
      403,
      "permission.denied",
      "system.admin",
    ]);
  });

  it("is refused from networks it does not name, like a key that does not exist", async () => {
    const { key: elsewhere } = await make({ kind: "auditor", networks: ["10.0.0.0/8", "2001:db8::/32"] });
    const { key: here } = await make({ kind: "auditor", networks: ["127.0.0.0/8", "::1"] });
    const refused = await charter.ask("/v1/keys", { key: elsewhere });
    expect([refused.status, refused.json.code]).toEqual([401, "credential.invalid"]);
    // Without a trusted proxy nobody's word is taken for where they are.
    const lying = await charter.ask("/v1/keys", { key: elsewhere, headers: { "x-forwarded-for": "10.1.2.3" } });
    expect(lying.status).toBe(401);
    expect(await statusOf("/v1/keys", here)).toBe(200);
  });

  it("ends when its time is over", async () => {
    const { key } = await make({ kind: "auditor", expires_at: new Date(nowMs + 60_000).toISOString() });
    expect(await statusOf("/v1/keys", key)).toBe(200);
    nowMs += 60_000;
    expect(await statusOf("/v1/keys", key)).toBe(401);
  });

  it("dies with the user or client that it belongs to", async () => {
    const person = { username: "owner", email: "owner@example.org", kind: "auditor" };
    const user = (await charter.ask("/v1/users", { body: person })).json.id;
    const application = { name: "owner", kind: "auditor", role: "observer", grant_types: ["client_credentials"] };
    const client = (await charter.ask("/v1/clients", { body: application })).json.id;
    for (const [owner, end] of [
      [user, () => charter.ask(`/v1/users/${user}/disable`, { method: "POST" })],
      [client, () => charter.ask(`/v1/clients/${client}`, { method: "DELETE" })],
    ] as const) {
      const { key } = await make({ kind: "auditor", owner });
      expect(await statusOf("/v1/keys", key)).toBe(200);
      expect((await end()).status).toBe(200);
      expect(await statusOf("/v1/keys", key)).toBe(401);
      const late = await create({ kind: "auditor", owner });
      expect([late.status, late.json.code]).toEqual([400, "key.owner_not_found"]);
    }
  });

  it.each([
    [{ kind: "auditor", operations: ["artifact.nonsense"] }, "request.invalid"],
    [{ kind: "auditor", operations: [] }, "request.invalid"],
    [{ kind: "auditor", networks: ["everywhere"] }, "key.scope_invalid"],
    [{ kind: "auditor", expires_at: "2020-01-01T00:00:00Z" }, "key.scope_invalid"],
    [{ kind: "auditor", role: "anonymous" }, "request.invalid"],
    [{ kind: "auditor", owner: "usr_00000000-0000-7000-8000-000000000000" }, "key.owner_not_found"],
  ])("is not made as %j", async (body, code) => {
    const refused = await create(body);
    expect([refused.status, refused.json.code]).toEqual([400, code]);
  });

  it("says when it was last used, after the server has stopped or a minute has passed", async () => {
    const { id, key } = await make({ kind: "auditor" });
    await statusOf("/v1/keys", key);
    const usedAt = new Date(nowMs).toISOString();
    await charter.restart();
    const { json } = await charter.ask("/v1/keys");
    expect(json.keys.find((each: { id: string }) => each.id === id)).toMatchObject({ last_used_at: usedAt });
  });
});
