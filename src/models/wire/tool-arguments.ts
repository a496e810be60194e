// Arguments of tools are text in the neutral form and objects in the dialects of Anthropic and Google.
import { parseLossless } from "../../kernel/json-exact.ts";
import { maxArgumentsChars } from "../../kernel/limits.ts";
import { isObject } from "./fields.ts";
import type { JsonObject } from "./fields.ts";

/**
 * The object that a model wrote as arguments; empty text means no arguments. Text that is not a JSON object, or too long for one, is wrapped under
 * `INVALID_JSON`, as Anthropic's page "Fine-grained tool streaming" advises, so that a conversation in which a model once
 * wrote nonsense can go on.
 */
export function parseArguments(text: string): Readonly<Record<string, unknown>> {
  if (text.trim() === "") return {};
  return objectOf(text) ?? wrapped(text);
}

/** The same as text: as the model wrote it where that is an object, and empty where there are no arguments. */
export function argumentsText(text: string): string {
  if (text.trim() === "") return "";
  return objectOf(text) === undefined ? JSON.stringify(wrapped(text)) : text;
}

function objectOf(text: string): JsonObject | undefined {
  if (text.length > maxArgumentsChars) return undefined;
  try {
    const value: unknown = parseLossless(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function wrapped(text: string): JsonObject {
  return { INVALID_JSON: text };
}
