// The entry point of the gateway: calls of models, what they may cost, and how the models stand.
export type { BodyKeeper, KeptBody, KeptCall } from "./bodies.ts";
export { gatewayFault } from "./errors.ts";
export { Gateway } from "./gateway.ts";
export type { ModelStatus } from "./gateway.ts";
export type { GatewayDrivers } from "./module.ts";
export type { GatewayObserver } from "./observer.ts";
export { resetBreakers } from "./breaker-resets.ts";
export { chatOf, dollars, named, optionsOf, routeAnswer } from "./compatibility.ts";
export type { RouterQuery } from "./compatibility.ts";
export { explanationOf, schemaModes, unsupportedModes } from "./prepared.ts";
export type { AdmittedCall, CallOptions, SchemaMode } from "./prepared.ts";
export type { AttemptFacts, CallFacts, Phase } from "./observer.ts";
export type { Health } from "../deployments/index.ts";
export type { AnswerFacts, HeadFacts } from "./answer-facts.ts";
export type { ModelAnswer } from "./stages/settle.ts";
