// Reads what servers of the OpenAI dialects put into the body of an error.
import { isObject } from "../wire/fields.ts";

/** A provider's words about an error. */
export interface ProviderError {
  readonly code?: string;
  readonly message?: string;
}

/**
 * The code and sentence of an error body: OpenAI's `{"error": {message, type, code}}`, the same in a list (Google), `error`
 * as a sentence (Ollama), `{"object": "error", message, code}` (vLLM), and `{"detail": ...}` (FastAPI).
 */
export function readChatError(body: unknown): ProviderError | undefined {
  const found = Array.isArray(body) ? (body[0] as unknown) : body;
  if (!isObject(found)) return undefined;
  const error = found["error"] ?? (found["object"] === "error" ? found : found["detail"]);
  if (typeof error === "string") return { message: error };
  if (isObject(error)) return wordsOf(error);
  return undefined;
}

function wordsOf(error: Readonly<Record<string, unknown>>): ProviderError {
  const words: { code?: string; message?: string } = {};
  for (const value of [error["status"], error["type"], error["code"]]) {
    if (typeof value === "number" || (typeof value === "string" && value !== "")) words.code = `${value}`;
  }
  if (typeof error["message"] === "string") words.message = error["message"];
  return words;
}
