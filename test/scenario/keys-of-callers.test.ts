// Keys that are bound in what their calls of models may do: which models, how much in a window, how often in a minute.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type OpenAI from "openai";
import { APIError } from "openai";
import { questions, startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
const nowMs = Date.UTC(2026, 10, 1);
beforeAll(async () => {
  rig = await startRig({
    clock: { nowMs: () => nowMs },
    deployments: [
      { name: "strong", model: "ok-strong", tier: 5 },
      { name: "cheap", model: "ok-cheap", tier: 1 },
      { name: "failing", model: "500", tier: 2 },
    ],
    constitution: [
      [["gateway", "defaultBudgetTokens"], 0],
      [["gateway", "terms", "parameters", "model"], "restricted"],
    ],
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

const question = questions();
interface Made {
  readonly id: string;
  readonly key: string;
  readonly [field: string]: unknown;
}
const make = async (bounds: object): Promise<Made> => {
  const body = { kind: "product", product: "AI_ASSISTANT", ...bounds };
  const { status, json, text } = await rig.charter.ask("/v1/keys", { body });
  expect(status, text).toBe(201);
  return json;
};
const ask = (key: string, body: object) => rig.chat({ ...question(), max_tokens: 10, ...body }, { key });
const asksFor = async (key: string, model: string): Promise<unknown[]> => {
  const { status, json } = await ask(key, { model });
  return [status, json.code ?? json.error?.code ?? null];
};
const namesOf = async (client: OpenAI): Promise<string[]> => (await client.models.list()).data.map(({ id }) => id);

describe("a key that names its models", () => {
  it("calls and sees these and no others", async () => {
    const { key } = await make({ models: ["answers", "up/ok-ch*"] });
    expect(await asksFor(key, "answers")).toEqual([200, null]);
    expect(await asksFor(key, "up/ok-cheap")).toEqual([200, null]);
    expect(await asksFor(key, "cheap")).toEqual([200, null]);
    expect(await asksFor(key, "strong")).toEqual([403, "model.not_allowed"]);
    expect(await asksFor(key, "up/anything")).toEqual([403, "model.not_allowed"]);
    expect((await namesOf(rig.openai(key))).toSorted()).toEqual(["answers", "cheap"]);
    expect((await rig.charter.ask("/v1/models/strong", { key })).status).toBe(404);
    expect((await rig.charter.ask("/models", { key })).json.total_models).toBe(2);
  });

  it("tells the official client what it refuses as a 403", async () => {
    const { key } = await make({ models: ["answers"] });
    const asked = rig.openai(key).chat.completions.create({ model: "strong", messages: question().messages });
    const error = await asked.catch((refused: unknown) => refused);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 403, code: "model.not_allowed" });
    expect(String(error)).toContain("the key is not good for it");
  });

  it.each(["auto", "tier:5", "performance_optimized", "cascade"])("is led by `%s` to none but these", async (model) => {
    const { key } = await make({ models: ["cheap"] });
    const { status, headers } = await ask(key, { model });
    expect([status, headers.get("x-charter-model")]).toEqual([200, "ok-cheap"]);
  });

  it("fails over to none but these", async () => {
    const { key } = await make({ models: ["failing"] });
    const size = rig.upstream.seen.length;
    expect((await ask(key, { model: "auto" })).status).toBe(502);
    const asked = rig.upstream.seen.slice(size).map(({ json }) => (json as { model: string }).model);
    expect(new Set(asked)).toEqual(new Set(["500"]));
  });

  it("is given no answer of another model from the cache", async () => {
    const { key } = await make({ models: ["cheap"] });
    const same = { ...question(), model: "auto", temperature: 0 };
    const first = await ask((await make({ models: ["strong"] })).key, same);
    const second = await ask(key, same);
    expect([first, second].map(({ headers }) => headers.get("x-charter-model"))).toEqual(["ok-strong", "ok-cheap"]);
    expect(second.headers.get("x-charter-cache")).toBe("miss");
    expect((await ask(key, same)).headers.get("x-charter-cache")).toBe("hit");
  });

  it("has no provider choose another by a parameter, whatever the terms allow", async () => {
    const { key } = await make({ models: ["cheap"] });
    const { status, json } = await ask(key, { model: "cheap", models: ["strong"] });
    expect([status, json.code]).toEqual([400, "parameter.refused"]);
  });
});

describe("a key with a budget", () => {
  it("spends that and no more, and shows what it has spent", async () => {
    const budget = { unit: "tokens", window: "month", limit: 2000 };
    const made = await make({ budget });
    expect(made["budget"]).toMatchObject({ ...budget, used: 0, available: 2000, since: "2026-11-01T00:00:00.000Z" });
    const answers = [];
    for (let i = 0; i < 120; i++) answers.push(await ask(made.key, { model: "answers" }));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map(({ json }) => json.code))).toEqual(new Set(["budget.exhausted"]));
    const { json } = await rig.charter.ask(`/v1/keys/${made.id}`);
    expect(json.budget.used).toBeGreaterThan(0);
    expect(json.budget.used).toBeLessThanOrEqual(2000);
    const listed = (await rig.charter.ask("/v1/keys?limit=100")).json.keys as Made[];
    expect(listed.find(({ id }) => id === made.id)?.["budget"]).toEqual(json.budget);
    // Another key of the product has its own.
    expect(await asksFor((await make({ budget })).key, "answers")).toEqual([200, null]);
  });

  it("is a budget like any other: superseded and cleared by the same means, and shown as it then stands", async () => {
    const { id } = await make({ budget: { unit: "microdollars", window: "day", limit: 5 } });
    const scope = { product: "AI_ASSISTANT", key: id };
    const body = { scope, unit: "microdollars", window: "day", limit: 7 };
    const raised = (await rig.charter.ask("/v1/budgets", { body })).json;
    const shown = async () => (await rig.charter.ask(`/v1/keys/${id}`)).json.budget;
    expect(await shown()).toMatchObject({ id: raised.id, limit: 7 });
    await rig.charter.ask(`/v1/budgets/${raised.id}`, { method: "DELETE" });
    expect(await shown()).toBeNull();
  });

  it("is not lifted by the key that it holds, nor is another one", async () => {
    const budget = { unit: "tokens", window: "month", limit: 5 };
    const made = await make({ kind: "admin", product: undefined, budget });
    const { key, id } = made;
    const body = { scope: { key: id }, unit: "tokens", window: "month", limit: 1_000_000 };
    const { id: lifted } = (await make({ budget }))["budget"] as { id: string };
    const { id: own } = made["budget"] as { id: string };
    for (const answer of [
      await rig.charter.ask("/v1/budgets", { key, body }),
      await rig.charter.ask(`/v1/budgets/${own}`, { key, method: "DELETE" }),
      await rig.charter.ask(`/v1/budgets/${lifted}`, { key, method: "DELETE" }),
    ]) {
      expect([answer.status, answer.json.code, answer.json.detail]).toEqual([
        403,
        "permission.denied",
        expect.stringContaining("exceed it in: budget"),
      ]);
    }
    expect((await rig.charter.ask(`/v1/keys/${id}`)).json.budget).toMatchObject({ id: own, limit: 5 });
    // One that no budget holds sets and clears them.
    const { key: free } = await make({ kind: "admin", product: undefined, rpm: 5 });
    expect((await rig.charter.ask(`/v1/budgets/${lifted}`, { key: free, method: "DELETE" })).status).toBe(200);
  });

  it("binds a key of no product wherever it calls", async () => {
    const { key } = await make({
      kind: "admin",
      product: undefined,
      budget: { unit: "tokens", window: "total", limit: 2000 },
    });
    const of = (product: string) =>
      rig.chat({ ...question(), model: "answers", max_tokens: 10 }, { key, headers: { "x-charter-product": product } });
    const statuses = [];
    for (let i = 0; i < 120; i++) statuses.push((await of(i % 2 === 0 ? "AI_ASSISTANT" : "GURUKUL")).status);
    expect(statuses.slice(0, 2)).toEqual([200, 200]);
    expect(statuses.slice(-2)).toEqual([402, 402]);
  });

  it("is not made when its budget cannot be", async () => {
    const before = (await rig.charter.ask("/v1/keys?limit=100")).json.keys.length as number;
    const bodies = [
      { budget: { unit: "tokens", window: "week", limit: 1 } },
      { budget: { unit: "tokens", window: "day", limit: -1 } },
      { budget: { unit: "tokens", window: "day" } },
      { rpm: 0 },
      { tpm: 1.5 },
      { models: [] },
      { models: [""] },
    ];
    for (const bounds of bodies) {
      const body = { kind: "product", product: "AI_ASSISTANT", ...bounds };
      expect((await rig.charter.ask("/v1/keys", { body })).status).toBe(400);
    }
    expect((await rig.charter.ask("/v1/keys?limit=100")).json.keys.length).toBe(before);
  });
});

describe("a key with limits of a minute", () => {
  it("makes so many calls, all at once too", async () => {
    const { key } = await make({ rpm: 3 });
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => ask(key, { model: "answers" })))).map(
      ({ status }) => status,
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    const { status, json, headers } = await ask(key, { model: "answers" });
    expect([status, json.code, json.limit]).toEqual([429, "model.rate_exceeded", "rpm"]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await ask((await make({ rpm: 1 })).key, { model: "answers" })).status).toBe(200);
  });

  it("asks for and is answered so many tokens", async () => {
    const { key } = await make({ tpm: 50 });
    expect((await ask(key, { model: "answers", max_tokens: 30 })).status).toBe(200);
    const { status, json } = await ask(key, { model: "answers", max_tokens: 30 });
    expect([status, json.code, json.limit]).toEqual([429, "model.rate_exceeded", "tpm"]);
  });

  it.each([false, true])(
    "is held to what it was answered where it named no limit, in a stream (%s) too",
    async (stream) => {
      const { key } = await make({ tpm: 20 });
      // A few tokens are counted beforehand, and 18 are used.
      const asks = async (content: string) => {
        const body = { model: "answers", messages: [{ role: "user", content }], max_tokens: undefined, stream };
        return (await ask(key, body)).status;
      };
      expect([await asks(`Where? ${stream}`), await asks(`When? ${stream}`)]).toEqual([200, 429]);
    },
  );
});

