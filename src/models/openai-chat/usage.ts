// Usage as chat completions report it.
import type { Usage } from "../usage.ts";
import type { JsonObject } from "../wire/fields.ts";

/**
 * The usage to show: the provider's own body where it is of this dialect and was believed, otherwise one built from what was
 * read or estimated; undefined when nothing is known.
 */
export function writeChatUsage(raw: JsonObject | null, usage: Usage | null): JsonObject | undefined {
  const own = raw !== null && typeof raw["prompt_tokens"] === "number" && typeof raw["total_tokens"] === "number";
  if (own && usage?.estimated !== true) return raw;
  if (usage === null) return undefined;
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cacheReadTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}

/** Most tokens whose probabilities are added up. */
const mostTokens = 250_000;

/** Adds up the natural logarithms of the probabilities in a choice's `logprobs`. */
export class LogprobMean {
  #sum = 0;
  #count = 0;

  add(logprobs: unknown): void {
    const content = (logprobs as { content?: unknown } | null | undefined)?.content;
    // No answer has so many tokens, and all are gone through in one go.
    if (!Array.isArray(content) || content.length > mostTokens) return;
    for (const token of content as readonly ({ logprob?: unknown } | null)[]) {
      if (typeof token?.logprob !== "number") continue;
      this.#sum += token.logprob;
      this.#count += 1;
    }
  }

  /** The mean, undefined where no token had one. */
  get mean(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }
}
