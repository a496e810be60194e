// What a call costs: by the provider's account where it can be believed, by an estimate where it cannot, and null where
// no one knows a price.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unlistedDeployment } from "../models/catalogue/catalogue.ts";
import type { Deployment, Provider, TokenPrice } from "../models/catalogue/index.ts";
import { costOf, costOfCut, estimateOf } from "./costing.ts";
import { upstreamDialects } from "../models/dialects.ts";
import { mergeUsage, openPrices } from "../models/prices/index.ts";
import { noUsage } from "../models/usage.ts";

const openaiChat = upstreamDialects["openai-chat"]!;
const prices = openPrices({ clock: { nowMs: () => Date.parse("2026-06-01T12:00:00Z") } });

const provider: Provider = {
  name: "local",
  kind: "openai-compatible",
  baseUrl: "http://127.0.0.1:9/v1",
  keys: [],
  headers: {},
  priceProvider: "local",
  pricePercent: 100,
  maxDataClass: "restricted",
  open: true,
  modelPrefixes: [],
  connections: 1,
  lacks: undefined,
};

/** A model that no price list has, with a price of its own or none. */
const local = (price: TokenPrice | null): Deployment => ({ ...unlistedDeployment(provider, "sea-7b", "chat"), price });
const price = { inputMicrodollarsPerMillion: 150_000, outputMicrodollarsPerMillion: 600_000 };
const priced = local(price);
const unpriced = local(null);
/** One whose price the maintained list has. */
const known = unlistedDeployment({ ...provider, name: "openai", priceProvider: "openai" }, "gpt-4o-mini", "chat");

const account = (input: number, output: number, cached = 0, reasoning = 0) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: cached },
  completion_tokens_details: { reasoning_tokens: reasoning },
});
const seen = { inputTokens: 40, outputTokens: 8 };
const tokens = fc.nat({ max: 1_000_000 });
const anyAccount = fc
  .record({ plain: tokens, cached: tokens, answer: tokens, reasoning: tokens })
  .map((each) => account(each.plain + each.cached, each.answer + each.reasoning, each.cached, each.reasoning));
const anyDeployment = fc.constantFrom(priced, unpriced, known);

