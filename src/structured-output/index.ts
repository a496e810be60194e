// The entry point of structured output: the parsers and schema checks for what models answer.
export { parseText } from "./context.ts";
export type { DataKind } from "./context.ts";
export { parseData } from "./data.ts";
export type { DataKinds } from "./data.ts";
export { formChecker } from "./form.ts";
export type { FormChecker } from "./form.ts";
export { maxDataChars } from "./json-text.ts";
export { recordReader } from "./records.ts";
export type { Pattern, PatternReport, PlannedAction, RecordReader, Synthesis, Vote } from "./records.ts";
export type { Parsed, Refusal } from "./refusal.ts";
export { schemaCompiler } from "./schema.ts";
export type { SchemaCheck, SchemaCompiler } from "./schema.ts";
export { outputFault } from "./errors.ts";
