// The choice of a deployment: what rules one out, in which order the others are tried, and the score, which is checked
// against values worked out by hand.
import { describe, expect, it } from "vitest";
import { defaultScore, deployment, provider, request, termsOf, well } from "../../test/support/gateway/routing.ts";
import { dataClasses } from "../constitution/index.ts";
import { defaultCatalogueText, readCatalogue } from "../models/catalogue/index.ts";
import type { Deployment } from "../models/catalogue/index.ts";
import { reasonsOf, route, scoreOf } from "./router.ts";
import type { Health } from "../deployments/index.ts";
import type { RouteRequest } from "./router.ts";

/** Names in the order in which they are tried. */
function order(
  asked: RouteRequest,
  all: readonly Deployment[],
  terms = termsOf(),
  health: Record<string, Health> = {},
) {
  return route(asked, all, ({ name }) => health[name] ?? well, terms).candidates.map((each) => each.deployment.name);
}

/** Why one deployment is no candidate. */
function exclusion(one: Deployment, asked = request(), terms = termsOf(), health = well) {
  const { candidates, excluded } = route(asked, [one], () => health, terms);
  expect(candidates).toEqual([]);
  expect(excluded).toHaveLength(1);
  const { reason, byTerms } = excluded[0]!;
  return { reason, byTerms };
}

describe("the score", () => {
  const { deployments } = readCatalogue("default", defaultCatalogueText(), {
    variable: () => undefined,
    file: () => undefined,
  });
  const of = (title: string): Deployment => deployments.find((each) => each.title === title)!;

  // 0.4 compliance + 0.3 availability x success + 0.2 (1 - price / 1.5e-5) + 0.1 (1 - latency / 900), by hand.
  it.each([
    ["Qwen3 0.6B", 0.4 * 0.82 + 0.3 + 0.2 * (1 - 5e-8 / 1.5e-5) + 0.1 * (1 - 50 / 900), 0.921_778],
    ["Llama 3.1 8B", 0.4 * 0.87 + 0.3 + 0.2 * (1 - 1.5e-7 / 1.5e-5) + 0.1 * (1 - 80 / 900), 0.937_111],
    ["Qwen3 32B", 0.4 * 0.9 + 0.3 + 0.2 * (1 - 8e-7 / 1.5e-5) + 0.1 * (1 - 200 / 900), 0.927_111],
    ["Gemini 2.0 Flash", 0.4 * 0.9 + 0.3 + 0.2 * (1 - 8e-7 / 1.5e-5) + 0.1 * (1 - 300 / 900), 0.916],
    ["Grok 4", 0.4 * 0.95 + 0.3, 0.68],
  ])("of %s is the predecessor's", (title, formula, value) => {
    expect(formula).toBeCloseTo(value, 6);
    expect(scoreOf(of(title), well, defaultScore)).toBeCloseTo(formula, 12);
  });

  it("gives nothing for an unknown price, and for a price or latency beyond the ceiling", () => {
    const dear = { inputMicrodollarsPerMillion: 0, outputMicrodollarsPerMillion: 30_000_000 };
    const free = { inputMicrodollarsPerMillion: 0, outputMicrodollarsPerMillion: 0 };
    const at = (price: Deployment["price"], latencyMs: number): number =>
      scoreOf({ compliancePercent: 90, price, latencyMs }, well, defaultScore);
    expect(at(null, 900)).toBeCloseTo(0.36 + 0.3, 12);
    expect(at(dear, 90_000)).toBeCloseTo(0.36 + 0.3, 12);
    expect(at(free, 0)).toBeCloseTo(0.36 + 0.3 + 0.2 + 0.1, 12);
  });

  it("counts success, half the availability of what is degraded, measured latency, and how busy it is", () => {
    const one = { compliancePercent: 90, price: null, latencyMs: 900 };
    const at = (health: Partial<Health>): number => scoreOf(one, { ...well, ...health }, defaultScore);
    expect(at({ success: 0.5 })).toBeCloseTo(0.36 + 0.15, 12);
    expect(at({ state: "degraded", success: 0.8 })).toBeCloseTo(0.36 + 0.3 * 0.5 * 0.8, 12);
    expect(at({ state: "open" })).toBeCloseTo(0.36, 12);
    expect(at({ latencyMs: 450 })).toBeCloseTo(0.36 + 0.3 + 0.05, 12);
    expect(at({ load: 0.5 })).toBeCloseTo(0.36 + 0.3 - 0.05, 12);
  });
});

