// Writes a call to an upstream that speaks chat completions: the caller's own body where it came in this dialect, otherwise
// a body built from the neutral form.
import type { ModelCall, ReplyForm, Target, ToolOffer, WireRequest } from "../conversation.ts";
import { refuseUntranslated, unsupported } from "../wire/faults.ts";
import { put } from "../wire/fields.ts";
import { writeMessages } from "./turns.ts";

/** Where OpenAI's own newer models refuse `max_tokens`; other servers often know nothing else. */
const completionTokensModel = /(?:^|\/)(?:o\d|gpt-(?!oss)|chatgpt-)/;

/**
 * The request for one call. A streamed one always asks for its usage, so that it can be priced; the frame that carries it
 * is for Charter unless `call.wantsUsage`.
 * @throws `dialect.unsupported` for what a chat completion cannot say.
 */
export function writeChatCall(call: ModelCall, target: Target): WireRequest {
  const body = call.dialect === "openai-chat" ? ownBody(call, target) : builtBody(call, target);
  return { path: "/chat/completions", headers: {}, body };
}

function ownBody(call: ModelCall, target: Target): Record<string, unknown> {
  const limit = call.maxOutputTokens === undefined ? limitOf(target.outputLimit, target) : {};
  if (!call.stream) return { ...call.raw, ...limit, model: target.model };
  const options = call.raw["stream_options"] as object | null | undefined;
  return { ...call.raw, ...limit, model: target.model, stream_options: { ...options, include_usage: true } };
}

/** The limit of the output, in the field that the model takes. */
function limitOf(tokens: number | undefined, { model, outputLimitField }: Target): Record<string, number> {
  if (tokens === undefined) return {};
  const known = completionTokensModel.test(model) ? "max_completion_tokens" : "max_tokens";
  return { [outputLimitField ?? known]: tokens };
}

function builtBody(call: ModelCall, target: Target): Record<string, unknown> {
  refuseUntranslated(call);
  if (call.inputs !== undefined) throw unsupported("a chat completion cannot embed texts");
  if (call.topK !== undefined) throw unsupported("a chat completion cannot limit sampling to the top k tokens");
  const body: Record<string, unknown> = { model: target.model, messages: writeMessages(call.turns) };
  if (call.tools.length > 0) {
    body["tools"] = call.tools.map(writeTool);
    put(body, "tool_choice", writeToolChoice(call));
    put(body, "parallel_tool_calls", call.parallelToolCalls);
  }
  put(body, "response_format", writeForm(call.form));
  Object.assign(body, limitOf(call.maxOutputTokens ?? target.outputLimit, target));
  put(body, "temperature", call.temperature);
  put(body, "top_p", call.topP);
  if (call.stop.length > 0) body["stop"] = call.stop;
  put(body, "seed", call.seed);
  put(body, "logprobs", call.logprobs);
  if (call.choices > 1) body["n"] = call.choices;
  put(body, "reasoning_effort", effortOf(call));
  if (call.stream) {
    body["stream"] = true;
    body["stream_options"] = { include_usage: true };
  }
  return body;
}

function writeTool(offer: ToolOffer): Record<string, unknown> {
  return { type: "function", function: offer };
}

function writeToolChoice({ toolChoice }: ModelCall): unknown {
  return typeof toolChoice === "object" ? { type: "function", function: { name: toolChoice.name } } : toolChoice;
}

function writeForm(form: ReplyForm): unknown {
  if (form.kind === "text") return undefined;
  if (form.kind === "json") return { type: "json_object" };
  return { type: "json_schema", json_schema: { name: form.name, schema: form.schema, strict: form.strict } };
}

/**
 * The level of reasoning. A budget in tokens becomes the level that OpenRouter's documentation equates with it: low for a
 * fifth of the output, medium for half, high for more; without a limit on the output, of 16 384 tokens.
 */
export function effortOf(call: ModelCall): string | undefined {
  const { effort, budgetTokens } = call.reasoning ?? {};
  if (effort !== undefined || budgetTokens === undefined) return effort;
  const share = budgetTokens / (call.maxOutputTokens ?? 16_384);
  if (share <= 0.2) return "low";
  return share <= 0.5 ? "medium" : "high";
}
