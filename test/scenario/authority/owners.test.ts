// Keys that belong to a person or a client, and applications that act for a person: none of them has more than either side has,
// by the permissions of the roles in the constitution that is in force.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { constitutionWith } from "../../support/app/constitution.ts";
import { envelope, startTestCharter } from "../../support/app/in-process.ts";
import type { TestCharter } from "../../support/app/in-process.ts";
import { approve, clientAt, me, personAt, pkce, postForm } from "../../support/identity/oauth.ts";
import type { Person } from "../../support/identity/oauth.ts";

const redirectUri = "https://app.example/back";
let folder: string;
let charter: TestCharter;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "charter-owners-"));
  // Observers configure budgets, which developers do not; operators have no more than observers here.
  const dir = await constitutionWith(join(folder, "constitution"), [
    [
      ["roles", "observer", "permissions"],
      ["task.view", "budget.view", "budget.configure"],
    ],
    [["roles", "operator", "permissions"], ["task.view"]],
  ]);
  charter = await startTestCharter({ flags: { constitution: dir } });
});
afterAll(async () => {
  await charter[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const budget = { scope: { product: "WORKFLOW" }, unit: "tokens", limit: 5, window: "total" };
const keyOf = (owner: string, fields: Record<string, unknown> = {}) =>
  charter.ask("/v1/keys", { body: { kind: "product", product: "AI_ASSISTANT", owner, ...fields } });
const change = (id: string, body: Record<string, unknown>) => charter.ask(`/v1/users/${id}`, { method: "PATCH", body });

/** What the application gets when a person lets it act for them. */
async function actingFor(person: Person, role: string): Promise<{ location: URL; token: string | undefined }> {
  const terms = { kind: "executor", role, grant_types: ["authorization_code"], redirect_uris: [redirectUri] };
  const { id, secret } = await clientAt(charter, terms);
  const { verifier, challenge } = pkce();
  const asked = { response_type: "code", client_id: id, redirect_uri: redirectUri, scope: "api" };
  const proof = { code_challenge: challenge, code_challenge_method: "S256" };
  const query = new URLSearchParams({ ...asked, ...proof }).toString();
  const { username, password } = person;
  const approved = await approve(charter, `/api/v1/auth/authorize?${query}`, { username, password });
  const location = new URL(approved.location);
  const code = location.searchParams.get("code");
  if (code === null) return { location, token: undefined };
  const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier };
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
  const { json } = await postForm(charter, "/api/v1/auth/token", form, { authorization });
  return { location, token: json.access_token };
}

describe("an application that acts for a person", () => {
  it("gets no permission that its own role lacks, wherever the role stands in a list", async () => {
    const observer = await personAt(charter, { kind: "admin", role: "observer" });
    const { location, token } = await actingFor(observer, "developer");
    expect(token).toBeUndefined();
    expect(location.searchParams.get("error")).toBe("access_denied");
  });

  it("has the lesser of both roles by their permissions", async () => {
    const observer = await personAt(charter, { kind: "admin", role: "observer" });
    const { token } = await actingFor(observer, "operator");
    expect((await me(charter, token!)).json.principal.role).toBe("operator");
    const refused = await charter.ask("/v1/budgets", { key: token!, body: budget });
    expect([refused.status, refused.json.code]).toEqual([403, "permission.denied"]);
  });

  it("is recognised no more once the roles do not compare", async () => {
    const boss = await personAt(charter, { kind: "admin", role: "admin" });
    const { token } = await actingFor(boss, "developer");
    expect((await me(charter, token!)).json.principal.role).toBe("developer");
    await change(boss.id, { role: "observer" });
    expect((await me(charter, token!)).status).toBe(401);
  });
});

describe("a key that belongs to a person", () => {
  it("loses at once what its owner loses, and has it again when the owner has", async () => {
    const person = await personAt(charter);
    const { key } = (await keyOf(person.id)).json;
    const store = () => charter.ask("/v1/artifacts", { key, body: envelope({ payload: Math.random() }) });
    expect((await store()).status).toBe(201);
    await change(person.id, { role: "operator" });
    const denied = await store();
    expect([denied.status, denied.json.code]).toEqual([403, "permission.denied"]);
    await change(person.id, { role: "developer", product: "GURUKUL" });
    expect((await store()).status).toBe(401);
    await change(person.id, { product: "AI_ASSISTANT" });
    expect((await store()).status).toBe(201);
  });

  it("is good for nothing while the roles do not compare", async () => {
    const person = await personAt(charter, { kind: "admin", role: "observer" });
    const { key } = (await keyOf(person.id)).json;
    expect((await me(charter, key)).status).toBe(401);
  });

  it("is not made for another product than its owner's, or for all", async () => {
    const { id } = await personAt(charter);
    for (const fields of [{ product: "GURUKUL" }, { kind: "admin", product: undefined }]) {
      const refused = await keyOf(id, fields);
      expect([refused.status, refused.json.code]).toEqual([400, "key.owner_not_found"]);
    }
  });

  it("passes on no more than its owner has", async () => {
    const boss = await personAt(charter, { kind: "admin", role: "admin" });
    const { key } = (await keyOf(boss.id, { kind: "admin", product: undefined })).json;
    const make = (role: string) => charter.ask("/v1/keys", { key, body: { kind: "auditor", role, owner: boss.id } });
    expect((await make("observer")).status).toBe(201);
    await change(boss.id, { role: "operator" });
    expect((await make("operator")).status).toBe(403);
  });

  it("of a client is bound by the client likewise", async () => {
    const { id } = await clientAt(charter, { kind: "product", role: "operator", product: "AI_ASSISTANT" });
    const { key } = (await keyOf(id)).json;
    expect((await me(charter, key)).json.principal.role).toBe("operator");
    expect((await keyOf(id, { product: "GURUKUL" })).status).toBe(400);
  });
});
