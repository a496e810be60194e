// How many tokens long calls and replies hold, counted in turns with everything else. What counts for how much is said in
// call-facts.ts; here a call is only cut into parts that are counted one by one, so that their sum is the count of the whole.
// A long text is cut too, which may count a token more for each cut.
import { isLarge, writeJson } from "../kernel/json-writer.ts";
import { inTurns, TimeSlice } from "../kernel/time-slice.ts";
import type { Steps } from "../kernel/time-slice.ts";
import { inputTokensOf, tokensOfReply, tokensOfText } from "./call-facts.ts";
import type { ModelCall, Part, Reply } from "./conversation.ts";
import { valueAt } from "./parameters/json.ts";

/** Characters that are counted in one go. */
const partChars = 32 * 1024;
/** Counts for this many characters, on top of its text, what is counted by itself. */
const pieceWork = 128;

/** About how many tokens go in. */
export function inputTokensInTurns(call: ModelCall, signal?: AbortSignal): number | Promise<number> {
  if (!isLarge(call.raw)) return inputTokensOf(call);
  const stretch = new TimeSlice();
  return inTurns(callTokens(call, stretch), stretch, signal);
}

/** About how many tokens came out. */
export function replyTokensInTurns(reply: Reply): number | Promise<number> {
  if (!isLarge(reply.choices)) return tokensOfReply(reply);
  const stretch = new TimeSlice();
  return inTurns(replyTokens(reply, stretch), stretch);
}

function* callTokens(call: ModelCall, stretch: TimeSlice): Steps<number> {
  const { inputs: _, untranslated: __, inputTokens, ...rest } = call;
  const blank: ModelCall = { ...rest, turns: [], tools: [], form: { kind: "text" } };
  let tokens = inputTokens ?? 0;
  for (const turn of call.turns) {
    if (stretch.isOver(pieceWork)) yield;
    // The turn counts for itself once, and its parts one by one.
    const alone = inputTokensOf({ ...blank, turns: [{ ...turn, parts: [] }] });
    tokens += alone;
    for (const part of turn.parts) {
      for (const piece of cut(part)) {
        tokens += inputTokensOf({ ...blank, turns: [{ ...turn, parts: [piece] }] }) - alone;
        if (stretch.isOver(pieceWork + ("text" in piece ? piece.text.length : pieceWork))) yield;
      }
    }
  }
  for (const tool of call.tools) {
    if (isLarge(tool)) tokens += yield* jsonTokens(tool, stretch);
    else tokens += inputTokensOf({ ...blank, tools: [tool] });
    if (stretch.isOver(pieceWork)) yield;
  }
  for (const input of call.inputs ?? []) {
    for (const text of textParts(input)) {
      tokens += tokensOfText(text);
      if (stretch.isOver(pieceWork + text.length)) yield;
    }
  }
  if (call.form.kind === "schema") tokens += yield* jsonTokens(call.form.schema, stretch);
  for (const pointer of call.untranslated ?? []) {
    const value = valueAt(call.raw, pointer);
    if (value !== undefined) tokens += yield* jsonTokens(value, stretch);
  }
  return tokens;
}

function* replyTokens({ choices, ...reply }: Reply, stretch: TimeSlice): Steps<number> {
  let tokens = 0;
  for (const choice of choices) {
    for (const part of choice.parts) {
      for (const piece of cut(part)) {
        tokens += tokensOfReply({ ...reply, choices: [{ ...choice, parts: [piece] }] });
        if (stretch.isOver(pieceWork + ("text" in piece ? piece.text.length : pieceWork))) yield;
      }
    }
  }
  return tokens;
}

/** Tokens of the JSON of a value. */
function* jsonTokens(value: unknown, stretch: TimeSlice): Steps<number> {
  let tokens = 0;
  const count = (text: string): void => {
    tokens += tokensOfText(text);
  };
  yield* writeJson(value, "plain", count, stretch);
  return tokens;
}

/** A part, or the parts that a long text, or the long arguments of a tool, are counted as. */
function cut(part: Part): readonly Part[] {
  if ("text" in part && part.text.length > partChars) return textParts(part.text).map((text) => ({ ...part, text }));
  if (part.kind === "tool_call" && part.arguments.length > partChars) {
    const [first = "", ...more] = textParts(part.arguments);
    return [{ ...part, arguments: first }, ...more.map((text): Part => ({ kind: "text", text }))];
  }
  return part.kind === "tool_result" ? cutResult(part) : [part];
}

/** The result of a tool counts for itself once, and then for what it holds. */
function cutResult(part: Extract<Part, { kind: "tool_result" }>): readonly Part[] {
  const { parts } = part;
  if (!isLarge(parts)) return [part];
  return [{ ...part, parts: [] }, ...parts.flatMap((each) => cut(each))];
}

function textParts(text: string): readonly string[] {
  if (text.length <= partChars) return [text];
  return Array.from({ length: Math.ceil(text.length / partChars) }, (_, i) =>
    text.slice(i * partChars, (i + 1) * partChars),
  );
}
