// Why a model stopped, in the words of the Messages API.
import type { Finish } from "../conversation.ts";

const meanings = new Map<unknown, Finish>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool_calls"],
  ["refusal", "refusal"],
]);

/**
 * The meaning of `stop_reason`. A model that only called the tool which stands for the reply's form has simply replied.
 * `pause_turn`, and words that the API may add, have no neutral meaning. Some servers give no reason.
 */
export function readStop(reason: unknown, said: { readonly tools: boolean; readonly replied: boolean }): Finish {
  if (reason === undefined || reason === null) return said.tools ? "tool_calls" : "unknown";
  const finish = meanings.get(reason) ?? "unknown";
  return finish === "tool_calls" && said.replied && !said.tools ? "stop" : finish;
}

const words: Readonly<Record<Finish, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
  refusal: "refusal",
  // The API has no word for a reply that the provider could not finish; one that did not end well is the nearest.
  error: "refusal",
  unknown: "end_turn",
};

/** The stop reason for a finish, with the details that the API gives for a refusal. */
export function writeStop(finish: Finish): { readonly stop_reason: string; readonly stop_details: object | null } {
  const explanation = explanations.get(finish);
  const details = explanation === undefined ? null : { type: "refusal", category: null, explanation };
  return { stop_reason: words[finish], stop_details: details };
}

const explanations = new Map<Finish, string | null>([
  ["refusal", null],
  ["content_filter", "The provider's content filter stopped the reply."],
  ["error", "The provider could not finish the reply."],
]);
