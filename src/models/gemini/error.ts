// Errors of Google's APIs: `{"error": {code, message, status, details}}`, in a list where a stream was asked for without SSE.
import type { ProviderWords } from "../conversation.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";

/**
 * What an error body says; the code is the status's name, such as RESOURCE_EXHAUSTED, the type the reason among the details
 * (API_KEY_INVALID) or the quota that is used up.
 */
export function readGeminiError(body: unknown): ProviderWords | undefined {
  const found: unknown = Array.isArray(body) ? body[0] : body;
  if (!isObject(found) || !isObject(found["error"])) return undefined;
  const { status, message, details } = found["error"];
  const words: Draft<ProviderWords> = {};
  if (typeof status === "string") words.code = status;
  if (typeof message === "string") words.message = message;
  if (Array.isArray(details)) for (const detail of details as unknown[]) if (isObject(detail)) read(detail, words);
  return words;
}

function read(detail: JsonObject, words: Draft<ProviderWords>): void {
  const { reason, violations, retryDelay } = detail;
  if (typeof reason === "string") words.type ??= reason;
  const first: unknown = Array.isArray(violations) ? violations[0] : undefined;
  if (isObject(first) && typeof first["quotaId"] === "string") words.type ??= first["quotaId"];
  const seconds = typeof retryDelay === "string" ? /^(\d+(?:\.\d+)?)s$/.exec(retryDelay)?.[1] : undefined;
  if (seconds !== undefined) words.retryAfter = seconds;
}
