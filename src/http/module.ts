// The HTTP door's own codes and operations.
import type { Meter } from "../kernel/meter.ts";
import type { Module } from "../kernel/module.ts";
import { doorOperations } from "./door-operations.ts";
import { httpCodes } from "./errors.ts";
import { unasked } from "../kernel/meter.ts";
import { httpMetrics } from "./metrics.ts";

/** The HTTP entry point. */
export const httpModule = {
  name: "http",
  metrics: {
    title: "HTTP door",
    declare: (meter: Meter) => {
      httpMetrics(meter, { operations: [], codes: [], running: unasked, connections: unasked });
    },
  },
  codes: httpCodes,
  operations: doorOperations,
  nouns: {
    index: "The signpost.",
    openapi: "This description.",
    health: "Whether the process is alive.",
    ready: "Whether writes would be accepted.",
  },
} as const satisfies Module;
