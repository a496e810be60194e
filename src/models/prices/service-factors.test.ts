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
  });
});

describe("the cost that a provider reports", () => {
  it("is read from those who report it in dollars, and rounded up", () => {
    expect(costReported("openrouter", { cost: 0.0123 })).toBe(12_300);
    expect(costReported("OpenRouter", { cost: 0.0000001 })).toBe(1);
    expect(costReported("openrouter", { cost: 0 })).toBe(0);
    for (const cost of [-1, Number.NaN, "0.1", null, 1e9]) expect(costReported("openrouter", { cost })).toBeNull();
    expect(costReported("openai", { cost: 1 })).toBeNull();
    expect(costReported("openrouter", null)).toBeNull();
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