describe("the order of candidates", () => {
  const five = [1, 2, 3, 4, 5].map((tier) => deployment(`t${tier}`, { tier }));

  it.each([
    [1, ["t1", "t2", "t3", "t4", "t5"]],
    [2, ["t2", "t3", "t4", "t5", "t1"]],
    [3, ["t3", "t4", "t5", "t2", "t1"]],
    [5, ["t5", "t4", "t3", "t2", "t1"]],
  ])("begins with the wanted tier %i, then goes up, nearest first, and only then down", (level, expected) => {
    expect(order(request({ level }), five)).toEqual(expected);
    expect(order(request({ wanted: { kind: "tier", tier: level }, level: 1 }), five.toReversed())).toEqual(expected);
  });

  it("skips an empty tier upwards", () => {
    const some = five.filter(({ tier }) => tier === 1 || tier === 5);
    expect(order(request({ level: 3 }), some)).toEqual(["t5", "t1"]);
  });

  it("goes by score within a tier, and by name where the scores are equal", () => {
    const all = [
      deployment("b"),
      deployment("a"),
      deployment("slow", { latencyMs: 800 }),
      deployment("best", { compliancePercent: 95 }),
    ];
    expect(order(request(), all)).toEqual(["best", "a", "b", "slow"]);
    const health = { best: { ...well, success: 0 }, a: { ...well, load: 1 } };
    expect(order(request(), all, termsOf(), health)).toEqual(["b", "slow", "a", "best"]);
  });

  it("begins where the strategy says", () => {
    for (const [strategy, first] of [
      ["balanced", "t3"],
      ["cost_optimized", "t2"],
      ["performance_optimized", "t4"],
      ["constitutional_first", "t5"],
      ["cascade", "t1"],
    ] as const) {
      const routed = route(request({ strategy }), five, () => well, termsOf());
      expect(routed.candidates[0]?.deployment.name).toBe(first);
      expect(routed.reasons).toEqual([`level 3 under ${strategy} is tier ${routed.tier}`]);
    }
  });

  it("ends at the highest tier of the terms, and says so", () => {
    const routed = route(request({ level: 5 }), five, () => well, termsOf({ maxTier: 2 }));
    expect(routed.tier).toBe(2);
    expect(routed.reasons).toContain("the terms end at tier 2");
    expect(routed.candidates.map((each) => each.deployment.name)).toEqual(["t2", "t1"]);
    expect(routed.excluded.map(({ reason, byTerms }) => [reason, byTerms])).toEqual(
      Array.from({ length: 3 }, () => ["the terms end at tier 2", true]),
    );
  });

  it("says why each stands where it stands", () => {
    const routed = route(request({ level: 3 }), five, () => well, termsOf());
    const places = routed.candidates.map((each) => reasonsOf(each, routed)[0]);
    expect(places).toEqual([
      "tier 3 is wanted",
      "tier 4 stands in for tier 3",
      "tier 5 stands in for tier 3",
      "tier 2 is the next best below tier 3",
      "tier 1 is the next best below tier 3",
    ]);
    const measured = { ...well, success: 0.5, load: 0.25, latencyMs: 123.4 };
    const priced = deployment("p", {
      price: { inputMicrodollarsPerMillion: 1, outputMicrodollarsPerMillion: 800_000 },
    });
    expect(reasonsOf({ deployment: priced, score: 0.5, health: measured }, { tier: 3 })[1]).toBe(
      "score 0.5000: compliance 90 %, configured, success 50 %, price 800000 per million, latency 123 ms, load 25 %",
    );
    expect(reasonsOf({ deployment: deployment("q"), score: 1, health: well }, { tier: 3 })[1]).toContain(
      "price unknown",
    );
  });
});

describe("what a caller names", () => {
  it("is never replaced, whatever else there is", () => {
    const weak = deployment("weak", { tier: 1, compliancePercent: 82, latencyMs: 900 });
    const strong = deployment("strong", { compliancePercent: 100 });
    const wanted = { kind: "named", deployments: [weak] } as const;
    expect(order(request({ wanted }), [strong, weak])).toEqual(["weak"]);
    const gone = route(request({ wanted }), [strong, weak], () => ({ ...well, state: "open" }), termsOf());
    expect(gone.candidates).toEqual([]);
    expect(gone.excluded.map((each) => each.deployment.name)).toEqual(["weak"]);
  });

  it("is tried by score where several have it, whatever their tiers", () => {
    const slow = deployment("slow", { tier: 3, latencyMs: 800 });
    const quick = deployment("quick", { tier: 5, latencyMs: 80 });
    const routed = route(
      request({ wanted: { kind: "named", deployments: [slow, quick] }, level: 1 }),
      [],
      () => well,
      termsOf(),
    );
    expect(routed.candidates.map((each) => each.deployment.name)).toEqual(["quick", "slow"]);
    expect(routed).toMatchObject({ tier: 5, reasons: ["the caller named the model"] });
  });

  it("is held to the terms like anything else", () => {
    const wanted = { kind: "named", deployments: [deployment("dear", { tier: 5 })] } as const;
    const { candidates, excluded } = route(request({ wanted }), [], () => well, termsOf({ maxTier: 4 }));
    expect(candidates).toEqual([]);
    expect(excluded).toMatchObject([{ reason: "the terms end at tier 4", byTerms: true }]);
  });

  it("may be a tag: only what has it, in the order of the strategy's tier", () => {
    const all = [
      deployment("plain"),
      deployment("far", { tags: ["eu"], tier: 5 }),
      deployment("near", { tags: ["fast", "eu"] }),
    ];
    expect(order(request({ wanted: { kind: "tag", tag: "eu" } }), all)).toEqual(["near", "far"]);
  });

  it("may carry a note of what stands in for what, which is the first of the reasons", () => {
    const note = "away is not configured";
    const any = route(request({ wanted: { kind: "any", note } }), [], () => well, termsOf());
    expect(any.reasons).toEqual([note, "level 3 under balanced is tier 3"]);
    const tier = route(request({ wanted: { kind: "tier", tier: 4, note } }), [], () => well, termsOf());
    expect(tier).toMatchObject({ tier: 4, reasons: [note] });
  });
});

