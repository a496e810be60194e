// The door of the gateway: calls of models, what they may cost, and how the models stand.
export type { BodyKeeper, KeptBody, KeptCall } from "./bodies.ts";
export { budgetCodes } from "./budgets/index.ts";
export type { Budgets } from "./budgets/index.ts";
export { AnswerCache, cacheCodes, readCacheControl } from "./cache/index.ts";
export type { AnswerStore } from "./cache/index.ts";
export {
  catalogueCodes,
  defaultCatalogueText,
  Lookup,
  readCatalogue,
  simulatedDeployments,
} from "./catalogue/index.ts";
export type { Provider, SecretSource } from "./catalogue/index.ts";
export type { DialectName } from "./conversation.ts";
export type { AnswerFacts } from "./course.ts";
export { openAnalyser } from "./analyser/index.ts";
export { frontDialects, upstreamDialects } from "./dialects/index.ts";
export { gatewayCodes, gatewayFault } from "./errors.ts";
export { Fleet } from "./fleet.ts";
export { Gateway } from "./gateway.ts";
export type { ModelAnswer, ModelStanding } from "./gateway.ts";
export { guardCodes } from "./guards/index.ts";
export { observers } from "./observer.ts";
export type { GatewayObserver } from "./observer.ts";
export { resetBreakers } from "./breaker-resets.ts";
export { chatOf, dollars, named, optionsOf, routeAnswer } from "./predecessor.ts";
export type { RouterQuery } from "./predecessor.ts";
export { explanationOf, schemaModes } from "./prepared.ts";
export type { CallOptions, SchemaMode } from "./prepared.ts";
export { openPrices, priceCodes } from "./prices/index.ts";
export { strategies } from "./strategy.ts";
export type { Strategy } from "./strategy.ts";
export type { Upstream } from "./upstreams/index.ts";
