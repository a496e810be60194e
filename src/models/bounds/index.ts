// The entry point of the bounds: the most that an attempt at a call can cost.
export { boundOf } from "./bound.ts";
export type { TokenBound } from "./bound.ts";
export { likelyTokensOf } from "./likely.ts";
export { RuleTrusts } from "./rule-trust.ts";
export { mostTokensOfBytes, mostTokensOfText } from "./text-bound.ts";
