// What a model call costs, in whole micro-dollars. It promises:
//
// 1. An unknown model or price is null, never 0.
// 2. The same account costs the same, however it came: streamed or whole, the account alone or the response around it.
// 3. The sum is exact and rounded once, half up. What a provider reports cannot make it negative, fractional or too large.
// 4. A reservation made with estimate() covers what price() later says of as many tokens; tools that the provider ran,
//    which no one knows beforehand, come on top.
import type { Clock } from "../../kernel/clock.ts";
import type { DialectName } from "../conversation.ts";
import type { Usage } from "../usage.ts";
import { priceFault } from "./errors.ts";
import { PriceBook } from "./price-book.ts";
import { servicePercent } from "./service-factors.ts";
import type { Service } from "./service-factors.ts";
import type { Counts, TokenRates } from "./tariff.ts";
import { readCounts } from "./usage-reader.ts";

/** What one call cost and used. */
export interface PricedUsage {
  /** Null when the price is not known. */
  readonly microdollars: number | null;
  readonly usage: Usage;
}

/** Prices of models. */
export interface Prices {
  /**
   * Prices a call by the provider's account of it, or by the whole response that holds the account, at the prices of `atMs`
   * (milliseconds since the Unix epoch; now when it is left out) and of the service that was given. The form of the account
   * is found from its shape.
   * @throws `usage.invalid` for an account that cannot be understood or believed.
   */
  price(
    provider: string,
    model: string,
    rawUsage: Readonly<Record<string, unknown>>,
    atMs?: number,
    percent?: number,
  ): PricedUsage;
  /** Reads an account of a dialect. @throws `usage.invalid` when it cannot be understood or believed. */
  usageOf(rawUsage: Readonly<Record<string, unknown>>, dialect: DialectName): Usage;
  /**
   * The most that so many tokens can cost, whatever they are (plain, cached, audio, reasoning), from `atMs` (now) until a
   * reservation expires; null when the price is not known.
   * @throws `usage.invalid` for invalid counts.
   */
  estimate(provider: string, model: string, tokens: TokenCounts, atMs?: number, percent?: number): number | null;
  /** What a service costs in percent of the ordinary price; null when unknown. */
  servicePercent(provider: string, model: string, service: Service): number | null;
  /** What plain tokens cost now, below any step for long prompts; null when it is not known. */
  rates(provider: string, model: string): TokenRates | null;
}

/** Tokens of a call that has not been made. */
export interface TokenCounts {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/**
 * Opens the price list. `overrides` is the operator's list as it was parsed, undefined for none; it wins over the prices in
 * the installed version of the library.
 * @throws `prices.invalid` with `at` as a JSON pointer into the list.
 */
export function openPrices({ overrides, clock }: { readonly overrides?: unknown; readonly clock: Clock }): Prices {
  const book = new PriceBook(overrides);
  return {
    price(provider, model, rawUsage, atMs = clock.nowMs(), percent = 100) {
      const { schedule, forms } = book.entry(provider, model);
      const counts = readCounts(rawUsage, forms, book.commonForms);
      const usage = usageIn(counts);
      const tariff = schedule?.at(atMs);
      if (hasDearSound(provider, counts) && tariff?.pricesMedium("audio") !== true)
        return { microdollars: null, usage };
      return { microdollars: moneyOf(tariff?.cost(counts, percent) ?? null), usage };
    },
    usageOf(rawUsage, dialect) {
      return usageIn(readCounts(rawUsage, book.dialectForms(dialect)));
    },
    estimate(provider, model, { inputTokens, outputTokens }, atMs = clock.nowMs(), percent = 100) {
      for (const count of [inputTokens, outputTokens]) {
        if (!Number.isSafeInteger(count) || count < 0)
          throw priceFault("usage.invalid", `${count} is not a count of tokens`);
      }
      let most: bigint | null = null;
      for (const tariff of book.entry(provider, model).schedule?.around(atMs) ?? []) {
        const cost = tariff?.most(inputTokens, outputTokens, percent) ?? null;
        if (cost === null) return null;
        if (most === null || cost > most) most = cost;
      }
      return moneyOf(most);
    },
    servicePercent(provider, model, service) {
      return servicePercent(provider, model, service, book.entry(provider, model).services);
    },
    rates(provider, model) {
      return book.entry(provider, model).schedule?.at(clock.nowMs())?.rates() ?? null;
    },
  };
}

/** Providers of which sound costs many times what text does, so that a price of text says nothing of it. */
const dearSound: ReadonlySet<string> = new Set(["openai", "azure"]);

function hasDearSound(provider: string, counts: Counts): boolean {
  const audio = (counts.get("input_audio_tokens") ?? 0) + (counts.get("output_audio_tokens") ?? 0);
  return audio > 0 && dearSound.has(provider.trim().toLowerCase());
}

/** Micro-dollars as a number. */
function moneyOf(microdollars: bigint | null): number | null {
  if (microdollars === null) return null;
  const money = Number(microdollars);
  if (!Number.isSafeInteger(money)) throw priceFault("usage.invalid", "the usage costs more than can be recorded");
  return money;
}

/** Billable tokens; parts that are more than their totals are refused. */
function usageIn(counts: Counts): Usage {
  const count = (name: string): number => counts.get(name) ?? 0;
  const usage: Usage = {
    inputTokens: count("input_tokens"),
    outputTokens: count("output_tokens"),
    cacheReadTokens: count("cache_read_tokens"),
    cacheWriteTokens: count("cache_write_tokens"),
    reasoningTokens: count("output_reasoning_tokens"),
    estimated: false,
  };
  if (usage.cacheReadTokens + usage.cacheWriteTokens > usage.inputTokens) {
    throw priceFault("usage.invalid", "the provider reports more cached tokens than input tokens");
  }
  if (usage.reasoningTokens > usage.outputTokens) {
    throw priceFault("usage.invalid", "the provider reports more reasoning tokens than output tokens");
  }
  return usage;
}
