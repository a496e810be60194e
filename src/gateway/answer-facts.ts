// What an answer says about itself.
import type { FormVerdict } from "./reply-form.ts";

/** What an answer says about itself; the headers of a whole answer, the last comment of a streamed one. */
export interface AnswerFacts {
  readonly decision: "allow";
  readonly intentIndex: number;
  readonly outcomeIndex: number | null;
  readonly tier: number;
  /** Which deployment answered; null for an answer that was kept. */
  readonly deployment: string | null;
  /** The model, as the provider names it. */
  readonly model: string;
  readonly microdollars: number | null;
  readonly cache: "hit" | "miss" | "bypass";
  readonly overheadMicros: number;
  /** Whether the reply has the form asked for; absent where none was. At the head of a stream it is not known. */
  readonly schema?: FormVerdict;
  /** Names of what the caller asked for and the provider that answered was not told. */
  readonly dropped?: readonly string[];
}

/** What the head of an answer says; the model is null for a stream that no one has begun yet. */
export type HeadFacts = Omit<AnswerFacts, "model"> & { readonly model: string | null };
