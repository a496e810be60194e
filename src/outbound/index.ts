// The entry point of the upstreams of src/gateway: how a request gets to a deployment, and what is known about its health.
// The drivers, undici-upstream.ts and simulated-upstream.ts, are named by the composition root alone.
export { UpstreamFault } from "./upstream.ts";
export type {
  Retryability,
  DeadlineName,
  Deadlines,
  Upstream,
  UpstreamAnswer,
  UpstreamFaultCode,
  UpstreamRequest,
} from "./upstream.ts";
export { Breakers, outcomeOf } from "./breaker.ts";
export type { Breaker } from "./breaker.ts";
export type { BreakerState, BreakerStats, BreakerTerms, CallOutcome, Permit } from "./breaker.ts";
export { RetryBudget, backoffMs } from "./retries.ts";
export type { BackoffTerms, RetryTerms } from "./retries.ts";
export { Concurrency } from "./concurrency.ts";
export type { ConcurrencyTerms, LoadFigures, Place } from "./concurrency.ts";
export { collected, deadlineFault, oversizeFault } from "./upstream.ts";
