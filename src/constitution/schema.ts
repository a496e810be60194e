// The Cedar schema: the words that policies may use. Its meaning is its parsed form, without comments and white space.
import { schemaToJson } from "@cedar-policy/cedar-wasm/nodejs";
import type { SchemaJson } from "@cedar-policy/cedar-wasm/nodejs";
import { digestOfJson } from "../kernel/hash.ts";
import type { Digest } from "../kernel/hash.ts";
import { excessIn } from "./cedar-text.ts";
import { cedarProblem } from "./policies.ts";
import type { Problem } from "../kernel/problem.ts";

/** A parsed schema, or what is wrong with it. */
export type ParsedSchema =
  | { readonly json: SchemaJson<string>; readonly digest: Digest; readonly problems: readonly [] }
  | { readonly json: undefined; readonly digest: undefined; readonly problems: readonly Problem[] };

/** Parses a schema in Cedar's own syntax. Never throws. */
export function parseSchema(file: string, text: string): ParsedSchema {
  const excess = excessIn(file, text);
  if (excess !== undefined) return { json: undefined, digest: undefined, problems: [excess] };
  const answer = schemaToJson(text);
  const wrong = answer.type === "failure" ? answer.errors : answer.warnings;
  if (answer.type === "failure" || wrong.length > 0) {
    const problems = wrong.map((error) => cedarProblem(file, text, 0, error));
    return { json: undefined, digest: undefined, problems };
  }
  return { json: answer.json, digest: digestOfJson(answer.json), problems: [] };
}
