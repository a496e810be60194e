// The entry point of prices.
export { openPrices } from "./prices.ts";
export type { PricedUsage, Prices, TokenCounts } from "./prices.ts";
export { costReported, knowsServices, serviceReported } from "./service-factors.ts";
export type { Service } from "./service-factors.ts";
export type { TokenRates } from "./tariff.ts";
export { mergeUsage } from "./usage-merge.ts";
