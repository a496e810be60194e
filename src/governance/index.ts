// The entry point of the gate.
export { openGate } from "./act.ts";
export type { Gate } from "./act.ts";
export type { Act, Attempt, ActHandle, ActResult, Receipted, Receipt } from "./attempt.ts";
export type { HaltAdministration } from "./halt-administration.ts";
export { openHalts } from "./halts.ts";
export type { Halt, Halts } from "./halts.ts";
export { governanceFault, unknownProduct } from "./errors.ts";
export { governanceMigrations } from "./store/migrations.ts";
export { HiddenSearch, mayHide } from "./threats/index.ts";
export type { Finding, ThreatInput } from "./threats/index.ts";
export type { Run } from "./attempt.ts";
export { authorityOfAccount, authorityOfChange, authorityOfClient, authorityOfKey, heldBy } from "./attenuation.ts";
export type { Authority } from "./attenuation.ts";
export { passingOnDenied } from "./permission.ts";
