// The entry point of the rates of src/identity: what counts, and which limits apply to whom.
export type { Counter, Limit, Taken } from "./counter.ts";
export { Rates } from "./policy.ts";
export type { Counted, RateTerms } from "./policy.ts";
export { countedAddress } from "./address.ts";
