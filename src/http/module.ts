// The HTTP door's own codes and operations.
import type { Module } from "../kernel/module.ts";
import { doorOperations } from "./door-operations.ts";
import { httpCodes } from "./errors.ts";

/** The door. */
export const httpModule = {
  name: "http",
  codes: httpCodes,
  operations: doorOperations,
  nouns: {
    index: "The signpost.",
    openapi: "This description.",
    health: "Whether the process is alive.",
    ready: "Whether writes would be accepted.",
  },
} as const satisfies Module;
