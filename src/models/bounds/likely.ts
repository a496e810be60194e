// What a call has most likely read of which no provider gives an account: its caller has left, or the provider says nothing.
// More than the estimate, since callers choose their words and when they leave, and less than the bound, since most of them
// leave for good reasons. Pure.
import type { BoundRules } from "../catalogue/index.ts";
import type { ModelCall, Part } from "../conversation.ts";
import { mediaBoundOf } from "./media-bound.ts";

/** Tokens of a turn or a tool on top of its text. */
const turnTokens = 4;

/** About how many tokens go in, rather too many: dense text is counted by its characters. */
export function likelyTokensOf(call: ModelCall, rules: BoundRules): number {
  let tokens = mediaBoundOf(call, rules).tokens + (call.inputTokens ?? 0);
  for (const { parts } of call.turns) tokens += turnTokens + tokensOfParts(parts);
  for (const tool of call.tools) tokens += turnTokens + denseTokensOf(JSON.stringify(tool));
  for (const input of call.inputs ?? []) tokens += denseTokensOf(input);
  if (call.form.kind === "schema") tokens += denseTokensOf(JSON.stringify(call.form.schema));
  return Math.ceil(tokens);
}

function tokensOfParts(parts: readonly Part[]): number {
  let tokens = 0;
  for (const part of parts) {
    if ("text" in part) tokens += denseTokensOf(part.text);
    else if (part.kind === "tool_call") tokens += turnTokens + denseTokensOf(part.name) + denseTokensOf(part.arguments);
    else if (part.kind === "tool_result") tokens += turnTokens + tokensOfParts(part.parts);
  }
  return tokens;
}

/** Tokens of a character, by what it is: letters of words share one, marks and digits have one each, rare ones have more. */
const [ofLetter, ofSpace, ofMark, ofHan, ofOther] = [0.4, 0.1, 1, 1.2, 2];

function denseTokensOf(text: string): number {
  let tokens = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const letter = unit | 0x20;
    if (letter >= 0x61 && letter <= 0x7a && unit < 0x80) tokens += ofLetter;
    else if (unit === 0x20) tokens += ofSpace;
    else if (unit < 0x80) tokens += ofMark;
    else tokens += unit < 0x250 || (unit >= 0x3040 && unit < 0xd7b0) ? ofHan : ofOther;
  }
  return tokens;
}