describe("a call's cost", () => {
  it("is the provider's account at the price of the maintained list, whatever the catalogue says", () => {
    // 1 000 plain tokens at $0.15, 1 000 cached ones at $0.075 and 1 000 answered ones at $0.60 a million.
    const cost = costOf(prices, { ...known, price }, account(2000, 1000, 1000, 300), seen);
    expect(cost).toEqual({
      usage: {
        inputTokens: 2000,
        outputTokens: 1000,
        cacheReadTokens: 1000,
        cacheWriteTokens: 0,
        reasoningTokens: 300,
        estimated: false,
      },
      microdollars: 150 + 75 + 600,
    });
  });

  it("is the account at the catalogue's price where the list has none, rounded half up", () => {
    expect(costOf(prices, priced, account(1_000_000, 1_000_000), seen).microdollars).toBe(750_000);
    // 0.75, 0.45 and 1.5 micro-dollars.
    expect(costOf(prices, priced, account(1, 1), seen).microdollars).toBe(1);
    const silent = { inputTokens: 3, outputTokens: 0 };
    expect(costOf(prices, priced, account(3, 0), silent).microdollars).toBe(0);
    expect(costOf(prices, priced, account(10, 0), silent).microdollars).toBe(2);
  });

  it("is estimated where the account would make the call free: nothing read, or nothing written that was seen", () => {
    const estimated = costOf(prices, priced, null, seen);
    expect(costOf(prices, priced, account(0, 0), seen)).toEqual(estimated);
    expect(costOf(prices, priced, account(2000, 0), seen)).toEqual(estimated);
    expect(costOf(prices, priced, account(0, 1000), seen)).toEqual(estimated);
  });

  it("is unknown, and not 0, where nobody knows a price", () => {
    const cost = costOf(prices, unpriced, account(2000, 1000), seen);
    expect(cost.microdollars).toBeNull();
    expect(cost.usage).toMatchObject({ inputTokens: 2000, outputTokens: 1000, estimated: false });
    expect(costOf(prices, unpriced, null, seen).microdollars).toBeNull();
    expect(estimateOf(prices, unpriced, seen)).toBeNull();
  });

  it("is what the provider says where nobody knows a price, and the record says so", () => {
    const cost = costOf(prices, unpriced, { ...account(2000, 1000), cost: 0.0123 }, seen);
    expect(cost).toMatchObject({ microdollars: 12_300, source: "provider" });
    for (const deployment of [priced, known]) {
      const own = costOf(prices, deployment, { ...account(2000, 1000), cost: 0.0123 }, seen);
      expect(own).toEqual(costOf(prices, deployment, account(2000, 1000), seen));
    }
  });

  it("is more at an endpoint with a surcharge, and so is what is reserved for it", () => {
    const regional: Deployment = { ...known, provider: { ...known.provider, pricePercent: 110 } };
    const usage = account(1_000_000, 1_000_000);
    expect(costOf(prices, known, usage, seen).microdollars).toBe(750_000);
    expect(costOf(prices, regional, usage, seen).microdollars).toBe(825_000);
    const tokens = { inputTokens: 1_000_000, outputTokens: 1_000_000 };
    expect(estimateOf(prices, regional, tokens)).toBe(825_000);
    expect(estimateOf(prices, regional, tokens, { tier: "flex" })).toBe(825_000);
  });

  it("is 0 where the catalogue says that the model is free", () => {
    const free = local({ inputMicrodollarsPerMillion: 0, outputMicrodollarsPerMillion: 0 });
    expect(costOf(prices, free, account(2000, 1000), seen).microdollars).toBe(0);
    expect(estimateOf(prices, free, seen)).toBe(0);
  });

  it("is the same for a stream as for the same answer whole", () => {
    fc.assert(
      fc.property(anyDeployment, anyAccount, (deployment, usage) => {
        // Where nothing was read, or nothing written that was seen, what was seen counts instead, which differs here.
        fc.pre(usage["prompt_tokens"] !== 0 && usage["completion_tokens"] !== 0);
        const head = { id: "c", created: 1, model: deployment.model };
        const whole = openaiChat.readReply({
          ...head,
          object: "chat.completion",
          choices: [{ index: 0, message: { role: "assistant", content: "High." }, finish_reason: "stop" }],
          usage,
        });
        const reader = openaiChat.streamReader();
        const delta = { role: "assistant", content: "High." };
        let last: Readonly<Record<string, unknown>> | null = null;
        for (const frame of [
          { ...head, choices: [{ index: 0, delta, finish_reason: null }], usage: null },
          { ...head, choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage: null },
          { ...head, choices: [], usage },
        ]) {
          const data = JSON.stringify({ object: "chat.completion.chunk", ...frame });
          for (const piece of reader.read({ data })) if (piece.kind === "usage") last = piece.raw;
        }
        expect(last).not.toBeNull();
        // What was seen on the way differs, and must not matter.
        const streamed = costOf(prices, deployment, last, { inputTokens: 1, outputTokens: 99 });
        expect(streamed).toEqual(costOf(prices, deployment, whole.rawUsage, seen));
        expect(streamed.usage.estimated).toBe(false);
      }),
    );
  });

  it("is what was seen of the call where the account holds nothing but zeros", () => {
    const usage = account(0, 0, 0, 0);
    expect(costOf(prices, priced, usage, seen)).toEqual(costOf(prices, priced, null, seen));
  });

  it("is the same for an account that comes in two frames as for one", () => {
    const messages = { input_tokens: 30, cache_read_input_tokens: 10, cache_creation_input_tokens: 5 };
    const claude = unlistedDeployment({ ...provider, priceProvider: "anthropic" }, "claude-sonnet-4-5", "chat");
    const merged = mergeUsage({ ...messages, output_tokens: 1 }, { output_tokens: 20 });
    expect(costOf(prices, claude, merged, seen)).toEqual(
      costOf(prices, claude, { ...messages, output_tokens: 20 }, seen),
    );
  });

  it.each([
    ["none", null],
    ["an empty one", {}],
    ["negative tokens", account(-12, -8)],
    ["fractions", account(1.5, 2)],
    ["words", { prompt_tokens: "many", completion_tokens: "more" }],
    ["more tokens than any model can take", account(9_000_000_000_000_000, 1)],
    ["more output than any model can make", account(1, 20_000_000)],
    ["more cached tokens than there were", account(10, 1, 11)],
    ["more reasoning than there was output", account(10, 1, 0, 2)],
    ["no number", account(Number.NaN, 1)],
    ["another thing altogether", { lines: 3 }],
  ])("is an estimate from what was seen when the account is %s", (_name, raw) => {
    for (const deployment of [priced, known]) {
      const cost = costOf(prices, deployment, raw, seen);
      expect(cost.usage).toEqual({ ...noUsage, ...seen, estimated: true });
      expect(cost.microdollars).toBe(estimateOf(prices, deployment, seen));
      expect(cost.microdollars).toBeGreaterThan(0);
    }
  });

  it("never fails and is never negative or fractional, whatever the provider says", () => {
    fc.assert(
      fc.property(anyDeployment, fc.dictionary(fc.string(), fc.anything()), tokens, tokens, (deployment, raw, a, b) => {
        for (const lie of [raw, { ...account(1, 1), ...raw }, { usage: raw }]) {
          const { microdollars, usage } = costOf(prices, deployment, lie, { inputTokens: a, outputTokens: b });
          if (microdollars !== null) expect(Number.isSafeInteger(microdollars) && microdollars >= 0).toBe(true);
          expect(Number.isSafeInteger(usage.inputTokens + usage.outputTokens)).toBe(true);
          expect(Math.min(usage.inputTokens, usage.outputTokens)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

describe("the cost of a stream that was cut off", () => {
  it("is at least what came out by then, when the provider's account is of a moment before", () => {
    const cut = costOfCut(prices, priced, account(1_000_000, 1), { inputTokens: 40, outputTokens: 1_000_000 });
    expect(cut.usage).toMatchObject({ inputTokens: 1_000_000, outputTokens: 1_000_000, estimated: true });
    expect(cut.microdollars).toBeGreaterThanOrEqual(750_000);
    expect(cut.microdollars).toBeLessThanOrEqual(750_001);
  });

  it("is the account where that says as much or more", () => {
    for (const raw of [account(30, 8), account(30, 900)]) {
      expect(costOfCut(prices, known, raw, seen)).toEqual(costOf(prices, known, raw, seen));
    }
  });

  it("is an estimate without an account, and unknown without a price", () => {
    expect(costOfCut(prices, known, null, seen)).toEqual(costOf(prices, known, null, seen));
    expect(costOfCut(prices, unpriced, account(30, 1), seen)).toMatchObject({
      usage: { inputTokens: 30, outputTokens: 8, estimated: true },
      microdollars: null,
    });
  });

  it("is never less than that of the account alone", () => {
    fc.assert(
      fc.property(anyDeployment, anyAccount, tokens, (deployment, raw, outputTokens) => {
        const whole = costOf(prices, deployment, raw, seen);
        const cut = costOfCut(prices, deployment, raw, { inputTokens: 1, outputTokens });
        expect(cut.usage.outputTokens).toBe(Math.max(whole.usage.outputTokens, outputTokens));
        expect(cut.microdollars === null).toBe(whole.microdollars === null);
        expect(cut.microdollars ?? 0).toBeGreaterThanOrEqual(whole.microdollars ?? 0);
      }),
    );
  });
});

describe("the most that a call can cost", () => {
  it("covers what the call then costs, whatever of it was cached or reasoned", () => {
    fc.assert(
      fc.property(anyDeployment, anyAccount, (deployment, usage) => {
        // An account that would make the call free is not believed: what was seen counts.
        fc.pre(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
        const { microdollars } = costOf(prices, deployment, usage, seen);
        const most = estimateOf(prices, deployment, {
          inputTokens: usage.prompt_tokens,
          outputTokens: usage.completion_tokens,
        });
        if (most === null) expect(microdollars).toBeNull();
        else expect(most).toBeGreaterThanOrEqual(microdollars ?? Number.POSITIVE_INFINITY);
      }),
    );
  });

  it("comes from the catalogue where the list has no price", () => {
    expect(estimateOf(prices, priced, { inputTokens: 1_000_000, outputTokens: 500_000 })).toBe(450_000);
  });
});
