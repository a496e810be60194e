// The door of the inline detectors.
export { scanThreats } from "./detectors.ts";
export { hiddenInValue } from "./hidden-text.ts";
export type { Finding, ThreatInput, ThreatLimits } from "./threat.ts";
