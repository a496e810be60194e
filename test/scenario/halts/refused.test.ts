// A refusal hurts nobody but its caller: what halts what, and for whom everything goes on.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { constitutionWith } from "../../support/constitution.ts";
import { envelope, startTestCharter } from "../../support/in-process.ts";
import type { Answer, TestCharter } from "../../support/in-process.ts";

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
    const { entries } = (await charter.ask(`/ledger/entries?request=${json.requestId}`)).json;
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
    expect([refused.status, refused.json.code]).toEqual([403, "governance.halted"]);
    expect((await charter.ask("/v1/artifacts", { key: narrow.key })).status).toBe(200);
  });
});

const budget = { scope: { product: "GURUKUL" }, unit: "tokens", window: "day", limit: 1000 };

describe("a suspended credential", () => {
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
    expect([own.status, own.json.code]).toEqual([403, "permission.denied"]);
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
    expect((await write("GURUKUL", free.key)).json.code).toBe("governance.halted");
  });

  it("halts itself and not its product when it reaches for what is no product's", async () => {
    const executor = await key({ kind: "executor", role: "admin", product: "WORKFLOW" });
    await charter.ask("/v1/keys", { key: executor.key, body: { kind: "admin" } });
    await charter.ask("/v1/budgets", { key: executor.key, body: budget });
    expect(await scopes()).toEqual([executor.id]);
    await everybodyWrites();
  });
});
