// The entry point of the parameters: what a call asks of its provider other than words, what the terms say to it, and what goes on record.
export { assess, bounded } from "./assessment.ts";
export type { Assessment } from "./assessment.ts";
export { parameterCodes } from "./errors.ts";
