// The catalogue in the package: the predecessor's eleven deployments in five tiers with their published prices, latencies
// and compliance, models of today in each tier, and one model for embeddings.
import { describe, expect, it } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../../constitution/index.ts";
import { openPrices } from "../prices/index.ts";
import { defaultCatalogueText, readCatalogue } from "./catalogue-file.ts";
import type { SecretSource } from "./catalogue-file.ts";

const nothing: SecretSource = { variable: () => undefined, file: () => undefined };
const read = (secrets: SecretSource = nothing) => readCatalogue("default", defaultCatalogueText(), secrets);
const all = read().deployments.filter(({ serves }) => serves === "chat");
const current = all.filter(({ tags }) => tags.includes("current"));
const chats = all.filter((each) => !current.includes(each));

/** Name, tier, provider, price of a token in dollars, latency in milliseconds, compliance in percent. */
const published = [
  ["Qwen3 0.6B", 1, "nano-vllm", 5e-8, 50, 82],
  ["Qwen3 1.7B", 1, "nano-vllm", 8e-8, 75, 84],
  ["Qwen3 4B", 1, "nano-vllm", 1.2e-7, 100, 85],
  ["Llama 3.1 8B", 2, "groq", 1.5e-7, 80, 87],
  ["DeepSeek R1 8B", 2, "groq", 2e-7, 150, 88],
  ["Qwen3 32B", 3, "groq", 8e-7, 200, 90],
  ["Gemini 2.0 Flash", 4, "openrouter", 8e-7, 300, 90],
  ["Mixtral 8x22B", 4, "openrouter", null, 425, 89],
  ["DeepSeek V3 0324", 4, "openrouter", null, 600, 89],
  ["Grok 3 Mini", 4, "openrouter", null, 425, 89],
  ["Grok 4", 5, "openrouter", 1.5e-5, 900, 95],
] as const;

const microdollarsPerMillion = (dollarsPerToken: number): number => Math.round(dollarsPerToken * 1e12);

describe("the default catalogue", () => {
  it("holds the predecessor's eleven models as they were published, in its five tiers", () => {
    expect(
      chats.map(({ title, tier, provider, price, latencyMs, compliancePercent }) => [
        title,
        tier,
        provider.name,
        price?.outputMicrodollarsPerMillion ?? null,
        latencyMs,
        compliancePercent,
      ]),
    ).toEqual(
      published.map(([title, tier, provider, dollars, latencyMs, compliance]) => [
        title,
        tier,
        provider,
        dollars === null ? null : microdollarsPerMillion(dollars),
        latencyMs,
        compliance,
      ]),
    );
  });

  it("takes as much for a token that goes in as for one that comes out, since one price was published", () => {
    for (const { price } of chats) expect(price?.inputMicrodollarsPerMillion).toBe(price?.outputMicrodollarsPerMillion);
  });

  it("has the published averages of the first tier: 8.3e-8 dollars a token and 83.7 % compliance", () => {
    const nano = chats.filter(({ tier }) => tier === 1);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(nano.map(({ price }) => price!.outputMicrodollarsPerMillion)) / 1e12).toBeCloseTo(8.3e-8, 9);
    expect(mean(nano.map(({ compliancePercent }) => compliancePercent))).toBeCloseTo(83.7, 1);
  });

  it("fills every tier of the constitution, and keeps to its floor of compliance", () => {
    const { gateway } = loadConstitution(defaultConstitutionDir()).data;
    expect([...new Set(chats.map(({ tier }) => tier))]).toEqual(gateway.tiers.map(({ tier }) => tier));
    for (const { compliancePercent } of read().deployments) {
      expect(compliancePercent).toBeGreaterThanOrEqual(gateway.complianceFloorPercent);
    }
  });

  it("has models of today of several providers in every tier, which the maintained list prices, and says that they were chosen", () => {
    const prices = openPrices({ clock: { nowMs: () => Date.parse("2026-11-30T12:00:00Z") } });
    const { gateway } = loadConstitution(defaultConstitutionDir()).data;
    for (const { tier } of gateway.tiers) {
      const own = current.filter((each) => each.tier === tier);
      expect(new Set(own.map(({ provider }) => provider.name)).size, `tier ${tier}`).toBeGreaterThanOrEqual(2);
    }
    // With the key of only one of the large three, there are models of several tiers.
    for (const owner of ["openai", "anthropic", "gemini"]) {
      const tiers = new Set(current.filter(({ provider }) => provider.name === owner).map(({ tier }) => tier));
      expect(tiers.size, owner).toBeGreaterThanOrEqual(3);
    }
    for (const { name, model, provider, price, note } of current) {
      expect(price, name).toBeNull();
      expect(prices.rates(provider.priceProvider, model), name).not.toBeNull();
      expect(note, name).toMatch(/^Chosen/);
    }
  });

  it("knows the window of each model of today", () => {
    for (const { name, model, contextTokens } of current) {
      expect(contextTokens, `${name} ${model}`).toBeGreaterThan(100_000);
    }
  });

  it("says of every number that was not published that it was not", () => {
    for (const { price, note } of chats) if (price === null) expect(note).toMatch(/^Price unpublished/);
  });

  it("has one model for embeddings, whose price the maintained list has", () => {
    const embeddings = read().deployments.filter(({ serves }) => serves === "embeddings");
    expect(embeddings.map(({ name }) => name)).toEqual(["text-embedding-3-small"]);
    const { provider, model } = embeddings[0]!;
    const prices = openPrices({ clock: { nowMs: () => Date.parse("2026-06-01T12:00:00Z") } });
    const most = prices.estimate(provider.priceProvider, model, { inputTokens: 1_000_000, outputTokens: 0 });
    expect(most).toBeGreaterThan(0);
  });

  it("is not configured as long as nothing is set, and says for each provider what is missing", () => {
    const lacks = Object.fromEntries(read().providers.map((provider) => [provider.name, provider.lacks]));
    expect(lacks).toEqual({
      "nano-vllm": "NANO_VLLM_BASE_URL is not set",
      groq: "no key: GROQ_API_KEY is not set",
      openrouter: "no key: OPENROUTER_API_KEY is not set",
      openai: "no key: OPENAI_API_KEY is not set",
      anthropic: "no key: ANTHROPIC_API_KEY is not set",
      gemini: "no key: GEMINI_API_KEY is not set",
    });
  });

  it("is configured provider by provider, as variables are set", () => {
    const set: Record<string, string> = { GROQ_API_KEY: "g", NANO_VLLM_BASE_URL: "http://127.0.0.1:8001/v1/" };
    const { providers } = read({ ...nothing, variable: (name) => set[name] });
    const ready = providers.filter(({ lacks }) => lacks === undefined);
    expect(ready.map(({ name, baseUrl, keys }) => [name, baseUrl, keys])).toEqual([
      ["nano-vllm", "http://127.0.0.1:8001/v1", []],
      ["groq", "https://api.groq.com/openai/v1", ["g"]],
    ]);
  });
});
