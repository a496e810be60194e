// Models and their providers as a domain.
import type { Module } from "../kernel/module.ts";
import { modelCodes } from "./errors.ts";
import { catalogueCodes } from "./catalogue/errors.ts";
import { priceCodes } from "./prices/errors.ts";

/** Models and their providers. */
export const modelsModule = {
  name: "models",
  codes: { ...modelCodes, ...catalogueCodes, ...priceCodes },
} as const satisfies Module;
