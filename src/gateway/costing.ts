// What a call used and what that costs, from whatever the provider reported, and an estimate where it reported nothing that
// can be believed. A stream costs what the same reply would cost whole: both are priced here, from the same account.
import type { Deployment } from "./catalogue/index.ts";
import type { Prices } from "./prices/index.ts";
import type { Cost, Usage } from "./usage.ts";

type RawUsage = Readonly<Record<string, unknown>>;

/** Most tokens of one call that a provider can mean: ten times the longest context of any model known. */
const mostTokens = 20_000_000;
/** Tokens in a price's unit. */
const million = 1_000_000;

/** What was seen of a call besides the provider's account. */
export interface Seen {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What a call cost. */
export function costOf(prices: Prices, deployment: Deployment, rawUsage: RawUsage | null, seen: Seen): Cost {
  const reported = rawUsage === null ? undefined : reportedCost(prices, deployment, rawUsage, seen);
  if (reported !== undefined) return reported;
  const usage: Usage = {
    inputTokens: seen.inputTokens,
    outputTokens: seen.outputTokens,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  };
  const { priceProvider } = deployment.provider;
  return { usage, microdollars: prices.estimate(priceProvider, deployment.model, seen) ?? listed(deployment, usage) };
}

/**
 * What a call cost whose stream was cut off: the provider's account is of a moment before the end (Anthropic begins with one
 * output token), so what came out counts at least.
 */
export function costOfCut(prices: Prices, deployment: Deployment, rawUsage: RawUsage | null, seen: Seen): Cost {
  const { usage, microdollars } = costOf(prices, deployment, rawUsage, seen);
  const missing = seen.outputTokens - usage.outputTokens;
  if (missing <= 0) return { usage, microdollars };
  const more = estimateOf(prices, deployment, { inputTokens: 0, outputTokens: missing });
  return {
    usage: { ...usage, outputTokens: seen.outputTokens, estimated: true },
    microdollars: microdollars === null || more === null ? null : microdollars + more,
  };
}

/**
 * The most that a call can cost, for its reservation; null when no price is known.
 * @param priceFactor By how much what the call asks for raises the price: a tier of service, a place, a speed.
 */
export function estimateOf(prices: Prices, deployment: Deployment, seen: Seen, priceFactor = 1): number | null {
  const { priceProvider } = deployment.provider;
  const most = prices.estimate(priceProvider, deployment.model, seen) ?? listed(deployment, seen);
  return most === null || priceFactor <= 1 ? most : Math.ceil(most * priceFactor);
}

/** The provider's own account; undefined when it cannot be believed. */
function reportedCost(prices: Prices, deployment: Deployment, rawUsage: RawUsage, seen: Seen): Cost | undefined {
  try {
    const { usage, microdollars } = prices.price(deployment.provider.priceProvider, deployment.model, rawUsage);
    if (usage.inputTokens + usage.outputTokens > mostTokens) return undefined;
    // Nothing read, or nothing written though there is something to see: an account that would make calls free.
    if (usage.inputTokens === 0 || (usage.outputTokens === 0 && seen.outputTokens > 0)) return undefined;
    return { usage, microdollars: microdollars ?? listed(deployment, usage) };
  } catch {
    return undefined;
  }
}

/** The cost by the catalogue's price, rounded half up, exactly; null when it has none. */
function listed({ price }: Deployment, { inputTokens, outputTokens }: Seen): number | null {
  if (price === null) return null;
  const sum =
    BigInt(inputTokens) * BigInt(price.inputMicrodollarsPerMillion) +
    BigInt(outputTokens) * BigInt(price.outputMicrodollarsPerMillion);
  return Number((sum + BigInt(million / 2)) / BigInt(million));
}
