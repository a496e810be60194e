// Writes a call to an upstream that speaks chat completions: the caller's own body where it came in this dialect, otherwise
// a body built from the neutral form.
import type { DialectName, ModelCall, ReplyForm, Target, ToolOffer, WireRequest } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import { isObject, put } from "../wire/fields.ts";
import { Losses } from "../wire/losses.ts";
import { writeMessages } from "./turns.ts";

/** Where OpenAI's own newer models refuse `max_tokens`; other servers often know nothing else. */
const completionTokensModel = /(?:^|\/)(?:o\d|gpt-(?!oss)|chatgpt-)/;

/**
 * The request for one call. A streamed one always asks for its usage, so that it can be priced; the frame that carries it
 * is for Charter unless `call.wantsUsage`.
 * @throws `dialect.unsupported` for what a chat completion cannot say.
 */
export function writeChatCall(call: ModelCall, target: Target): WireRequest {
  const path = "/chat/completions";
  if (call.dialect === "openai-chat") return { path, headers: {}, body: ownBody(call, target) };
  const losses = new Losses(call, target);
  const body = builtBody(call, target, losses);
  return { path, headers: {}, body, dropped: losses.names };
}

function ownBody({ raw, maxOutputTokens, stream }: ModelCall, target: Target): Record<string, unknown> {
  const body: Record<string, unknown> = { ...raw };
  if (maxOutputTokens === undefined) {
    // What stands there means "no limit" to some servers, and room is reserved for a limited answer.
    for (const name of ["max_tokens", "max_completion_tokens"]) delete body[name];
    Object.assign(body, limitOf(target.outputLimit, target));
  }
  body["model"] = target.model;
  if (stream) body["stream_options"] = { ...(raw["stream_options"] as object | null | undefined), include_usage: true };
  return body;
}

/** The limit of the output, in the field that the model takes. */
function limitOf(tokens: number | undefined, { model, outputLimitField }: Target): Record<string, number> {
  if (tokens === undefined) return {};
  const known = completionTokensModel.test(model) ? "max_completion_tokens" : "max_tokens";
  return { [outputLimitField ?? known]: tokens };
}

function builtBody(call: ModelCall, target: Target, losses: Losses): Record<string, unknown> {
  if (call.inputs !== undefined) throw unsupported("a chat completion cannot embed texts");
  losses.leaveUntranslated(call);
  if (call.topK !== undefined) losses.leave("top_k", "a chat completion cannot limit sampling to the top k tokens");
  const messages = writeMessages(call.turns, losses, takesReasoning(target));
  const body: Record<string, unknown> = { model: target.model, messages };
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
  if (call.verbosity !== undefined && call.verbosity !== "medium") {
    if (takesExtras(target)) body["verbosity"] = call.verbosity;
    else losses.leave("verbosity", "the provider knows no verbosity");
  }
  if (call.choices > 1) body["n"] = call.choices;
  put(body, "reasoning_effort", effortOf(call));
  // OpenAI takes metadata only where it stores the completion.
  const takes = (name: string): boolean => takesExtras(target) && !(name === "metadata" && isOpenAi(target));
  losses.leaveCircumstances(call, tellCircumstances(call, body, takes));
  if (call.stream) {
    body["stream"] = true;
    body["stream_options"] = { include_usage: true };
  }
  return body;
}

/** Parameters that chat completions and the Responses API have alike: who asks, and how an answer is served and cached. */
const sharedParameters = "user metadata service_tier safety_identifier prompt_cache_key prompt_cache_retention".split(
  " ",
);

/** Whether a provider that speaks one API is told the service that was asked for in another. */
export function tellsService(asked: DialectName, spoken: DialectName): boolean {
  return asked === spoken || [asked, spoken].every((name) => name === "openai-chat" || name === "openai-responses");
}

/** Tells who asks and how an answer is to be served, as far as the server takes it. @returns The names of what was told. */
export function tellCircumstances(
  { raw, dialect }: ModelCall,
  body: Record<string, unknown>,
  takes: (name: string) => boolean,
): ReadonlySet<string> {
  const { metadata } = raw;
  if (dialect === "anthropic-messages") {
    if (!isObject(metadata) || typeof metadata["user_id"] !== "string" || !takes("user")) return new Set();
    body["user"] = metadata["user_id"];
    return new Set(["metadata"]);
  }
  const told = sharedParameters.filter((name) => (raw[name] ?? null) !== null && takes(name));
  for (const name of told) body[name] = raw[name];
  return new Set(told);
}

/** Providers whose servers refuse a message with a field that they do not know. */
const strictProviders = /^(?:openai|azure|mistral|groq|cerebras|fireworks)/;

/** Whether a server may be given the reasoning of the turn that it works on, which DeepSeek and others insist on. */
function takesReasoning({ provider = "" }: Target): boolean {
  return !strictProviders.test(provider);
}

/** Whether a server takes what OpenAI added to the dialect; some refuse every field that they do not know. */
function takesExtras({ provider = "" }: Target): boolean {
  return !/^(?:mistral|cerebras|fireworks)/.test(provider);
}

function isOpenAi({ provider = "" }: Target): boolean {
  return /^(?:openai|azure)/.test(provider);
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
