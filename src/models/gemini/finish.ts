// Why Gemini stopped. It has no word for asking for a tool: it stops as usual.
import type { Finish } from "../conversation.ts";

const meanings = new Map<unknown, Finish>([
  ["STOP", "stop"],
  ["MAX_TOKENS", "length"],
  ["SAFETY", "content_filter"],
  ["RECITATION", "content_filter"],
  ["LANGUAGE", "content_filter"],
  ["BLOCKLIST", "content_filter"],
  ["PROHIBITED_CONTENT", "content_filter"],
  ["SPII", "content_filter"],
  ["IMAGE_SAFETY", "content_filter"],
  ["IMAGE_PROHIBITED_CONTENT", "content_filter"],
  ["IMAGE_RECITATION", "content_filter"],
  ["MALFORMED_FUNCTION_CALL", "error"],
  ["UNEXPECTED_TOOL_CALL", "error"],
  ["TOO_MANY_TOOL_CALLS", "error"],
  ["MISSING_THOUGHT_SIGNATURE", "error"],
  ["MALFORMED_RESPONSE", "error"],
]);

/** The meaning of `finishReason`; OTHER and unknown reasons have none, but for a reply that asks for a tool. */
export function readFinishReason(reason: unknown, calledTools: boolean): Finish {
  const finish = meanings.get(reason) ?? "unknown";
  return (finish === "stop" || finish === "unknown") && calledTools ? "tool_calls" : finish;
}
