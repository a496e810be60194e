// What is kept of an answer, and which answers are worth keeping.
import type { Finish, Reply, StreamEvent, Usage } from "../models/index.ts";

/** Something small that the gateway wants to see again with the answer: tier, cost, the dialect of the upstream. */
export type AnswerFacts = Readonly<Record<string, string | number | boolean | null>>;

/** An answer as the gateway gives it away to be kept. */
export interface Answer {
  readonly reply: Reply;
  /** Which deployment answered. */
  readonly deployment: string;
  readonly facts: AnswerFacts;
  /** The pieces in which it came, when it was streamed. */
  readonly pieces?: readonly StreamEvent[];
  /** The body as the caller got it, in the dialect of the call; for callers that want it whole, parameter for parameter. */
  readonly body?: string;
  /** The reply has not the form that was asked for; asked again, it may have. */
  readonly misfits?: boolean;
}

/** An answer as it comes back. What is large is read only when asked for. */
export interface HeldAnswer {
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly deployment: string;
  /** The model as the provider names it. */
  readonly model: string;
  readonly usage: Usage | null;
  readonly facts: AnswerFacts;
  /** The body for a caller that wants it whole; undefined when none was given. UTF-8; not to be changed. */
  readonly body: Buffer | undefined;
  /** Whether the answer can be streamed. */
  readonly streams: boolean;
  /** The sealed record itself. Not to be changed. */
  readonly record: Buffer;
  /** The whole reply. */
  reply(): Reply;
  /** The pieces as they came, or else the reply cut into few; empty when it cannot be streamed. */
  pieces(): readonly StreamEvent[];
}

/**
 * Ends after which a reply is kept. A filter, a refusal or an end for no known reason may not happen again, and keeping
 * it would make a moment's bad luck last for hours.
 */
const keptFinishes: ReadonlySet<Finish> = new Set<Finish>(["stop", "length", "tool_calls"]);

/** Whether an answer is worth keeping: it has its form, holds something, and every choice ended as it would again. */
export function isWorthKeeping({ reply: { choices, vectors }, misfits }: Pick<Answer, "reply" | "misfits">): boolean {
  if (misfits === true) return false;
  if (vectors !== undefined) return vectors.length > 0;
  return choices.length > 0 && choices.every(({ parts, finish }) => parts.length > 0 && keptFinishes.has(finish));
}
