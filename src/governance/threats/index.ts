// The door of the inline detectors.
export { ordinaryThreatLimits } from "./circumstances.ts";
export { detectors, scanThreats } from "./detectors.ts";
export { isServerOwned } from "./metadata-poisoning.ts";
export { inlineThreatIds } from "./threat.ts";
export type { Detector, Finding, InlineThreatId, Response, Severity, ThreatInput, ThreatLimits } from "./threat.ts";
