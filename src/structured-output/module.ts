// Structured output as a domain.
import type { Module } from "../kernel/module.ts";
import { outputCodes } from "./errors.ts";

/** Structured output. */
export const structuredOutputModule = { name: "structured-output", codes: outputCodes } as const satisfies Module;
