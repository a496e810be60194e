// Every account of the golden set at every provider that prices it: pydantic/genai-prices tests/dataset (MIT), accounts
// recorded from real calls, with the price in dollars that each provider's table gives.
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { describeWith, usagesFile } from "../../../test/support/servers/requires.ts";
import { openPrices } from "./index.ts";

/**
 * When the set's prices held: before 2026-06-16 and 2026-08-21, when mistral-medium and gpt-5.6-sol changed theirs, and inside
 * the hours (00:30 to 16:30 UTC) in which DeepSeek is dear.
 */
const atMs = Date.parse("2026-06-01T12:00:00Z");

/**
 * Prices that differ from the set's, and why: the installed price data is newer than the set and knows a price for long
 * prompts (115) and a count of cache writes (615) that the set's did not; for AWS the set reads no cache at all although both
 * the account and the table have it (501, 502); and a model whose table is empty is 0 there and unknown here (519).
 */
const known: Readonly<Record<string, number | null>> = {
  "115 google": 2_426_628,
  "501 aws": 213,
  "502 aws": 381,
  "519 cerebras": null,
  "615 azure": 49_963,
  // Sound, priced there as text.
  "510 azure": null,
  "510 openai": null,
  "535 azure": null,
  "535 openai": null,
};

/** Models that the installed price data knows and the set's did not. */
const knownSince: ReadonlySet<string> = new Set([
  "106 cerebras",
  "186 aws",
  "598 aws",
  "615 aws",
  "651 azure",
  "669 openrouter",
  "757 aws",
]);

type Counts = Readonly<Record<string, number>>;

interface Expected {
  readonly provider_id: string;
  readonly input_price?: string;
  readonly output_price?: string;
  readonly total_price?: string;
}

interface Item {
  readonly body: Readonly<Record<string, unknown>>;
  readonly model?: string;
  readonly extracted: readonly { readonly usage: Counts; readonly extractors: readonly Expected[] }[];
}

/** Dollars as text in micro-dollars, rounded. */
function microdollars(...dollars: readonly string[]): number {
  return Math.round(dollars.reduce((sum, text) => sum + Number(text), 0) * 1e6);
}

describeWith(["usages"], "the golden set of priced accounts", () => {
  let items: readonly Item[];
  const prices = openPrices({ clock: { nowMs: () => atMs } });
  const seen = { pairs: 0, items: 0, unpriced: 0 };

  /** The prices that a set's item has at each provider, by the form that reads most of the account. */
  function pricedBy(item: Item): Map<string, { readonly usage: Counts; readonly money: number }> {
    const best = new Map<string, { usage: Counts; money: number }>();
    for (const { usage, extractors } of item.extracted) {
      for (const {
        provider_id: provider,
        input_price: input,
        output_price: output,
        total_price: total,
      } of extractors) {
        if (input === undefined || output === undefined) continue;
        const held = best.get(provider);
        if (held !== undefined && Object.keys(held.usage).length >= Object.keys(usage).length) continue;
        best.set(provider, { usage, money: microdollars(...(total === undefined ? [input, output] : [total])) });
      }
    }
    return best;
  }

  beforeAll(() => {
    items = JSON.parse(readFileSync(usagesFile, "utf8")) as readonly Item[];
  });

  it("costs what the provider's table says, from the account alone and from the whole response", () => {
    const wrong: string[] = [];
    for (const [place, item] of items.entries()) {
      const priced = pricedBy(item);
      if (priced.size > 0) seen.items += 1;
      for (const [provider, { usage: counts, money }] of priced) {
        seen.pairs += 1;
        const account = (item.body["usage"] ?? item.body["usageMetadata"]) as Record<string, unknown>;
        const whole = prices.price(provider, item.model!, item.body);
        expect(prices.price(provider, item.model!, account)).toEqual(whole);
        const name = `${place} ${provider}`;
        const expected = name in known ? known[name] : money;
        const isEqual =
          typeof expected === "number" && whole.microdollars !== null
            ? Math.abs(whole.microdollars - expected) <= 1
            : whole.microdollars === expected;
        if (!isEqual) wrong.push(`${name}: ${whole.microdollars}, not ${expected}`);
        const { inputTokens, outputTokens, cacheReadTokens } = whole.usage;
        expect([name, inputTokens, outputTokens, cacheReadTokens]).toEqual([
          name,
          counts["input_tokens"] ?? 0,
          counts["output_tokens"] ?? 0,
          counts["cache_read_tokens"] ?? 0,
        ]);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toMatchObject({ items: 665, pairs: 1402 });
  });

  it("has no price where the table has none, and never 0", () => {
    const priced: string[] = [];
    for (const [place, item] of items.entries()) {
      const known = pricedBy(item);
      for (const { provider_id: provider } of item.extracted.flatMap(({ extractors }) => extractors)) {
        if (known.has(provider)) continue;
        seen.unpriced += 1;
        const { microdollars: money } = prices.price(provider, item.model ?? "", item.body);
        if (money !== null && !knownSince.has(`${place} ${provider}`)) priced.push(`${place} ${provider}: ${money}`);
      }
    }
    expect(priced).toEqual([]);
    expect(items).toHaveLength(809);
    expect(seen.unpriced).toBeGreaterThan(5000);
  });

  it("covers with an estimate what each account then costs without its tools", () => {
    for (const [place, item] of items.entries()) {
      for (const provider of pricedBy(item).keys()) {
        if (known[`${place} ${provider}`] === null) continue;
        const account = { ...((item.body["usage"] ?? item.body["usageMetadata"]) as Record<string, unknown>) };
        delete account["server_tool_use"];
        const { microdollars: money, usage } = prices.price(provider, item.model!, account);
        const estimate = prices.estimate(provider, item.model!, usage);
        if (money === null) expect(estimate).toBeNull();
        else expect(estimate).toBeGreaterThanOrEqual(money);
      }
    }
  });
});