describe("a bound key", () => {
  it("makes none that calls other models, and none at all where it is counted for itself", async () => {
    const admin = { kind: "admin", product: undefined, operations: ["key.create", "chat.create"] };
    const models = ["up/*"];
    const makes = async (bounds: object, more: object): Promise<unknown[]> => {
      const { key } = await make({ ...admin, ...bounds });
      const { status, json } = await rig.charter.ask("/v1/keys", { key, body: { ...admin, ...bounds, ...more } });
      return [status, json.code];
    };
    const refused = [403, "permission.denied"];
    expect(await makes({ models }, {})).toEqual([201, undefined]);
    expect(await makes({ models }, { models: ["up/ok"] })).toEqual([201, undefined]);
    expect(await makes({ models }, { models: undefined })).toEqual(refused);
    expect(await makes({ models }, { models: ["*"] })).toEqual(refused);
    expect(await makes({ budget: { unit: "tokens", window: "day", limit: 100 } }, {})).toEqual(refused);
    expect(await makes({ rpm: 10 }, { rpm: 1 })).toEqual(refused);
    expect(await makes({ tpm: 1000 }, { tpm: 1 })).toEqual(refused);
  });

  it("stays bound when the server starts again", async () => {
    const { id, key } = await make({
      models: ["cheap"],
      budget: { unit: "tokens", window: "total", limit: 1 },
      rpm: 9,
    });
    await rig.charter.restart();
    expect(await asksFor(key, "strong")).toEqual([403, "model.not_allowed"]);
    expect(await asksFor(key, "cheap")).toEqual([402, "budget.exhausted"]);
    expect((await rig.charter.ask(`/v1/keys/${id}`)).json).toMatchObject({ models: ["cheap"], rpm: 9, tpm: null });
  });
});
