// The database as a domain: the codes of what goes wrong with it.
import type { Module } from "../kernel/module.ts";
import type { Meter } from "../kernel/meter.ts";
import { dbMetrics } from "./metrics.ts";
import { dbCodes } from "./errors.ts";

/** The database. */
export const dbModule = {
  name: "db",
  metrics: { title: "Database", declare: (meter: Meter) => void dbMetrics(meter) },
  codes: dbCodes,
} as const satisfies Module;
