// What other services than the ordinary one cost.
import { describe, expect, it } from "vitest";
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
