// Deployments: who of those that may answer is asked with which key, how each product's calls go there, and what failures mean.
export { chargeOf, doesNotKnow, mayPass, reportedFault, StatusFault, StreamCutShort, wasAccepted } from "./faults.ts";
export type { Health } from "./health.ts";
export { keyStates } from "./key-check.ts";
export type { KeyCheck } from "./key-check.ts";
export { DeploymentPool } from "./pool.ts";
export type { Attempt, UpstreamResponse } from "./pool.ts";
