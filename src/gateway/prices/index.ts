// The door to prices.
export { priceCodes } from "./errors.ts";
export { openPrices } from "./prices.ts";
export type { PricedUsage, Prices, TokenCounts } from "./prices.ts";
export type { TokenRates } from "./tariff.ts";
export { mergeUsage } from "./usage-merge.ts";
