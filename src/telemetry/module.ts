// Telemetry as a domain: the metrics that are asked for.
import type { Module } from "../kernel/module.ts";
import { telemetryOperations } from "./operations.ts";

/** Metrics. */
export const telemetryModule = {
  name: "telemetry",
  operations: telemetryOperations,
  nouns: { metrics: "All metrics, in the Prometheus text format." },
} as const satisfies Module;
