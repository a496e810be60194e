// What calls of models may spend: reserved before, settled after, exact under any crowd, and not to be passed by.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chatReply, questions, rigPrice, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true } }),
    deployments: [
      { name: "held", provider: "own", model: "held" },
      { name: "unpriced", model: "ok-unpriced", price: null },
    ],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

const question = questions();
const setBudget = (project: string, unit: "tokens" | "microdollars", limit: number, product = "AI_ASSISTANT") =>
  rig.charter.ask("/v1/budgets", { body: { scope: { product, project }, unit, window: "total", limit } });

describe("a budget", () => {
  const headersOf = (project: string): { headers: Record<string, string> } => ({
    headers: { "x-charter-project": project },
  });

  it("that is exhausted refuses without asking the provider: 402, and how the budget is raised", async () => {
    // Room for what one call can use at most, which is more than it uses.
    await setBudget("spent", "tokens", 670);
    const first = await rig.chat({ ...question(), model: "answers", max_tokens: 30 }, headersOf("spent"));
    expect(first.status, first.text).toBe(200);
    const { length } = rig.upstream.seen;
    const { status, json, headers } = await rig.chat(
      { ...question(), model: "answers", max_tokens: 30 },
      headersOf("spent"),
    );
    expect([status, json.code, json.limit]).toEqual([402, "budget.exhausted", "tokens/total"]);
    expect(headers.get("x-should-retry")).toBe("false");
    expect(json.remedy).toContain("charter budget set --product AI_ASSISTANT --project spent --tokens N --per total");
    expect(json.error).toMatchObject({ type: "billing_error", code: "budget.exhausted" });
    expect(rig.upstream.seen).toHaveLength(length);
    expect(await rig.budget("spent")).toMatchObject({ used: 18, held: 0 });
  });

  it("is charged the same for a stream as for the whole, in tokens and in money", async () => {
    for (const model of ["answers", "claude-answers", "gem-answers", "up/no-usage"]) {
      const costs: unknown[] = [];
      for (const stream of [false, true]) {
        const project = `${model.replace("/", "-")}-${stream}`;
        const size = await rig.charter.ledgerSize();
        // The same words at a temperature, so that the second is not the first one's answer again.
        const messages = [{ role: "user", content: "What is six times seven?" }];
        await rig.chat({ messages, model, stream, temperature: 0.5, max_tokens: 50 }, headersOf(project));
        const { facts: call } = await rig.outcomeSince(size);
        const { used, held } = await rig.budget(project);
        expect([used, held]).toEqual([call!.input_tokens + call!.output_tokens, 0]);
        costs.push([call?.input_tokens, call?.output_tokens, call?.microdollars, call?.estimated]);
      }
      expect(costs[0], model).toEqual(costs[1]);
    }
  });

  it("with room for exactly ten of 200 calls at once admits exactly ten", async () => {
    const waiting: (() => void)[] = [];
    stub.answer = ({ json }, response) => void waiting.push(() => sendJson(response, chatReply(json.model, "late")));
    const call = () => rig.chat({ ...question(), model: "held", max_tokens: 100 }, headersOf("race"));
    const probe = rig.chat({ ...question(), model: "held", max_tokens: 100 }, headersOf("probe"));
    while (waiting.length < 1) await sleep(5);
    const { held } = await rig.budget("probe");
    expect(held).toBeGreaterThan(100);
    waiting.shift()!();
    expect((await probe).status).toBe(200);

    await setBudget("race", "tokens", 10 * held + held - 1);
    const told = { refused: 0, unexpected: 0 };
    const calls = Array.from({ length: 200 }, async () => {
      const { status, json } = await call();
      if (status === 409 && json.code === "budget.insufficient") told.refused++;
      else if (status !== 200) told.unexpected++;
      return status;
    });
    while (told.refused + told.unexpected < 190) await sleep(5);
    expect(waiting).toHaveLength(10);
    expect((await rig.budget("race")).held).toBe(10 * held);
    for (const answerIt of waiting) answerIt();
    const statuses = await Promise.all(calls);
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(told).toEqual({ refused: 190, unexpected: 0 });
    expect(await rig.budget("race")).toMatchObject({ used: 10 * 15, held: 0 });
  });

  it("in money refuses a call whose price nobody knows, and charges what is known exactly", async () => {
    await setBudget("money", "microdollars", 10_000);
    const unknown = await rig.chat({ ...question(), model: "unpriced", max_tokens: 10 }, headersOf("money"));
    expect([unknown.status, unknown.json.code]).toEqual([402, "budget.price_unknown"]);
    const known = await rig.chat({ ...question(), model: "answers", max_tokens: 10 }, headersOf("money"));
    expect(known.status).toBe(200);
    const { json } = await rig.charter.ask("/api/v1/budget/state?product=AI_ASSISTANT&project=money");
    const line = json.budgets.find(({ unit }: { unit: string }) => unit === "microdollars");
    expect(line).toMatchObject({ used: 24, held: 0 });
    // 10 000 micro-dollars buy fewer than 5 000 tokens out.
    const dear = await rig.chat({ ...question(), model: "answers", max_tokens: 5000 }, headersOf("money"));
    expect([dear.status, dear.json.code]).toEqual([402, "budget.exhausted"]);
    expect(rigPrice.outputMicrodollarsPerMillion * 5000).toBeGreaterThanOrEqual(10_000 * 1_000_000);
  });

  it("without a price says that the cost is unknown, never 0", async () => {
    const size = await rig.charter.ledgerSize();
    const { headers } = await rig.chat({ ...question(), model: "unpriced" });
    expect(headers.get("x-charter-cost-microdollars")).toBe("unknown");
    const { facts: call } = await rig.outcomeSince(size);
    expect(call).toMatchObject({ input_tokens: 12, output_tokens: 6 });
    expect(call).not.toHaveProperty("microdollars");
  });

  it("cannot be passed by another route or field", async () => {
    await setBudget("closed", "tokens", 0);
    const { length } = rig.upstream.seen;
    const { headers } = headersOf("closed");
    const key = rig.productKey;
    for (const [path, body] of [
      ["/v1/chat/completions", { model: "answers", ...question() }],
      ["/v1/chat/completions", { model: "answers", ...question(), max_tokens: 0 }],
      ["/v1/chat/completions", { model: "answers", ...question(), max_tokens: 1, max_completion_tokens: 1 }],
      ["/v1/chat/completions", { model: "answers", ...question(), user: "admin", project: "open", metadata: {} }],
      ["/v1/chat/completions", { model: "up/ok", ...question(), stream: true }],
      ["/v1/messages", { model: "claude-answers", max_tokens: 1, ...question() }],
      ["/v1/messages", { model: "claude-answers", max_tokens: 0, ...question() }],
      ["/v1/responses", { model: "answers", input: "Hi", max_output_tokens: 16 }],
      ["/v1/embeddings", { model: "vectors", input: "Hi" }],
      ["/execute", { query: "What is it?", max_tokens: 1 }],
    ] as const) {
      const { status, text } = await rig.charter.ask(path, { key, headers, body });
      expect([status, text.includes("budget.exhausted")], `${path} ${JSON.stringify(body)} ${text}`).toSatisfy(
        ([code, budget]) => (code === 402 && budget === true) || code === 400,
      );
    }
    expect(rig.upstream.seen).toHaveLength(length);
    expect(await rig.budget("closed")).toMatchObject({ used: 0, held: 0 });
  });
});
