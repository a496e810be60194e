// The entry point of deliberation: a question thought about in several ways, and the host that it is thought on.
export { answerModes, fallbackReasons } from "./answer.ts";
export type { BranchRecord, DeliberationAnswer, DeliberationRecord } from "./answer.ts";
export { Deliberation } from "./deliberation.ts";
export type { DeliberationParts, Question } from "./deliberation.ts";
export { branchNames, cognitiveModes, maxDepth } from "./governor.ts";
export type { HostState } from "./host.ts";
export type { ModelClient } from "./model-client.ts";
export { thermalStates } from "./vitals.ts";
export type { Sensors, ThermalState, Vitals } from "./vitals.ts";
