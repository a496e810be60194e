// The entry point of the inline detectors.
export { scanThreats } from "./detectors.ts";
export { HiddenSearch, mayHide } from "./hidden-search.ts";
export type { Finding, ThreatInput, ThreatLimits } from "./threat.ts";
