// What a provider of bad faith reports, and how calls end: no budget is passed, what was reported is on record, and a rule that
// is wrong is not believed again.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { dearest, startMetered } from "../../support/gateway/metered.ts";
import type { Account, Metered } from "../../support/gateway/metered.ts";

let on: Metered;
beforeAll(async () => {
  on = await startMetered({
    flags: { "default-budget-tokens": "0", "upstream-total-timeout-ms": "4000" },
    deployments: [
      ...["lies", "lies-much", "keeps", "cut", "enforced", "late"].map((name) => ({
        name,
        provider: "metered",
        model: name,
      })),
      { name: "lies-wide", provider: "metered", model: "lies-wide", contextTokens: 1_050_000 },
      { name: "cheap", provider: "metered", model: "cheap", tier: 1, tags: ["ladder"] },
      { name: "strong", provider: "metered", model: "strong", tier: 4, tags: ["ladder"] },
      { name: "first", provider: "metered", model: "first", tier: 3, tags: ["pair"], compliancePercent: 99 },
      { name: "second", provider: "metered", model: "second", tier: 3, tags: ["pair"], compliancePercent: 84 },
    ],
  });
});
afterAll(() => on[Symbol.asyncDispose]());
afterEach(() => {
  on.meter = dearest;
});

let asked = 0;
const question = () => ({ messages: [{ role: "user", content: `What is ${++asked} and ${asked}?` }], max_tokens: 100 });
const setBudget = async (scope: object, unit: string, limit: number): Promise<void> => {
  const { status, text } = await on.rig.charter.ask("/v1/budgets", { body: { scope, unit, window: "total", limit } });
  expect(status, text).toBe(201);
};
const projectWith = async (project: string, limit: number, unit = "tokens"): Promise<void> =>
  setBudget({ product: "AI_ASSISTANT", project }, unit, limit);
const chat = (project: string, body: object, headers: Record<string, string> = {}) =>
  on.rig.charter.ask("/v1/chat/completions", {
    key: on.rig.productKey,
    headers: { "x-charter-project": project, "cache-control": "no-store", ...headers },
    body: { ...question(), ...body },
  });
const says = (account: Account) => (): Account => account;

describe("a provider that reports more than a call can use", () => {
  it("is charged for as far as the budget has room, and the record holds both numbers", async () => {
    await projectWith("more", 5000);
    on.meter = says({ input: 9000, output: 3000 });
    const size = await on.rig.charter.ledgerSize();
    expect((await chat("more", { model: "lies" })).status).toBe(200);
    expect(await on.budget("more")).toMatchObject({ used: 5000, held: 0 });
    const { facts: call } = await on.rig.outcomeSince(size);
    expect(call).toMatchObject({ input_tokens: 9000, output_tokens: 3000, charged_tokens: 5000, estimated: false });
    expect(call!.reasons).toMatch(/lies reported 9000 tokens read, at most \d+/);
    const { findings } = await on.rig.callsSince(size);
    expect(findings.map(({ finding }) => finding?.threat)).toEqual(["gateway.bound_exceeded"]);
    const metrics = await on.rig.charter.ask("/metrics");
    expect(metrics.text).toMatch(/charter_calls_beyond_bound_total\{[^}]*deployment="lies"[^}]*\} 1/);
  });

  it("goes on being asked, one call at a time, under a budget that is smaller than its window", async () => {
    on.meter = says({ input: 90_000, output: 30_000 });
    await projectWith("small", 1_000_000);
    for (const used of [120_000, 240_000, 360_000, 480_000]) {
      const answer = await chat("small", { model: "lies-wide" });
      expect([answer.status, answer.json.detail]).toEqual([200, undefined]);
      expect(await on.budget("small")).toMatchObject({ used, held: 0 });
    }
  });

  it("is not believed again: the next calls run one by one", async () => {
    on.meter = says({ input: 90_000, output: 30_000 });
    await projectWith("once", 1_000_000);
    expect((await chat("once", { model: "lies-much" })).status).toBe(200);
    on.take();
    await projectWith("again", 10_000);
    const answers = await Promise.all(Array.from({ length: 100 }, () => chat("again", { model: "lies-much" })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(on.take()).toMatchObject({ requests: 1, atOnce: 1 });
    expect(await on.budget("again")).toMatchObject({ used: 10_000, held: 0 });
    // Nobody else's word is doubted for it.
    on.meter = dearest;
    await projectWith("keeps", 10_000);
    const others = await Promise.all(Array.from({ length: 20 }, () => chat("keeps", { model: "keeps" })));
    expect(others.filter(({ status }) => status === 200).length).toBeGreaterThan(4);
  });
});

