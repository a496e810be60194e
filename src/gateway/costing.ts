// What a call used and what that costs, from whatever the provider reported, and an estimate where it reported nothing that
// can be believed. A stream costs what the same reply would cost whole: both are priced here, from the same account.
import type { Deployment, Prices, Reply, Service, Cost, Usage } from "../models/index.ts";
import { costReported, knowsServices, serviceReported, isSameModel } from "../models/index.ts";

type RawUsage = Readonly<Record<string, unknown>>;

/** Most tokens of one call that a provider can mean: ten times the longest context of any model known. */
const mostTokens = 20_000_000;
/** Tokens in a price's unit. */
const million = 1_000_000;

/** What a reply says that decides what it costs. */
export interface PricedReply {
  readonly reply: Pick<Reply, "rawUsage" | "model">;
  /** The tier of service that it names along with its usage. */
  readonly serviceTier?: string;
}

/** What was seen of a call other than the provider's account. */
export interface Seen {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The service that the call asked for. */
  readonly asked?: Service;
  /** The service that the reply says was given, apart from its account. */
  readonly tier?: string;
  /** The model that the reply says answered. */
  readonly model?: string;
}

/** What a call cost, at the prices of the model and the service that the provider reports, where they are known. */
export function costOf(prices: Prices, at: Deployment, rawUsage: RawUsage | null, seen: Seen): Cost {
  const deployment = answering(prices, at, seen.model);
  const reported = serviceReported(rawUsage, seen.tier);
  const percent = percentOf(prices, deployment, seen.asked ?? {}, reported);
  const tier = reported.tier ?? (reported.speed === "fast" ? "fast" : undefined);
  const cost = { ...costAt(prices, deployment, percent, rawUsage, seen), ...(tier && { serviceTier: tier }) };
  const own = cost.microdollars === null ? costReported(rawUsage) : null;
  return own === null ? cost : { ...cost, microdollars: own, source: "provider" };
}

function costAt(
  prices: Prices,
  deployment: Deployment,
  percent: number | null,
  rawUsage: RawUsage | null,
  seen: Seen,
): Cost {
  const reported = rawUsage === null ? undefined : reportedCost(prices, deployment, percent, rawUsage, seen);
  if (reported !== undefined) return reported;
  const usage: Usage = {
    inputTokens: seen.inputTokens,
    outputTokens: seen.outputTokens,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  };
  return { usage, microdollars: mostAt(prices, deployment, percent, seen) };
}

/** The deployment as it is priced: by the model that the provider says answered, where that is another one with a price. */
function answering(prices: Prices, deployment: Deployment, model: string | undefined): Deployment {
  if (model === undefined || model === "" || isSameModel(model, deployment.model)) return deployment;
  const isPriced = prices.rates(deployment.provider.priceProvider, model) !== null;
  return isPriced ? { ...deployment, model, price: null } : deployment;
}

/** What decides a price other than the tokens, where a provider says afterwards what it was. */
const measures = ["tier", "speed", "geo"] as const;

/**
 * What the service costs in percent of the ordinary price, by what was reported or else asked for; null when unknown.
 * A discount counts only where it is reported, and a word of a provider whose services are not known says nothing.
 */
function percentOf(prices: Prices, { provider, model }: Deployment, asked: Service, reported: Service): number | null {
  const given = servicePercentAt(prices, { provider, model }, { ...asked, ...reported });
  if (measures.some((of) => asked[of] !== undefined && reported[of] === undefined)) {
    return given === null ? null : Math.max(provider.pricePercent, given);
  }
  const isUnasked = measures.every((of) => asked[of] === undefined);
  return given ?? (isUnasked && !knowsServices(provider.priceProvider) ? provider.pricePercent : null);
}

/** What a service costs at a provider's endpoint in percent of the list's price; null when unknown. */
function servicePercentAt(
  prices: Prices,
  { provider, model }: Pick<Deployment, "provider" | "model">,
  service: Service,
): number | null {
  const percent = prices.servicePercent(provider.priceProvider, model, service);
  return percent === null ? null : Math.ceil((percent * provider.pricePercent) / 100);
}

/**
 * What a call cost whose stream was cut off: the provider's account is of a moment before the end (some begin with one output
 * token), so what came out counts at least.
 */
export function costOfCut(prices: Prices, deployment: Deployment, rawUsage: RawUsage | null, seen: Seen): Cost {
  const cost = costOf(prices, deployment, rawUsage, seen);
  const { usage, microdollars } = cost;
  const missing = seen.outputTokens - usage.outputTokens;
  if (missing <= 0) return cost;
  const more = estimateOf(prices, deployment, { inputTokens: 0, outputTokens: missing }, seen.asked);
  return {
    ...cost,
    usage: { ...usage, outputTokens: seen.outputTokens, estimated: true },
    microdollars: microdollars === null || more === null ? null : microdollars + more,
  };
}

/** The most that a call can cost in the service that it asks for, for its reservation; null when no price is known. */
export function estimateOf(prices: Prices, deployment: Deployment, seen: Seen, asked: Service = {}): number | null {
  const percent = servicePercentAt(prices, deployment, asked);
  // A cheaper service may not be given.
  const most = percent === null ? null : Math.max(deployment.provider.pricePercent, percent);
  return mostAt(prices, deployment, most, { ...seen, asked });
}

function mostAt(prices: Prices, deployment: Deployment, percent: number | null, seen: Seen): number | null {
  if (percent === null) return null;
  const { provider, model } = deployment;
  return (
    prices.estimate(provider.priceProvider, model, seen, undefined, percent) ??
    listed(deployment, seen, percent, seen.asked)
  );
}

/** The provider's own account; undefined when it cannot be believed. */
function reportedCost(
  prices: Prices,
  deployment: Deployment,
  percent: number | null,
  rawUsage: RawUsage,
  seen: Seen,
): Cost | undefined {
  try {
    const { provider, model } = deployment;
    const priced = prices.price(provider.priceProvider, model, rawUsage, undefined, percent ?? undefined);
    const { usage } = priced;
    if (usage.inputTokens + usage.outputTokens > mostTokens) return undefined;
    // Nothing read, or nothing written though there is something to see: an account that would make calls free.
    if (usage.inputTokens === 0 || (usage.outputTokens === 0 && seen.outputTokens > 0)) return undefined;
    if (percent === null) return { usage, microdollars: null };
    return { usage, microdollars: priced.microdollars ?? listed(deployment, usage, percent, seen.asked) };
  } catch {
    return undefined;
  }
}

/** The cost by the catalogue's price, which is one of text, rounded half up, exactly; null when it has none. */
function listed(
  { price }: Deployment,
  { inputTokens, outputTokens }: Seen,
  percent: number,
  asked: Service = {},
): number | null {
  if (price === null || asked.media !== undefined) return null;
  const sum =
    BigInt(inputTokens) * BigInt(price.inputMicrodollarsPerMillion) +
    BigInt(outputTokens) * BigInt(price.outputMicrodollarsPerMillion);
  const unit = BigInt(million) * 100n;
  return Number((sum * BigInt(percent) + unit / 2n) / unit);
}