describe("what rules a deployment out", () => {
  it("is a tier, a name, a data class or a compliance that the rules do not allow", () => {
    const one = deployment("one");
    const guarded = deployment("one", { provider: { ...provider, maxDataClass: "internal" } });
    expect(exclusion(one, request(), termsOf({ maxTier: 2 }))).toEqual({
      reason: "the terms end at tier 2",
      byTerms: true,
    });
    expect(exclusion(one, request(), termsOf({ models: ["two"] }))).toEqual({
      reason: "the terms do not list it",
      byTerms: true,
    });
    expect(exclusion(one, request({ dataClass: "restricted" }), termsOf({ maxDataClass: "confidential" }))).toEqual({
      reason: "the terms allow no restricted data",
      byTerms: true,
    });
    expect(exclusion(guarded, request({ dataClass: "confidential" }))).toEqual({
      reason: "confidential data may not go to up",
      byTerms: true,
    });
    expect(exclusion(deployment("one", { compliancePercent: 81 }))).toEqual({
      reason: "its compliance of 81 % is below the floor of 82 %",
      byTerms: true,
    });
  });

  it("is its condition, which no terms can be blamed for", () => {
    const one = deployment("one", { images: false, tools: false, contextTokens: 100 });
    const keyless = deployment("one", { provider: { ...provider, lacks: "no key: UP_KEY is not set" } });
    const at = (state: Health["state"]): Health => ({ ...well, state });
    expect(exclusion(one, request(), termsOf(), at("open"))).toEqual({ reason: "its breaker is open", byTerms: false });
    expect(exclusion(keyless, request(), termsOf(), at("unconfigured"))).toEqual({
      reason: "no key: UP_KEY is not set",
      byTerms: false,
    });
    expect(exclusion(one, request({ needsImages: true }))).toEqual({ reason: "it takes no images", byTerms: false });
    expect(exclusion(one, request({ needsTools: true }))).toEqual({ reason: "it calls no tools", byTerms: false });
    expect(exclusion(one)).toEqual({ reason: "about 100 tokens do not fit its 100", byTerms: false });
  });

  it("is not that it is degraded, nor a prompt that just fits, nor a window that nobody knows", () => {
    const fits = deployment("fits", { contextTokens: 101 });
    const unknown = deployment("unknown", { contextTokens: null });
    const health = { fits: { ...well, state: "degraded" as const } };
    expect(order(request(), [fits], termsOf(), health)).toEqual(["fits"]);
    expect(order(request({ inputTokens: 10_000_000 }), [unknown])).toEqual(["unknown"]);
  });

  it("passes over what serves something else, without a word", () => {
    const vectors = deployment("vectors", { serves: "embeddings" });
    expect(route(request(), [vectors], () => well, termsOf())).toMatchObject({ candidates: [], excluded: [] });
  });

  it.each(dataClasses.flatMap((asked) => dataClasses.map((allowed) => [asked, allowed] as const)))(
    "is %s data where only %s data may go, as far as it is more secret",
    (asked, allowed) => {
      const may = dataClasses.indexOf(asked) <= dataClasses.indexOf(allowed);
      const one = deployment("one", { provider: { ...provider, maxDataClass: allowed } });
      expect(order(request({ dataClass: asked }), [one])).toEqual(may ? ["one"] : []);
      expect(order(request({ dataClass: asked }), [deployment("one")], termsOf({ maxDataClass: allowed }))).toEqual(
        may ? ["one"] : [],
      );
    },
  );
});
