// What calls cost: forms of accounts, cached and long prompts, tools, dates, rounding, and accounts that lie.
import * as fc from "fast-check";
import { calcPrice, extractUsage, findProvider } from "@pydantic/genai-prices";
import { describe, expect, it } from "vitest";
import { openPrices } from "./index.ts";

const nowMs = Date.parse("2026-06-01T12:00:00Z");
const prices = openPrices({ clock: { nowMs: () => nowMs } });
const code = (expected: string) => expect.objectContaining({ code: expected });

const million = 1_000_000;
const tokens = fc.integer({ min: 0, max: 3_000_000 });

/** An account in the form of Anthropic's messages. */
const messagesAccount = fc
  .record({ plain: tokens, read: tokens, write5m: tokens, write1h: tokens, output: tokens, searches: fc.nat(20) })
  .map(({ plain, read, write5m, write1h, output, searches }) => ({
    input_tokens: plain,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: write5m + write1h,
    cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
    output_tokens: output,
    server_tool_use: { web_search_requests: searches },
  }));

/** An account in the form of chat completions. */
const chatAccount = fc
  .record({ plain: tokens, cached: tokens, written: tokens, answer: tokens, reasoning: tokens })
  .map(({ plain, cached, written, answer, reasoning }) => ({
    prompt_tokens: plain + cached + written,
    prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
    completion_tokens: answer + reasoning,
    completion_tokens_details: { reasoning_tokens: reasoning },
  }));

/** An account in the form of generateContent. */
const geminiAccount = fc
  .record({ text: tokens, audio: tokens, cached: tokens, answer: tokens, thoughts: tokens })
  .map(({ text, audio, cached, answer, thoughts }) => ({
    promptTokenCount: text + audio + cached,
    promptTokensDetails: [
      { modality: "TEXT", tokenCount: text + cached },
      { modality: "AUDIO", tokenCount: audio },
    ],
    cachedContentTokenCount: cached,
    cacheTokensDetails: [
      { modality: "TEXT", tokenCount: cached },
      { modality: "AUDIO", tokenCount: 0 },
    ],
    candidatesTokenCount: answer,
    thoughtsTokenCount: thoughts,
  }));

type Case = readonly [provider: string, model: string, flavour: string, root: string, accounts: fc.Arbitrary<object>];

const cases: readonly Case[] = [
  ["anthropic", "claude-sonnet-4-5", "default", "usage", messagesAccount],
  ["anthropic", "claude-3-5-haiku-latest", "default", "usage", messagesAccount],
  ["aws", "anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", "usage", messagesAccount],
  ["openai", "gpt-5.6-sol", "chat", "usage", chatAccount],
  ["openai", "gpt-4o-mini", "chat", "usage", chatAccount],
  ["deepseek", "deepseek-chat", "chat", "usage", chatAccount],
  ["openrouter", "perplexity/sonar-deep-research", "chat", "usage", chatAccount],
  ["google", "gemini-2.5-pro", "default", "usageMetadata", geminiAccount],
  ["google", "gemini-2.5-flash", "default", "usageMetadata", geminiAccount],
];

