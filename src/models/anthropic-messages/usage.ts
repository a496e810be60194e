// Usage as the Messages API reports it: cached tokens are reported next to `input_tokens`, not inside them.
import type { Usage } from "../usage.ts";
import type { JsonObject } from "../wire/fields.ts";

/** What is shown while nothing is known: the field has to be there. */
export const unknownUsage: JsonObject = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};

/**
 * The usage to show: the provider's own body where it is of this dialect and was believed, otherwise one built from what was
 * read or estimated.
 */
export function writeMessagesUsage(raw: JsonObject | null, usage: Usage | null): JsonObject {
  if (raw !== null && isOwnUsage(raw) && usage?.estimated !== true) return raw;
  if (usage === null) return unknownUsage;
  return {
    input_tokens: usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens,
    output_tokens: usage.outputTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cacheReadTokens,
    ...(usage.reasoningTokens > 0 ? { output_tokens_details: { thinking_tokens: usage.reasoningTokens } } : {}),
  };
}

/** OpenAI's Responses API uses the same two names, but counts cached tokens inside and gives a total. */
function isOwnUsage(raw: JsonObject): boolean {
  const counted = typeof raw["input_tokens"] === "number" && typeof raw["output_tokens"] === "number";
  return counted && raw["total_tokens"] === undefined && raw["input_tokens_details"] === undefined;
}

/**
 * Merges a later report of usage over an earlier one. The counts of `message_delta` are cumulative, so they win where they
 * are present; null and absent fields say nothing.
 */
export function mergeUsage(earlier: JsonObject, later: JsonObject): JsonObject {
  const reported = Object.entries(later).filter(([, value]) => value !== null && value !== undefined);
  return { ...earlier, ...Object.fromEntries(reported) };
}
