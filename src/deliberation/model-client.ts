// What answers the questions of a deliberation. One client serves one deliberation.

/** One message of a conversation. */
export interface Message {
  readonly role: "system" | "user";
  readonly content: string;
}

/** How a question is asked. */
export interface AskTerms {
  readonly temperature: number;
  /** Most tokens of the answer. */
  readonly maxTokens: number;
  /** Aborts when the answer is no longer wanted. */
  readonly signal: AbortSignal;
  /** JSON Schema that the answer is to follow. Whether it does is for the asker to check. */
  readonly schema?: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> };
}

/** An answer. */
export interface Completion {
  readonly text: string;
  /** Integer micro-dollars; null when the price is unknown. */
  readonly microdollars: number | null;
  /** Tokens of question and answer; null when not reported. */
  readonly tokens: number | null;
  /** The model, as its provider names it. */
  readonly model: string;
  /** Ledger index of the call's intent; null where calls are not on record. */
  readonly intentIndex: number | null;
}

/** Answers questions. */
export interface ModelClient {
  /** The product that pays; null when none does. */
  readonly product: string | null;
  /** Resolves with an answer. Rejects with the fault that refused it, or with whatever went wrong. */
  ask(messages: readonly Message[], terms: AskTerms): Promise<Completion>;
}
