// The operator's own prices.
import { describe, expect, it } from "vitest";
import { openPrices } from "./index.ts";

const clock = { nowMs: () => 0 };
const base = {
  provider: "openai",
  model: "gpt-4o",
  inputMicrodollarsPerMillion: 1_000_000,
  outputMicrodollarsPerMillion: 2_000_000,
};

describe("the operator's prices", () => {
  it("win over the published ones, whatever the case of the names, and leave other models alone", () => {
    const prices = openPrices({ overrides: [base], clock });
    const account = { prompt_tokens: 10, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 10 } };
    expect(prices.price("OpenAI", "GPT-4o", account).microdollars).toBe(30);
    expect(prices.price("openai", "gpt-4o-mini", account).microdollars).not.toBe(30);
    expect(prices.rates("openai", "gpt-4o")).toEqual({
      inputMicrodollarsPerMillion: 1_000_000,
      outputMicrodollarsPerMillion: 2_000_000,
    });
  });

  it("say what other services cost, which wins over what is published", () => {
    const row = { ...base, servicePercents: { Priority: 130, slow: 20 } };
    const prices = openPrices({ overrides: [row], clock });
    expect(prices.servicePercent("openai", "gpt-4o", { tier: "priority" })).toBe(130);
    expect(prices.servicePercent("openai", "gpt-4o", { tier: "slow", geo: "us" })).toBeNull();
    expect(prices.servicePercent("openai", "gpt-4o", { tier: "flex" })).toBe(50);
    expect(prices.servicePercent("openai", "gpt-4o-mini", { tier: "slow" })).toBeNull();
    for (const servicePercents of [null, [], "x", { a: 0 }, { a: 1.5 }, { a: "2" }, { a: 10_001 }]) {
      expect(() => openPrices({ overrides: [{ ...base, servicePercents }], clock })).toThrow(
        expect.objectContaining({ code: "prices.invalid" }),
      );
    }
  });

  it("may be 0, which is known and not unknown", () => {
    const free = { ...base, provider: "cellar", inputMicrodollarsPerMillion: 0, outputMicrodollarsPerMillion: 0 };
    const prices = openPrices({ overrides: [free], clock });
    expect(prices.price("cellar", "gpt-4o", { prompt_tokens: 9, completion_tokens: 9 }).microdollars).toBe(0);
    expect(prices.estimate("cellar", "gpt-4o", { inputTokens: 9, outputTokens: 9 })).toBe(0);
  });

  it("price each kind of token, searches and requests", () => {
    const row = {
      ...base,
      provider: "anthropic",
      model: "m",
      cacheReadMicrodollarsPerMillion: 100_000,
      cacheWriteMicrodollarsPerMillion: 1_250_000,
      cacheWrite1hMicrodollarsPerMillion: 2_000_000,
      webSearchMicrodollarsPerThousand: 10_000_000,
      requestMicrodollarsPerThousand: 5_000_000,
    };
    const account = {
      input_tokens: 1000,
      cache_read_input_tokens: 1000,
      cache_creation_input_tokens: 3000,
      cache_creation: { ephemeral_5m_input_tokens: 2000, ephemeral_1h_input_tokens: 1000 },
      output_tokens: 1000,
      server_tool_use: { web_search_requests: 3 },
    };
    const prices = openPrices({ overrides: [row], clock });
    const expected = 1000 + 100 + 2 * 1250 + 2000 + 2000 + 3 * 10_000 + 5000;
    expect(prices.price("anthropic", "m", account).microdollars).toBe(expected);
    expect(prices.estimate("anthropic", "m", { inputTokens: 5000, outputTokens: 1000 })).toBe(5000 * 2 + 2000 + 5000);
  });

  it("bill cached audio once, as cached", () => {
    const row = {
      ...base,
      provider: "google",
      model: "m",
      inputAudioMicrodollarsPerMillion: 5_000_000,
      cacheReadMicrodollarsPerMillion: 100_000,
      reasoningMicrodollarsPerMillion: 3_000_000,
      outputAudioMicrodollarsPerMillion: 9_000_000,
    };
    const account = {
      promptTokenCount: 3000,
      promptTokensDetails: [{ modality: "AUDIO", tokenCount: 2000 }],
      cachedContentTokenCount: 1000,
      cacheTokensDetails: [{ modality: "AUDIO", tokenCount: 1000 }],
      candidatesTokenCount: 1000,
      thoughtsTokenCount: 1000,
    };
    const prices = openPrices({ overrides: [row], clock });
    expect(prices.price("google", "m", account).microdollars).toBe(1000 + 5 * 1000 + 100 + 2000 + 3000);
  });

  const bad: readonly (readonly [unknown, string, string])[] = [
    [{}, "", "must be a list"],
    [[1], "/0", "must be an object"],
    [[base, null], "/1", "must be an object"],
    [[{ ...base, provider: " " }], "/0/provider", "provider must be a name"],
    [[{ ...base, model: undefined }], "/0/model", "model must be a name"],
    [[{ ...base, inputMicrodollarsPerMillion: undefined }], "/0/inputMicrodollarsPerMillion", "whole number"],
    [[{ ...base, outputMicrodollarsPerMillion: 1.5 }], "/0/outputMicrodollarsPerMillion", "whole number"],
    [[{ ...base, outputMicrodollarsPerMillion: null }], "/0/outputMicrodollarsPerMillion", "whole number"],
    [
      [base, { ...base, model: "x", cacheReadMicrodollarsPerMillion: -1 }],
      "/1/cacheReadMicrodollarsPerMillion",
      "whole",
    ],
    [[{ ...base, cacheWriteMicrodollarsPerMillion: 10 ** 13 }], "/0/cacheWriteMicrodollarsPerMillion", "from 0 to"],
    [[{ ...base, cacheReadMicrodolarsPerMillion: 1 }], "/0/cacheReadMicrodolarsPerMillion", "did you mean"],
    [[{ ...base, "a/b~": 1 }], "/0/a~1b~0", "unknown key"],
    [[base, { ...base, model: "GPT-4O " }], "/1", "twice"],
    [Array.from({ length: 10_001 }, () => base), "", "more than 10000"],
  ];
  it.each(bad)("are refused when they are wrong: %j", (overrides, at, message) => {
    expect(() => openPrices({ overrides, clock })).toThrow(
      expect.objectContaining({
        code: "prices.invalid",
        message: expect.stringContaining(message),
        facts: expect.objectContaining({ at }),
      }),
    );
  });
});
