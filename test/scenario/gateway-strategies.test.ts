// Who is asked, through the whole app: the cascade, tiers, tags and strategies, and questions that mean the same.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";
import { eventually } from "../support/wait.ts";

/** The predecessor's rules call this hard, whatever weights the calibrated analyser has. */
const hard = "Give a complex, detailed, comprehensive multi-step constitutional analysis of it.";
const deployments = [
  { name: "cheap", tier: 2, latencyMs: 1, compliancePercent: 95, tags: ["small"] },
  { name: "strong", tier: 4, model: "ok-strong" },
  { name: "strongest", tier: 5, model: "ok-strongest" },
];
const question = (content: string) => ({ messages: [{ role: "user", content }] });

describe("the cascade", () => {
  let rig: GatewayRig;
  beforeAll(async () => {
    rig = await startRig({ deployments, flags: { analyser: "classic" } });
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const asked = async (body: Record<string, unknown>) => {
    const [size, seen] = [await rig.charter.ledgerSize(), rig.upstream.seen.length];
    const answer = await rig.chat({ model: "cascade", max_tokens: 50, ...question(hard), ...body });
    const outcome = await rig.outcomeSince(size);
    return { answer, outcome, scripts: rig.upstream.seen.slice(seen).map(({ json }) => json.model) };
  };

  it("stays with the cheap model when it says the same three times, and pays for all three", async () => {
    const { answer, outcome, scripts } = await asked({});
    expect(answer.status).toBe(200);
    expect(scripts).toEqual(["ok", "ok", "ok"]);
    expect(outcome.facts).toMatchObject({ deployment: "cheap", tier: 2, attempts: 3 });
    expect(outcome.facts?.reasons).toContain("cascade: cheap is enough, 3 of 3 replies agree");
    const { usage } = answer.json;
    expect(outcome.facts?.input_tokens).toBe(3 * usage.prompt_tokens);
    expect(outcome.facts?.output_tokens).toBe(3 * usage.completion_tokens);
    expect(Number(answer.headers.get("x-charter-cost-microdollars"))).toBe(outcome.facts?.microdollars);
  });

  it("asks the tier of the call's own level when the cheap model contradicts itself, and pays for everything", async () => {
    rig.upstream.script(["json", "echo", "ok"]);
    const { answer, outcome, scripts } = await asked({});
    expect(answer.status).toBe(200);
    expect(scripts).toEqual(["ok", "ok", "ok", "ok-strong"]);
    expect(outcome.facts).toMatchObject({ deployment: "strong", tier: 4, attempts: 4 });
    expect(outcome.facts?.reasons).toContain("cascade: asked a stronger model");
    expect(outcome.facts?.input_tokens).toBeGreaterThan(answer.json.usage.prompt_tokens);
  });

  it("asks a stronger model when the cheap one fails, and refuses only when all do", async () => {
    rig.upstream.script(["400", "ok"]);
    expect((await asked({})).outcome.facts).toMatchObject({ deployment: "strong" });
  });

  it("streams to a caller that wants a stream", async () => {
    const { answer } = await asked({ stream: true });
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    expect(answer.text).toMatch(/data: \[DONE\]\n\n$/);
    expect(answer.text).toContain('"deployment":"cheap"');
  });

  it("leaves nothing reserved", async () => {
    expect((await rig.budget()).held).toBe(0);
  });
});

describe("the choice", () => {
  let rig: GatewayRig;
  beforeAll(async () => {
    rig = await startRig({ deployments, flags: { analyser: "classic" } });
  });
  afterAll(() => rig[Symbol.asyncDispose]());
  const tierOf = async (model: string, content: string, headers: Record<string, string> = {}) =>
    (await rig.chat({ model, ...question(content) }, { headers })).headers.get("x-charter-tier");

  it("follows the strategy, in the model's name or in the header", async () => {
    expect(await tierOf("auto", hard)).toBe("4");
    expect(await tierOf("performance_optimized", hard)).toBe("5");
    expect(await tierOf("auto", hard, { "x-charter-strategy": "constitutional_first" })).toBe("5");
  });

  it("follows a tier or a tag that the caller names", async () => {
    expect(await tierOf("tier:5", "hi")).toBe("5");
    expect(await tierOf("tier:expert", "hi")).toBe("5");
    expect(await tierOf("tag:small", hard)).toBe("2");
    expect((await rig.chat({ model: "tag:nothing", ...question("hi") })).json).toMatchObject({
      code: "model.not_found",
    });
  });

  it("is explained without asking anybody", async () => {
    const seen = rig.upstream.seen.length;
    const { json } = await rig.charter.ask("/v1/route/explain", { body: { model: "auto", ...question(hard) } });
    expect(json).toMatchObject({ level: 4, tier: 4, strategy: "balanced" });
    expect(json.candidates[0]).toMatchObject({ deployment: "strong", tier: 4 });
    expect(json.candidates[0].reasons.join()).toContain("compliance 90 %");
    expect(rig.upstream.seen).toHaveLength(seen);
  });

  it("is the same in the predecessor's words", async () => {
    const { json } = await rig.charter.ask("/route", { body: { query: hard } });
    expect(json).toMatchObject({
      tier: 4,
      model_id: "strong",
      estimated_cost: 0.002,
      estimated_cost_microdollars: 2000,
      constitutional_compliance_score: 0.9,
    });
    const done = await rig.charter.ask("/execute", { body: { query: hard, strategy: "performance_optimized" } });
    expect(done.json).toMatchObject({ tier: 5, model_id: "strongest", constitutional_hash: json.constitutional_hash });
    const { json: models } = await rig.charter.ask("/models");
    expect(models.total_models).toBe(Object.values<unknown[]>(models.models_by_tier).flat().length);
  });
});

describe("a question that means the same", () => {
  let rig: GatewayRig;
  beforeAll(async () => {
    rig = await startRig({
      deployments,
      constitution: [[["products", "AI_ASSISTANT", "models"], { semanticCache: true }]],
    });
  });
  afterAll(() => rig[Symbol.asyncDispose]());
  const ask = async (content: string, key?: string) => {
    const { status, headers } = await rig.chat(
      { model: "answers", ...question(content) },
      key === undefined ? {} : { key },
    );
    expect(status).toBe(200);
    return headers.get("x-charter-cache");
  };

  it("is answered from the cache for a product that opted in, and for no other", async () => {
    expect(await ask("How tall is the tower?")).toBe("miss");
    expect(await ask("What height does the tower have?")).toBe("hit");
    expect(await ask("How tall is the tower?", rig.otherKey)).toBe("miss");
    expect(await ask("What height does the tower have?", rig.otherKey)).toBe("miss");
  });

  it("is another question when it holds another number", async () => {
    expect(await ask("How tall is tower 15?")).toBe("miss");
    expect(await ask("What height does tower 16 have?")).toBe("miss");
  });

  it("is asked in the background like any other, and answered once", async () => {
    const { responses } = rig.openai();
    const begun = await responses.create({ model: "answers", input: "Where is the moat?", background: true });
    expect(begun).toMatchObject({ status: "queued", model: "answers" });
    let { status, output_text: said } = begun;
    await eventually(async () => {
      ({ status, output_text: said } = await responses.retrieve(begun.id));
      return status !== "queued" && status !== "in_progress";
    }, "the end of a response");
    expect([status, said]).toEqual(["completed", "The answer is forty-two."]);
  });

  it("is compared for no key that may not call the model which embeds, and nothing is refused for it", async () => {
    const body = { kind: "product", product: "AI_ASSISTANT", models: ["answers"] };
    const { key } = (await rig.charter.ask("/v1/keys", { body })).json;
    const size = await rig.charter.ledgerSize();
    expect(await ask("How deep is the moat?", key)).toBe("miss");
    const { intents, outcomes } = await rig.callsSince(size);
    expect(intents.map(({ resource }) => resource)).toEqual(["model/answers"]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["committed"]);
  });

  it("is one request of its key, although it is embedded by a call of its own", async () => {
    const body = { kind: "product", product: "AI_ASSISTANT", rpm: 2 };
    const { key } = (await rig.charter.ask("/v1/keys", { body })).json;
    for (const number of [21, 22]) expect(await ask(`How tall is tower ${number}?`, key)).toBe("miss");
    const third = await rig.chat({ model: "answers", ...question("How tall is tower 23?") }, { key });
    expect([third.status, JSON.parse(third.text).error.code]).toEqual([429, "model.rate_exceeded"]);
  });

  it("is embedded by a call of its own, on record", async () => {
    const size = await rig.charter.ledgerSize();
    await ask("Who built it, and when?");
    const { intents, outcomes } = await rig.callsSince(size);
    expect(intents.map(({ resource }) => String(resource)).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "model/answers",
      "model/vectors",
    ]);
    expect(outcomes).toHaveLength(2);
  });
});