describe("the price of a call", () => {
  it.each(cases)("is the library's, but exact: %s %s", (provider, model, flavour, root, accounts) => {
    const atMs = fc.integer({ min: Date.parse("2024-01-01"), max: Date.parse("2027-01-01") });
    fc.assert(
      fc.property(accounts, atMs, (account, at) => {
        const { usage } = extractUsage(findProvider({ providerId: provider })!, { [root]: account }, flavour);
        const options = { providerId: provider, timestamp: new Date(at) };
        const ours = prices.price(provider, model, account as Record<string, unknown>, at).microdollars;
        const theirs = calcPrice(usage, model, options)!.total_price * million;
        expect(Math.abs(ours! - theirs)).toBeLessThanOrEqual(0.500001);
      }),
    );
  });

  it.each(cases)("is covered by an estimate of as many tokens: %s %s", (provider, model, _flavour, _root, accounts) => {
    const atMs = fc.integer({ min: Date.parse("2024-01-01"), max: Date.parse("2027-01-01") });
    fc.assert(
      fc.property(accounts, atMs, fc.nat(3_600_000), (account, at, laterMs) => {
        const raw = { ...account, server_tool_use: undefined };
        const { microdollars, usage } = prices.price(provider, model, raw, at + laterMs);
        expect(prices.estimate(provider, model, usage, at)).toBeGreaterThanOrEqual(microdollars!);
      }),
    );
  });

  it("is covered by an estimate made before the price rose", () => {
    const estimate = (provider: string, model: string, instant: string) =>
      prices.estimate(provider, model, { inputTokens: million, outputTokens: 0 }, Date.parse(instant));
    expect(estimate("mistral", "mistral-medium-latest", "2026-06-15T22:59:59Z")).toBe(400_000);
    expect(estimate("mistral", "mistral-medium-latest", "2026-06-15T23:00:00Z")).toBe(1_500_000);
    expect(estimate("deepseek", "deepseek-r1-distill-llama-70b", "2026-06-01T00:15:00Z")).toBe(550_000);
    expect(estimate("deepseek", "deepseek-r1-distill-llama-70b", "2026-06-01T16:15:00Z")).toBe(550_000);
  });

  it("bills reads from the cache, writes for five minutes and for an hour, and searches, each at its price", () => {
    const account = {
      input_tokens: 10_000,
      cache_read_input_tokens: 20_000,
      cache_creation_input_tokens: 7000,
      cache_creation: { ephemeral_5m_input_tokens: 3000, ephemeral_1h_input_tokens: 4000 },
      output_tokens: 500,
      server_tool_use: { web_search_requests: 2 },
    };
    const { microdollars, usage } = prices.price("anthropic", "claude-sonnet-4-5", account);
    expect(microdollars).toBe(10_000 * 3 + 20_000 * 0.3 + 3000 * 3.75 + 4000 * 6 + 500 * 15 + 2 * 10_000);
    expect(usage).toEqual({
      inputTokens: 37_000,
      outputTokens: 500,
      cacheReadTokens: 20_000,
      cacheWriteTokens: 7000,
      reasoningTokens: 0,
      estimated: false,
    });
  });

  it("bills the whole call at the price of long prompts once the prompt is long", () => {
    const cost = (count: number) =>
      prices.price("google", "gemini-2.5-pro", { promptTokenCount: count, candidatesTokenCount: 1000 }).microdollars;
    expect(cost(200_000)).toBe(200_000 * 1.25 + 1000 * 10);
    expect(cost(200_001)).toBe(Math.round(200_001 * 2.5) + 1000 * 15);
  });

  it("takes the price of the day, and of the hour", () => {
    const account = { prompt_tokens: million, completion_tokens: 0 };
    const at = (provider: string, model: string, instant: string) =>
      prices.price(provider, model, account, Date.parse(instant)).microdollars;
    expect(at("mistral", "mistral-medium-latest", "2026-06-15T23:59:59Z")).toBe(400_000);
    expect(at("mistral", "mistral-medium-latest", "2026-06-16T00:00:00Z")).toBe(1_500_000);
    expect(at("deepseek", "deepseek-r1-distill-llama-70b", "2026-06-01T00:29:59Z")).toBe(135_000);
    expect(at("deepseek", "deepseek-r1-distill-llama-70b", "2026-06-01T00:30:00Z")).toBe(550_000);
  });

  it("counts Gemini's thoughts as output and xAI's reasoning on top of the completion", () => {
    const gemini = { promptTokenCount: 5, candidatesTokenCount: 7, thoughtsTokenCount: 100 };
    expect(prices.price("google", "gemini-2.5-flash", gemini).usage).toMatchObject({
      outputTokens: 107,
      reasoningTokens: 100,
    });
    const xai = { prompt_tokens: 5, completion_tokens: 7, completion_tokens_details: { reasoning_tokens: 100 } };
    expect(prices.price("x-ai", "grok-4", xai).usage).toMatchObject({ outputTokens: 107, reasoningTokens: 100 });
  });

  it("reads the account of a provider that nobody knows by its shape, and has no price for it", () => {
    const accounts = [
      { prompt_tokens: 3, completion_tokens: 4 },
      { input_tokens: 3, output_tokens: 4, output_tokens_details: { reasoning_tokens: 1 } },
      { usage: { input_tokens: 1, cache_read_input_tokens: 2, output_tokens: 4 } },
      { usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 4 } },
      { inputTokens: 1, cacheReadInputTokens: 2, outputTokens: 4 },
    ];
    for (const account of accounts) {
      const { microdollars, usage } = prices.price("a-rack-in-the-cellar", "gpt-4o", account);
      expect([microdollars, usage.inputTokens, usage.outputTokens]).toEqual([null, 3, 4]);
    }
  });

  it("reads an account in a form that the price data does not know of its provider", () => {
    const responses = { input_tokens: 100, input_tokens_details: { cached_tokens: 90 }, output_tokens: 1 };
    expect(prices.price("groq", "openai/gpt-oss-120b", responses).usage.cacheReadTokens).toBe(90);
    const messages = { input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 1 };
    for (const provider of ["groq", "openrouter", "deepseek"]) {
      const { usage } = prices.price(provider, "any", messages);
      expect([provider, usage.inputTokens, usage.cacheReadTokens]).toEqual([provider, 100, 90]);
    }
  });

  it("is null, never 0, for an unknown model, a table without prices, and tokens that no price covers", () => {
    const account = { prompt_tokens: 3, completion_tokens: 4 };
    for (const [provider, model] of [
      ["openai", "gpt-99"],
      ["openai", ""],
      ["", "gpt-4o"],
      ["openai", "x".repeat(100_000)],
      ["cerebras", "qwen-3-coder-480b"],
      ["openai", "text-embedding-3-small"],
      ["groq", "whisper-large-v3"],
    ] as const) {
      expect([model, prices.price(provider, model, account).microdollars]).toEqual([model, null]);
      expect(prices.estimate(provider, model, { inputTokens: 3, outputTokens: 4 })).toBeNull();
    }
    expect(prices.price("openai", "text-embedding-3-small", { prompt_tokens: million }).microdollars).toBe(20_000);
    expect(prices.price("openrouter", "qwen/qwen3-coder:free", account).microdollars).toBe(0);
  });

  it("is null for sound of a provider whose sound is far dearer than text, where only the price of text is known", () => {
    const plain = { prompt_tokens: 1000, completion_tokens: 100 };
    const spoken = { ...plain, completion_tokens_details: { audio_tokens: 90 } };
    expect(prices.price("openai", "gpt-4o-mini", plain).microdollars).not.toBeNull();
    expect(prices.price("openai", "gpt-4o-mini", spoken).microdollars).toBeNull();
    expect(prices.price("openai", "gpt-audio", spoken).microdollars).toBeGreaterThan(
      prices.price("openai", "gpt-audio", plain).microdollars!,
    );
  });

  it.each([
    ["DeepSeek", { prompt_cache_hit_tokens: 900, prompt_cache_miss_tokens: 100 }],
    ["Moonshot", { cached_tokens: 900 }],
  ])("counts what was cached where %s says it", (_who, place) => {
    const account = { prompt_tokens: 1000, completion_tokens: 100 };
    const standard = { ...account, prompt_tokens_details: { cached_tokens: 900 } };
    expect(prices.price("deepseek", "deepseek-chat", { ...account, ...place })).toEqual(
      prices.price("deepseek", "deepseek-chat", standard),
    );
    expect(prices.price("deepseek", "deepseek-chat", { ...place, cached_tokens: 1, ...standard }).usage).toMatchObject({
      cacheReadTokens: 900,
    });
  });

  it("is null when the provider leaves open how much of the cached input is audio", () => {
    const account = {
      prompt_tokens: 100,
      prompt_tokens_details: { cached_tokens: 50, audio_tokens: 50 },
      completion_tokens: 1,
    };
    expect(prices.price("openai", "gpt-4o-realtime-preview", account).microdollars).toBeNull();
  });

  it("stays known after callers made up thousands of models", () => {
    for (let i = 0; i < 5000; i++) expect(prices.rates("openai", `made-up-${i}`)).toBeNull();
    expect(prices.rates("openai", "gpt-4o")).not.toBeNull();
  });
});

