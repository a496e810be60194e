// Arguments of tools are text in the neutral form and objects in the dialects of Anthropic and Google.
import { parseLossless } from "../../kernel/json-exact.ts";
import { maxArgumentsChars } from "../../kernel/limits.ts";
import { isObject } from "./fields.ts";

/**
 * The object that a model wrote as arguments; empty text means no arguments. Text that is not a JSON object, or too long for one, is wrapped under
 * `INVALID_JSON`, as Anthropic's page "Fine-grained tool streaming" advises, so that a conversation in which a model once
 * wrote nonsense can go on.
 */
export function parseArguments(text: string): Readonly<Record<string, unknown>> {
  if (text.length > maxArgumentsChars) return { INVALID_JSON: text };
  if (text.trim() === "") return {};
  try {
    const value: unknown = parseLossless(text);
    if (isObject(value)) return value;
  } catch {
    // Falls through: the words are kept as they are.
  }
  return { INVALID_JSON: text };
}
