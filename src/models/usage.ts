// What one model call used, as its provider bills it. Integers; parts are contained in their totals.

/** Tokens and fees of one call. */
export interface Usage {
  /** All tokens of the prompt, those read from and written to the provider's cache included. */
  readonly inputTokens: number;
  /** All tokens of the reply, reasoning included. */
  readonly outputTokens: number;
  /** Part of `inputTokens`. */
  readonly cacheReadTokens: number;
  /** Part of `inputTokens`. */
  readonly cacheWriteTokens: number;
  /** Part of `outputTokens`. */
  readonly reasoningTokens: number;
  /** True when the provider reported nothing that could be believed and the numbers are Charter's own estimate. */
  readonly estimated: boolean;
}

/** What a call used and cost. */
export interface Cost {
  readonly usage: Usage;
  /** Integer micro-dollars; null when the price is unknown. */
  readonly microdollars: number | null;
  /** The service that the provider says it gave, where it says so. */
  readonly serviceTier?: string;
  /** Who says what it cost, where that is the provider: no price of the model is known. */
  readonly source?: "provider";
}

/** What a call that never reached a model used. */
export const noUsage: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  estimated: false,
};
