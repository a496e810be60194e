// A refusal hurts nobody but its caller: what halts what, and for whom everything goes on.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { constitutionWith } from "../../support/app/constitution.ts";
import { envelope, startTestCharter } from "../../support/app/in-process.ts";
import type { Answer, TestCharter } from "../../support/app/in-process.ts";
import { approve, clientAt, personAt, pkce, postForm, signIn } from "../../support/identity/oauth.ts";
import type { Person } from "../../support/identity/oauth.ts";

const places = {
  AI_ASSISTANT: "ConversationArtifact",
  GURUKUL: "ContentArtifact",
  WORKFLOW: "WorkflowArtifact",
} as const;
type Product = keyof typeof places;
const products = Object.keys(places) as Product[];
const refusalsMax = 20;

let root: string;
let charter: TestCharter;
const artifacts = new Map<Product, string>();
const write = (product: Product, key?: string): Promise<Answer> =>
  charter.ask("/v1/artifacts", {
    body: envelope({ product_id: product, artifact_type: places[product] }),
    ...(key === undefined ? {} : { key }),
  });
const remove = (product: Product, key: string): Promise<Answer> =>
  charter.ask(`/v1/artifacts/${artifacts.get(product)}`, { key, method: "DELETE" });
const halts = async (): Promise<readonly { readonly scope: string; readonly threat: string }[]> =>
  (await charter.ask("/v1/halts")).json.halts;
