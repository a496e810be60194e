// What other services than the ordinary one cost.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openPrices } from "./prices.ts";
import { costReported, servicePercent, serviceReported } from "./service-factors.ts";

describe("the price of a service", () => {
  it.each<[provider: string, model: string, service: object, percent: number | null]>([
    ["openai", "gpt-5", {}, 100],
    ["openai", "gpt-5", { tier: "auto" }, 100],
    ["openai", "gpt-5", { tier: "flex" }, 50],
    ["openai", "gpt-5", { tier: "priority" }, 200],
    ["OpenAI ", "gpt-5.2", { tier: "Fast" }, 200],
    ["openai", "gpt-4.1-mini", { tier: "priority" }, 175],
    ["openai", "gpt-4o", { tier: "priority" }, 170],
    ["openai", "gpt-5.5", { tier: "priority" }, 250],
    ["openai", "gpt-7", { tier: "priority" }, 250],
    ["openai", "gpt-5", { tier: "brand-new" }, null],
    ["anthropic", "claude-opus-4-6", { speed: "fast" }, 600],
    ["anthropic", "claude-opus-5-5", { speed: "fast" }, 200],
    ["anthropic", "claude-opus-5", { speed: "fast", geo: "us" }, 220],
    ["anthropic", "claude-haiku-4-5", { speed: "fast" }, null],
    ["anthropic", "claude-opus-5", { tier: "priority" }, 100],
    ["openrouter", "anthropic/claude-opus-4.6", { speed: "fast" }, 600],
    ["gemini", "gemini-3-pro", { tier: "priority" }, 200],
    ["groq", "llama", { tier: "flex" }, 100],
    ["constructor", "m", { tier: "flex" }, null],
    ["nobody", "m", { tier: "default" }, 100],
  ])("of %s for %s with %j is %s percent", (provider, model, service, percent) => {
    expect(servicePercent(provider, model, service)).toBe(percent);
  });

  it("is read from the reply before its account, and words that are no words say nothing", () => {
    expect(serviceReported({ service_tier: "standard", speed: "fast" }, "flex")).toEqual({
      tier: "flex",
      speed: "fast",
    });
    expect(serviceReported({ service_tier: null, speed: 3, inference_geo: "" })).toEqual({});
    expect(serviceReported(null)).toEqual({});
    expect(serviceReported({ trafficType: "ON_DEMAND_PRIORITY" })).toEqual({ tier: "priority" });
    expect(serviceReported({ trafficType: "ON_DEMAND" })).toEqual({ tier: "on_demand" });
  });
});

describe("the cost that a provider reports", () => {
  it.each<[who: string, account: object | null, microdollars: number | null]>([
    ["OpenRouter", { cost: 0.0123 }, 12_300],
    ["one that rounds nothing", { cost: 0.0000001 }, 1],
    [
      "OpenRouter with a key of one's own",
      { cost: 0.001, is_byok: true, cost_details: { upstream_inference_cost: 0.02 } },
      21_000,
    ],
    ["one that does not tell the provider's bill", { cost: 0.001, is_byok: true }, null],
    ["Perplexity", { cost: { input_tokens_cost: 0.001, request_cost: 0.005, total_cost: 0.006 } }, 6000],
    ["DeepInfra", { estimated_cost: 0.00002 }, 20],
    ["xAI", { cost_in_usd_ticks: 158_500_000 }, 15_850],
    ["a server that knows no price", { cost: 0 }, null],
    ["a liar", { cost: -1 }, null],
    ["no number", { cost: Number.NaN }, null],
    ["a text", { cost: "0.1" }, null],
    ["nothing", { cost: null }, null],
    ["too much", { cost: 1e9 }, null],
    ["an empty object", { cost: {} }, null],
    ["no account", null, null],
  ])("of %s (%j) is %s", (_who, account, microdollars) => {
    expect(costReported(account as Record<string, unknown> | null)).toBe(microdollars);
  });
});

describe("what is reserved for a service", () => {
  it("covers what is booked for it, and a service at the ordinary price changes nothing", () => {
    const prices = openPrices({ clock: { nowMs: () => Date.parse("2026-11-01T00:00:00Z") } });
    const counts = fc.record({ input: fc.nat(2_000_000), output: fc.nat(200_000), cached: fc.nat(1_000_000) });
    const model = fc.constantFrom("gpt-5", "gpt-4o-audio-preview", "gpt-5-mini");
    fc.assert(
      fc.property(
        model,
        counts,
        fc.constantFrom(50, 100, 110, 175, 250, 600),
        (name, { input, output, cached }, percent) => {
          const account = {
            prompt_tokens: input,
            completion_tokens: output,
            total_tokens: input + output,
            prompt_tokens_details: { cached_tokens: Math.min(input, cached) },
          };
          const booked = prices.price("openai", name, account, undefined, percent).microdollars;
          const reserved = prices.estimate(
            "openai",
            name,
            { inputTokens: input, outputTokens: output },
            undefined,
            percent,
          );
          expect(booked).not.toBeNull();
          expect(reserved).toBeGreaterThanOrEqual(booked!);
          if (percent === 100) expect(booked).toBe(prices.price("openai", name, account).microdollars);
        },
      ),
    );
  });
});
