// What the gateway must know of a call before anybody answers it: its last words, about how many tokens it is, and what it
// asks of a model. Pure.
import type { ModelCall, Part, Reply } from "./conversation.ts";
import { valueAt } from "./parameters/json.ts";

/** Tokens that an image counts for of unknown size: a large one at OpenAI and Anthropic is 1 100 to 1 600. */
const imageTokens = 1500;
/** Tokens that a turn or a tool costs on top of its text. */
const turnTokens = 4;
/** Bytes of base64 for one token of a file or a recording; generous. */
const bytesPerMediaToken = 16;

/** The text that says what is wanted: the last turn that a person said. */
export function lastWords({ turns, inputs }: ModelCall): string {
  for (let i = turns.length - 1; i >= 0; i--) {
    const turn = turns[i];
    if (turn?.role !== "user") continue;
    const text = textOf(turn.parts);
    if (text !== "") return text;
  }
  return inputs?.[0] ?? "";
}

/** The plain text of a turn. */
export function textOf(parts: readonly Part[]): string {
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "text") return only.text;
  return parts.flatMap((part) => (part.kind === "text" ? [part.text] : [])).join("\n");
}

/** Whether any part is of a kind. */
export function hasPart({ turns }: ModelCall, kind: Part["kind"]): boolean {
  return turns.some(({ parts }) => parts.some((part) => part.kind === kind));
}

/**
 * About how many tokens a text is: four characters of a Latin script, one of any other. Meant to be a little too much, since
 * room is reserved by it.
 */
export function tokensOfText(text: string): number {
  return new TokenEstimator().add(text).tokens;
}

/** Characters up to which counting costs less than asking the engine. */
const fewChars = 64;

/** Adds texts up to about so many tokens; the same for a text in pieces as for the whole of it. */
export class TokenEstimator {
  #narrow = 0;
  #wide = 0;

  /** Adds a piece. */
  add(text: string): this {
    // The engine compares faster than the loop below counts.
    if (text.length > fewChars && Buffer.byteLength(text) === text.length) {
      this.#narrow += text.length;
      return this;
    }
    let wide = 0;
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x24f) wide++;
    this.#wide += wide;
    this.#narrow += text.length - wide;
    return this;
  }

  /** About how many tokens they are together. */
  get tokens(): number {
    return Math.ceil(this.#narrow / 4) + this.#wide;
  }
}

/** About how many tokens came out. */
export function tokensOfReply({ choices }: Reply): number {
  const tally = new TokenEstimator();
  for (const { parts } of choices) {
    for (const part of parts) {
      if ("text" in part) tally.add(part.text);
      else if (part.kind === "tool_call") tally.add(part.arguments);
    }
  }
  return tally.tokens;
}

/** About how many tokens go in. */
export function inputTokensOf(call: ModelCall): number {
  let tokens = 0;
  for (const { parts } of call.turns) {
    tokens += turnTokens;
    for (const part of parts) tokens += tokensOfPart(part);
  }
  for (const tool of call.tools) {
    tokens += turnTokens + tokensOfText(tool.name) + tokensOfText(tool.description ?? "");
    if (tool.parameters !== undefined) tokens += tokensOfText(JSON.stringify(tool.parameters));
  }
  tokens += call.inputTokens ?? 0;
  for (const input of call.inputs ?? []) tokens += tokensOfText(input);
  if (call.form.kind === "schema") tokens += tokensOfText(JSON.stringify(call.form.schema));
  for (const pointer of call.untranslated ?? [])
    tokens += tokensOfText(JSON.stringify(valueAt(call.raw, pointer)) ?? "");
  return tokens;
}

/** Names under which servers take a limit of the output; which of several counts, each decides for itself. */
const outputLimitNames = [
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "max_new_tokens",
  "num_predict",
  "min_tokens",
];
/** Names of every number by which room for the output is reserved. */
export const limitNames: readonly string[] = [...outputLimitNames, "n", "best_of"];
/** Most output tokens that are reckoned with: beyond it no budget has room, and sums and prices stay exact. */
const mostOutputTokens = 200_000_000;

/** The most that may come out of a call, by whatever in its body a server could go by. @param otherwise Without a limit. */
export function outputTokensOf(call: ModelCall, otherwise: number): number {
  return Math.min(mostOutputTokens, answerTokensOf(call, otherwise) * answersOf(call));
}

/** The most tokens of one answer, by whatever in its body a server could go by. @param otherwise Without a limit. */
export function answerTokensOf({ raw, maxOutputTokens }: ModelCall, otherwise: number): number {
  let most = maxOutputTokens ?? otherwise;
  for (const name of outputLimitNames) most = Math.max(most, countIn(raw, name));
  return Math.min(mostOutputTokens, most);
}

/** How many answers are made, whether or not they are shown. */
export function answersOf({ raw, choices }: ModelCall): number {
  return Math.min(mostOutputTokens, Math.max(choices, countIn(raw, "n"), countIn(raw, "best_of")));
}

function countIn(raw: ModelCall["raw"], name: string): number {
  const value = raw[name];
  return typeof value === "number" && value > 0 ? Math.ceil(value) : 0;
}

function tokensOfPart(part: Part): number {
  switch (part.kind) {
    case "text":
    case "reasoning":
    case "refusal":
      return tokensOfText(part.text);
    case "image":
      return imageTokens;
    case "audio":
      return Math.ceil(part.data.length / bytesPerMediaToken);
    case "file":
      return part.source.kind === "base64" ? Math.ceil(part.source.data.length / bytesPerMediaToken) : imageTokens;
    // Counted with what has no neutral form.
    case "foreign":
      return 0;
    case "tool_call":
      return turnTokens + tokensOfText(part.name) + tokensOfText(part.arguments);
    default:
      return turnTokens + part.parts.reduce((sum, each) => sum + tokensOfPart(each), 0);
  }
}
