/** How a deployment does. */
export interface Health {
  readonly state: "configured" | "unconfigured" | "degraded" | "open";
  /** Share of recent calls that succeeded, 0 to 1; 1 while nothing is known. */
  readonly success: number;
  /** Calls under way as a share of what it takes, 0 to 1. */
  readonly load: number;
  /** Measured latency, milliseconds; null while too little is known. */
  readonly latencyMs: number | null;
}
