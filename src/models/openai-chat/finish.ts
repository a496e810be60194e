// Why a model stopped, in the words of chat completions. The list of words is longer than OpenAI's own, because servers that
// speak its dialect let their engines' words through.
import type { Finish } from "../conversation.ts";

const meanings = new Map<unknown, Finish>([
  ["stop", "stop"],
  ["eos", "stop"],
  ["eos_token", "stop"],
  ["stop_sequence", "stop"],
  ["end_turn", "stop"],
  ["length", "length"],
  ["max_tokens", "length"],
  ["model_length", "length"],
  ["tool_calls", "tool_calls"],
  ["tool_use", "tool_calls"],
  ["function_call", "tool_calls"],
  ["content_filter", "content_filter"],
  ["safety", "content_filter"],
  ["refusal", "refusal"],
  ["error", "error"],
  ["abort", "error"],
  ["insufficient_system_resource", "error"],
]);

/**
 * The meaning of `finish_reason`, read together with what was said: several servers write "stop" after asking for a tool,
 * OpenAI itself where the tool was forced, and "stop" after a refusal.
 */
export function readFinish(reason: unknown, said: { readonly tools: boolean; readonly refusal: boolean }): Finish {
  const finish = meanings.get(typeof reason === "string" ? reason.toLowerCase() : reason) ?? "unknown";
  if (finish !== "stop" && finish !== "unknown") return finish;
  if (said.tools) return "tool_calls";
  return finish === "stop" && said.refusal ? "refusal" : finish;
}

const words: Readonly<Record<Finish, string>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool_calls",
  content_filter: "content_filter",
  // A chat completion shows a refusal in the message and stops as usual; without words of refusal it was a filter.
  refusal: "content_filter",
  error: "error",
  unknown: "stop",
};

/** The word for a finish; `refused` says that the message carries the refusal's words. */
export function writeFinish(finish: Finish, refused: boolean): string {
  return finish === "refusal" && refused ? "stop" : words[finish];
}