describe("money", () => {
  const row = (input: number) => ({
    provider: "own",
    model: "m",
    inputMicrodollarsPerMillion: input,
    outputMicrodollarsPerMillion: 0,
  });
  const cost = (input: number, count: number) =>
    openPrices({ overrides: [row(input)], clock: { nowMs: () => nowMs } }).price("own", "m", {
      prompt_tokens: count,
      completion_tokens: 0,
    }).microdollars;

  it("is rounded up in an estimate", () => {
    const cheap = openPrices({ overrides: [row(1)], clock: { nowMs: () => nowMs } });
    expect(cheap.estimate("own", "m", { inputTokens: 1, outputTokens: 0 })).toBe(1);
  });

  it("is rounded once, a half up", () => {
    expect([cost(500_000, 1), cost(500_000, 3), cost(499_999, 1), cost(0, 5)]).toEqual([1, 2, 0, 0]);
  });

  it("is exact where binary fractions are not", () => {
    // 1.005 in binary is a little less, so that floating arithmetic loses this half.
    expect(1.005 * 100).toBeLessThan(100.5);
    expect(cost(1_005_000, 100)).toBe(101);
    fc.assert(
      fc.property(fc.nat(1e9), fc.integer({ min: 0, max: 2 ** 40 }), (price, count) => {
        const exact = (2n * BigInt(price) * BigInt(count) + 1_000_000n) / 2_000_000n;
        if (exact <= BigInt(Number.MAX_SAFE_INTEGER)) expect(cost(price, count)).toBe(Number(exact));
        else expect(() => cost(price, count)).toThrow(code("usage.invalid"));
      }),
    );
  });
});