describe("a budget of a model", () => {
  it("covers a call that comes to the model because another one has failed", async () => {
    await setBudget({ product: "AI_ASSISTANT", model: "second" }, "tokens", 0);
    on.meter = ({ json }) => (json.model === "first" ? undefined : dearest({ json }));
    on.take();
    const { status, json } = await chat("pair", { model: "tag:pair" });
    expect([status, json.code]).toEqual([402, "budget.exhausted"]);
    expect(on.seen.some(({ json: body }) => body.model === "second")).toBe(false);
  });
});

describe("a call that asks several times", () => {
  it("in a cascade is charged for every answer, and never beyond the budget", async () => {
    await projectWith("cascade", 20_000);
    const strategy = { "x-charter-strategy": "cascade" };
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => chat("cascade", { model: "tag:ladder", temperature: 0.5 }, strategy)),
    );
    // Whether the room comes back in a moment depends on who has ended.
    expect(new Set(answers.map(({ status }) => (status === 402 ? 409 : status)))).toEqual(new Set([200, 409]));
    const { used, held } = await on.budget("cascade");
    expect([held, used <= 20_000]).toEqual([0, true]);
  });

  it("for a form that no answer has is charged for every answer, and never beyond the budget", async () => {
    await projectWith("enforced", 20_000);
    on.take();
    const schema = { type: "object", required: ["a"], properties: { a: { type: "integer" } } };
    const form = { response_format: { type: "json_schema", json_schema: { name: "s", schema, strict: true } } };
    const enforce = { "x-charter-schema": "enforce" };
    await Promise.all(Array.from({ length: 50 }, () => chat("enforced", { model: "enforced", ...form }, enforce)));
    const { used, held } = await on.budget("enforced");
    expect([used, held]).toEqual([on.take().tokens, 0]);
    expect(used).toBeLessThanOrEqual(20_000);
  });
});

describe("a caller that leaves", () => {
  it("before anything has come pays for all that was held, and 200 of them no more than the budget", async () => {
    await projectWith("left", 20_000);
    on.meter = ({ json }) => (json.model === "late" ? { input: 10, output: 10 } : dearest({ json }));
    const leave = async (): Promise<void> => {
      await fetch(`${on.rig.charter.url}/v1/chat/completions`, {
        method: "POST",
        signal: AbortSignal.timeout(30),
        headers: {
          authorization: `Bearer ${on.rig.productKey}`,
          "content-type": "application/json",
          "x-charter-project": "left",
        },
        body: JSON.stringify({ ...question(), model: "cut" }),
      }).then(
        (response) => response.text(),
        () => {},
      );
    };
    await Promise.all(Array.from({ length: 200 }, leave));
    await sleep(100);
    const { used, held } = await on.budget("left");
    expect([held, used <= 20_000]).toEqual([0, true]);
  });

  it("in the middle of a stream pays for dense text by its characters, though nobody has counted it", async () => {
    await projectWith("dense", 100_000);
    const gone = new AbortController();
    const response = await fetch(`${on.rig.charter.url}/v1/chat/completions`, {
      method: "POST",
      signal: gone.signal,
      headers: {
        authorization: `Bearer ${on.rig.productKey}`,
        "content-type": "application/json",
        "x-charter-project": "dense",
      },
      body: JSON.stringify({
        model: "up/stall-mid-stream",
        stream: true,
        max_tokens: 100,
        messages: [{ role: "user", content: "!@#$%^&*".repeat(500) }],
      }),
    });
    await response.body!.getReader().read();
    gone.abort();
    const { used, held } = await on.budget("dense");
    expect(held).toBe(0);
    expect(used).toBeGreaterThanOrEqual(4000);
    expect(used).toBeLessThan(5000);
  });
});

describe("a call that names no limit", () => {
  it("is given one that its deployment takes, and less where the budget has little left", async () => {
    await projectWith("plenty", 1_000_000);
    await chat("plenty", { model: "keeps", max_tokens: undefined });
    expect(on.seen.at(-1)?.json.max_tokens).toBe(4096);
    await projectWith("little", 3000);
    expect((await chat("little", { model: "keeps", max_tokens: undefined })).status).toBe(200);
    const { max_tokens: given } = on.seen.at(-1)?.json ?? {};
    expect(given).toBeGreaterThanOrEqual(1024);
    expect(given).toBeLessThan(2000);
    await projectWith("nothing", 1000);
    const { status, json } = await chat("nothing", { model: "keeps", max_tokens: undefined });
    expect([status, json.code]).toEqual([402, "budget.exhausted"]);
    expect(json.remedy).toMatch(/^Name a smaller limit for the answer/);
  });
});
