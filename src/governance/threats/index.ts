// The door of the inline detectors.
export { scanThreats } from "./detectors.ts";
export type { Finding, ThreatInput, ThreatLimits } from "./threat.ts";
