// Reads a streamed chat completion and what Charter says about it in the comment before its end.
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fieldList, fieldNumber, fieldText } from "./record.ts";

/** What became of an answer. */
export interface ChatEnd {
  readonly text: string;
  readonly facts: {
    readonly tier: number;
    readonly model: string;
    /** Integer micro-dollars; null when the price is unknown. */
    readonly microdollars: number | null;
    readonly cache: string;
    readonly intentIndex: number;
  };
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number };
  /** Why the stream broke off. */
  readonly error?: string;
}

/** The comment that holds the facts. */
const factsComment = ": charter ";

/** Reads a stream to its end; each piece of text is handed on as it comes. */
export async function readChat(body: Readable, onText: (piece: string) => void): Promise<ChatEnd> {
  let text = "";
  let facts: unknown;
  let usage: ChatEnd["usage"];
  let error: string | undefined;
  for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.startsWith(factsComment)) facts = parsed(line.slice(factsComment.length));
    if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
    const chunk = parsed(line.slice("data: ".length));
    const [choice] = fieldList(chunk, "choices");
    const piece = fieldText(choice, "delta.content") ?? "";
    text += piece;
    if (piece !== "") onText(piece);
    const [inputTokens, outputTokens] = [
      fieldNumber(chunk, "usage.prompt_tokens"),
      fieldNumber(chunk, "usage.completion_tokens"),
    ];
    if (inputTokens !== undefined && outputTokens !== undefined) usage = { inputTokens, outputTokens };
    error ??= fieldText(chunk, "error.message");
  }
  if (facts === undefined) error ??= "the connection ended early";
  return {
    text,
    facts: {
      tier: fieldNumber(facts, "tier") ?? 0,
      model: fieldText(facts, "model") ?? "?",
      microdollars: fieldNumber(facts, "microdollars") ?? null,
      cache: fieldText(facts, "cache") ?? "?",
      intentIndex: fieldNumber(facts, "intent_index") ?? 0,
    },
    ...(usage === undefined ? {} : { usage }),
    ...(error === undefined ? {} : { error }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