const scopes = async (): Promise<readonly string[]> => (await halts()).map(({ scope }) => scope);
const key = async (fields: object): Promise<{ readonly id: string; readonly key: string }> => {
  const { status, json, text } = await charter.ask("/v1/keys", { body: fields });
  expect(status, text).toBe(201);
  return json;
};
const everybodyWrites = async (): Promise<void> => {
  for (const product of products) expect([product, (await write(product)).status]).toEqual([product, 201]);
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "charter-halts-"));
  const constitution = await constitutionWith(join(root, "constitution"), [[["limits", "refusalsMax"], refusalsMax]]);
  charter = await startTestCharter({ flags: { constitution } });
  for (const product of products) artifacts.set(product, (await write(product)).json.artifact.artifact_id);
});
afterEach(async () => {
  for (const { scope } of await halts()) {
    await charter.ask(`/v1/halts/${scope}/clear`, { body: { reason: "cleared after the test" } });
  }
});
afterAll(async () => {
  await charter[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

describe("a caller that may not do what it tries", () => {
  it.each([
    ["an executor that only looks", { kind: "executor", role: "observer" }],
    ["an executor with its ordinary role", { kind: "executor" }],
    ["an executor that is good for one read", { kind: "executor", role: "admin", operations: ["auth.me"] }],
    ["an agent", { kind: "ai_agent", product: "GURUKUL" }],
    ["a product", { kind: "product", product: "GURUKUL" }],
    ["an auditor", { kind: "auditor" }],
  ])("halts nobody else: %s", async (_name, fields) => {
    const caller = await key(fields);
    for (const product of products) expect([403, 404]).toContain((await remove(product, caller.key)).status);
    for (const path of ["/v1/keys", "/v1/halts/GURUKUL/clear", "/v1/budgets"]) {
      const body =
        path === "/v1/keys" ? { kind: "admin" } : path === "/v1/budgets" ? budget : { reason: "let me in, please" };
      expect([path, (await charter.ask(path, { key: caller.key, body })).status]).toEqual([path, 403]);
    }
    expect((await scopes()).filter((scope) => scope !== caller.id)).toEqual([]);
    await everybodyWrites();
  });

  it("is on record, with what it was found at", async () => {
    const agent = await key({ kind: "ai_agent", product: "GURUKUL" });
    const { json } = await remove("GURUKUL", agent.key);
    expect(json.articles).toContain("RULE_01_WRITE_ONLY");
    const { entries } = (await charter.ask(`/ledger/entries?request=${json.request_id}`)).json;
    const kinds = entries.map(({ leaf }: { leaf: { kind: string; finding?: { threat: string } } }) => [
      leaf.kind,
      leaf.finding?.threat,
    ]);
    expect(kinds).toEqual([
      ["intent", undefined],
      ["finding", "T6_AI_ESCALATION"],
      ["outcome", undefined],
    ]);
  });

  it("is suspended alone when it goes on and on, until an admin clears that", async () => {
    const stubborn = await key({ kind: "executor", role: "observer", product: "GURUKUL" });
    const neighbour = await key({ kind: "product", product: "GURUKUL" });
    for (let i = 0; i < refusalsMax; i++) await remove("GURUKUL", stubborn.key);
    expect(await halts()).toEqual([expect.objectContaining({ scope: stubborn.id, threat: "gate.repeated_refusal" })]);
    expect((await write("GURUKUL", neighbour.key)).status).toBe(201);
    await everybodyWrites();
    const seen = (who: string) => charter.ask("/v1/halts", { key: who }).then(({ json }) => json.halts.length);
    expect([await seen(stubborn.key), await seen(neighbour.key)]).toEqual([1, 0]);
    await charter.restart();
    expect(await scopes()).toEqual([stubborn.id]);
    const body = { reason: "the script was corrected" };
    expect((await charter.ask(`/v1/halts/${stubborn.id}/clear`, { body })).status).toBe(200);
    expect(await scopes()).toEqual([]);
  });

  it("writes nothing while it is suspended, and reads on", async () => {
    const narrow = await key({ kind: "product", product: "GURUKUL" });
    for (let i = 0; i < refusalsMax; i++) await remove("GURUKUL", narrow.key);
    const refused = await write("GURUKUL", narrow.key);
    expect([refused.status, refused.json.code]).toEqual([403, "credential.suspended"]);
    expect((await charter.ask("/v1/artifacts", { key: narrow.key })).status).toBe(200);
  });

  it("is counted from the beginning once it was cleared, and suspended again", async () => {
    const again = await key({ kind: "product", product: "GURUKUL" });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < refusalsMax; i++) await remove("GURUKUL", again.key);
      expect(await scopes()).toEqual([again.id]);
      await charter.ask(`/v1/halts/${again.id}/clear`, { body: { reason: "given another chance" } });
      expect((await write("GURUKUL", again.key)).status).toBe(201);
    }
  });
});

const budget = { scope: { product: "GURUKUL" }, unit: "tokens", window: "day", limit: 1000 };

describe("an application that acts for a person", () => {
  /** An application that the person has let act, and its token. */
  const lentBy = async (person: Person, role: string): Promise<{ readonly id: string; readonly token: string }> => {
    const redirectUri = "https://app.example/back";
    const { id } = await clientAt(charter, {
      kind: "auditor",
      role,
      grant_types: ["authorization_code"],
      redirect_uris: [redirectUri],
      public: true,
    });
    const { verifier, challenge } = pkce();
    const asked = { response_type: "code", client_id: id, redirect_uri: redirectUri, scope: "api" };
    const query = new URLSearchParams({ ...asked, code_challenge: challenge, code_challenge_method: "S256" });
    const { username, password } = person;
    const { location } = await approve(charter, `/api/v1/auth/authorize?${query.toString()}`, { username, password });
    const code = new URL(location).searchParams.get("code") ?? "";
    const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, client_id: id };
    const issued = await postForm(charter, "/api/v1/auth/token", { ...form, code_verifier: verifier });
    expect(issued.status, issued.text).toBe(200);
    return { id, token: issued.json.access_token };
  };

  it("is suspended for that person alone, and neither the person nor its other people notice", async () => {
    const [ada, eve] = [await personAt(charter), await personAt(charter)];
    const app = await lentBy(ada, "observer");
    const session = (await signIn(charter, ada)).json.access_token;
    for (let i = 0; i < refusalsMax; i++) await write("AI_ASSISTANT", app.token);
    expect(await scopes()).toEqual([`${ada.id}@${app.id}`]);
    expect((await write("AI_ASSISTANT", session)).status).toBe(201);
    expect((await signIn(charter, eve)).status).toBe(200);
    const reason = { reason: "the application was mended" };
    expect((await charter.ask(`/v1/halts/${ada.id}@${app.id}/clear`, { body: reason })).status).toBe(200);
  });

  it("halts itself and not the person's product when it leaves the person's lane", async () => {
    const person = await personAt(charter, { kind: "executor", role: "admin", product: "WORKFLOW" });
    const app = await lentBy(person, "admin");
    await remove("WORKFLOW", app.token);
    expect(await scopes()).toEqual([`${person.id}@${app.id}`]);
    await everybodyWrites();
    // A suspension does not keep a session from being ended.
    expect((await charter.ask("/api/v1/auth/logout", { key: app.token, method: "POST" })).status).toBe(200);
  });

  it("is on record beside the person it acts for", async () => {
    const person = await personAt(charter, { kind: "admin", role: "admin" });
    const app = await lentBy(person, "admin");
    expect((await charter.ask("/v1/signing-keys/rotate", { key: app.token, method: "POST" })).status).toBe(201);
    const { entries } = (await charter.ask("/ledger/entries?operation=signing_key.rotate")).json;
    expect(entries.at(-1).leaf).toMatchObject({ principal: person.id, actor: app.id, outcome: "committed" });
  });

  it("passes on nothing of what it is lent", async () => {
    const person = await personAt(charter, { kind: "admin", role: "admin" });
    const app = await lentBy(person, "admin");
    const soon = new Date(Date.now() + 60_000).toISOString();
    for (const fields of [
      {},
      { expires_at: soon },
      { expires_at: soon, owner: person.id },
      { operations: ["auth.me"] },
    ]) {
      const refused = await charter.ask("/v1/keys", { key: app.token, body: { kind: "auditor", ...fields } });
      expect([refused.status, refused.json.code]).toEqual([403, "permission.denied"]);
    }
    expect((await charter.ask("/v1/keys", { key: app.token })).status).toBe(200);
  });
});