describe("an account that lies", () => {
  const chat = (extra: object) => ({ prompt_tokens: 100, completion_tokens: 10, ...extra });
  const lies: readonly (readonly [string, Record<string, unknown>])[] = [
    ["a negative count", chat({ prompt_tokens: -1 })],
    ["a negative part", chat({ prompt_tokens_details: { cached_tokens: -50 } })],
    ["a fraction", chat({ completion_tokens: 1.5 })],
    ["infinity", chat({ completion_tokens: JSON.parse("1e999") as number })],
    ["not a number", chat({ completion_tokens: Number.NaN })],
    ["more than 2^53-1", chat({ prompt_tokens: 2 ** 53 })],
    ["text", chat({ prompt_tokens: "100" })],
    ["a list", chat({ prompt_tokens: [100] })],
    ["more cached than read", chat({ prompt_tokens_details: { cached_tokens: 101 } })],
    ["more reasoning than output", chat({ completion_tokens_details: { reasoning_tokens: 11 } })],
    ["a sum beyond 2^53-1", { input_tokens: 2 ** 53 - 1, cache_read_input_tokens: 1, output_tokens: 1 }],
    [
      "longer writes than writes",
      {
        input_tokens: 1,
        cache_creation_input_tokens: 5,
        cache_creation: { ephemeral_1h_input_tokens: 6 },
        output_tokens: 1,
      },
    ],
    ["nothing", {}],
    ["something else", { tokens: 5 }],
    ["only half", { completion_tokens: 5 }],
  ];
  it.each(lies)("is refused: %s", (_lie, account) => {
    const provider = "input_tokens" in account ? "anthropic" : "openai";
    const model = provider === "openai" ? "gpt-4o" : "claude-sonnet-4-5";
    expect(() => prices.price(provider, model, account)).toThrow(code("usage.invalid"));
  });

  it("never costs a negative, fractional or unsafe amount, and raises nothing but its own fault", () => {
    const keys = ["prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens", "input_tokens"];
    const more = ["output_tokens", "cache_creation", "ephemeral_1h_input_tokens", "usage", "usageMetadata"];
    const key = fc.constantFrom(...keys, ...more, "promptTokenCount", "promptTokensDetails", "__proto__", "modality");
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.string(), fc.constant(null)),
        fc.dictionary(key, tie("tree")),
        fc.array(tie("tree"), { maxLength: 3 }),
      ),
    }));
    const account = fc.dictionary(key, tree) as fc.Arbitrary<Record<string, unknown>>;
    fc.assert(
      fc.property(account, fc.constantFrom("openai", "anthropic", "google", "aws", "other"), (raw, provider) => {
        const models = { openai: "gpt-4o", anthropic: "claude-sonnet-4-5", google: "gemini-2.5-pro" };
        const model = models[provider as keyof typeof models] ?? "x";
        try {
          const { microdollars } = prices.price(provider, model, raw);
          expect(microdollars === null || (Number.isSafeInteger(microdollars) && microdollars >= 0)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: "usage.invalid" });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("cannot make an estimate of counts that are none", () => {
    for (const inputTokens of [-1, 0.5, Number.NaN, 2 ** 53]) {
      const ask = () => prices.estimate("openai", "gpt-4o", { inputTokens, outputTokens: 1 });
      expect(ask).toThrow(code("usage.invalid"));
    }
  });
});

describe("an account read by its dialect", () => {
  it("has totals that hold their parts", () => {
    const anthropic = {
      input_tokens: 1,
      cache_read_input_tokens: 2,
      cache_creation_input_tokens: 4,
      output_tokens: 8,
    };
    const responses = {
      input_tokens: 5,
      input_tokens_details: { cached_tokens: 3 },
      output_tokens: 9,
      output_tokens_details: { reasoning_tokens: 4 },
    };
    const gemini = { promptTokenCount: 5, candidatesTokenCount: 2, thoughtsTokenCount: 3, toolUsePromptTokenCount: 1 };
    const parts = (...values: readonly number[]) =>
      Object.fromEntries(
        ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens"].map((name, i) => [
          name,
          values[i],
        ]),
      );
    expect(prices.usageOf(anthropic, "anthropic-messages")).toMatchObject(parts(7, 8, 2, 4, 0));
    expect(prices.usageOf(responses, "openai-responses")).toMatchObject(parts(5, 9, 3, 0, 4));
    expect(prices.usageOf(gemini, "gemini")).toMatchObject(parts(6, 5, 0, 0, 3));
    expect(prices.usageOf({ prompt_tokens: 3, completion_tokens: 4 }, "openai-chat")).toMatchObject(
      parts(3, 4, 0, 0, 0),
    );
    expect(prices.usageOf({ prompt_tokens: 3, total_tokens: 3 }, "embeddings")).toMatchObject(parts(3, 0, 0, 0, 0));
  });

  it("is refused in another dialect's form", () => {
    const account = { input_tokens: 3, output_tokens: 4 };
    expect(() => prices.usageOf(account, "openai-chat")).toThrow(code("usage.invalid"));
  });
});

describe("the rates of a model", () => {
  it("are those of plain tokens, in whole micro-dollars for a million", () => {
    expect(prices.rates("openai", "gpt-4o-mini")).toEqual({
      inputMicrodollarsPerMillion: 150_000,
      outputMicrodollarsPerMillion: 600_000,
    });
    expect(prices.rates("google", "gemini-2.5-pro")).toMatchObject({ inputMicrodollarsPerMillion: 1_250_000 });
    expect(prices.rates("openai", "text-embedding-3-small")).toMatchObject({ outputMicrodollarsPerMillion: 0 });
    expect(prices.rates("openai", "unheard-of")).toBeNull();
  });
});