describe("a suspended credential", () => {
  it("governs nothing either, nor does what belongs to it", async () => {
    const person = await personAt(charter, { kind: "admin", role: "admin" });
    const owned = await key({ kind: "admin", owner: person.id });
    const session = (await signIn(charter, person)).json.access_token;
    const operations = ["auth.me"];
    const narrow = await key({ kind: "admin", owner: person.id, operations });
    await charter.ask("/v1/halts", { key: narrow.key });
    for (let i = 0; i < refusalsMax; i++) await charter.ask("/v1/keys", { key: narrow.key, body: { kind: "admin" } });
    expect(await scopes()).toEqual([narrow.id]);
    expect((await charter.ask("/v1/keys", { key: session, body: { kind: "auditor" } })).status).toBe(201);
    const suspended = await charter.ask("/v1/keys", { key: narrow.key, body: { kind: "auditor", operations } });
    expect([suspended.status, suspended.json.code]).toEqual([403, "credential.suspended"]);
    expect((await charter.ask("/v1/halts", { key: owned.key })).status).toBe(200);
  });

  it("does not clear its own halt; another admin does", async () => {
    const narrow = await key({ kind: "admin", operations: ["halt.clear", "halt.list"] });
    for (let i = 0; i < refusalsMax; i++) await charter.ask("/v1/keys", { key: narrow.key, body: { kind: "admin" } });
    expect(await scopes()).toEqual([narrow.id]);
    const clear = (who?: string) =>
      charter.ask(`/v1/halts/${narrow.id}/clear`, {
        body: { reason: "it was a mistake, really" },
        ...(who === undefined ? {} : { key: who }),
      });
    const own = await clear(narrow.key);
    expect([own.status, own.json.code]).toEqual([403, "credential.suspended"]);
    expect(await scopes()).toEqual([narrow.id]);
    expect((await clear()).status).toBe(200);
  });
});

describe("an executor that leaves its lane", () => {
  it("halts its own product, where it belongs to it and its role lets it try", async () => {
    const executor = await key({ kind: "executor", role: "admin", product: "WORKFLOW" });
    expect((await remove("WORKFLOW", executor.key)).json.findings[0].threat).toBe("T5_EXECUTOR_OVERRIDE");
    expect(await scopes()).toEqual(["WORKFLOW"]);
    expect((await write("GURUKUL")).status).toBe(201);
    expect((await write("WORKFLOW")).json.code).toBe("governance.halted");
  });

  it("halts no other product: it reaches none, or halts itself", async () => {
    const theirs = await key({ kind: "executor", role: "admin", product: "WORKFLOW" });
    for (const product of ["AI_ASSISTANT", "GURUKUL"] as const) await remove(product, theirs.key);
    expect(await scopes()).toEqual([]);
    const free = await key({ kind: "executor", role: "admin" });
    for (const product of products) await remove(product, free.key);
    await charter.ask("/v1/keys", { key: free.key, body: { kind: "admin" } });
    expect(await scopes()).toEqual([free.id]);
    await everybodyWrites();
    expect((await write("GURUKUL", free.key)).json.code).toBe("credential.suspended");
  });

  it("halts itself and not its product when it reaches for what is no product's", async () => {
    const executor = await key({ kind: "executor", role: "admin", product: "WORKFLOW" });
    await charter.ask("/v1/keys", { key: executor.key, body: { kind: "admin" } });
    await charter.ask("/v1/budgets", { key: executor.key, body: budget });
    expect(await scopes()).toEqual([executor.id]);
    await everybodyWrites();
  });
});
