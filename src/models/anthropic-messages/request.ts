// Writes a call as a request to POST /v1/messages: the caller's own body where the caller spoke this dialect, otherwise a
// body made from the neutral form.
import type { ModelCall, Target, ToolOffer, WireRequest } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import { Losses } from "../wire/losses.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { isPromised, replyTool, writeForm } from "./form.ts";
import { promisesSchemas } from "./model.ts";
import { isOwnReasoning, writeReasoning } from "./reasoning.ts";
import { writeTurns } from "./turns.ts";

/** The version of the API; there has been no later one. */
/** The header that names the version of the API. */
export const messagesVersion = { "anthropic-version": "2023-06-01" };

/** Writes a call. @throws `dialect.unsupported` for what the Messages API cannot say. */
export function writeMessagesCall(call: ModelCall, target: Target): WireRequest {
  if (call.tools.some(({ name }) => name === replyTool)) throw unsupported(`the name ${replyTool} is Charter's own`);
  const path = "/messages";
  if (call.dialect === "anthropic-messages") return { path, headers: messagesVersion, body: ownBody(call, target) };
  const losses = new Losses(call, target);
  const body = translatedBody(call, target, losses);
  return { path, headers: messagesVersion, body, dropped: losses.names };
}

/**
 * The caller's body for the target's model. Thinking of other providers' models, which a conversation that was routed to
 * several models brings along, is taken out: the API refuses the whole call over it.
 */
function ownBody(call: ModelCall, target: Target): JsonObject {
  const body: Record<string, unknown> = { ...call.raw, model: target.model };
  if ((body["stream"] === true) !== call.stream) body["stream"] = call.stream;
  const foreign = call.turns.some((turn) =>
    turn.parts.some((part) => part.kind === "reasoning" && !isOwnReasoning(part)),
  );
  if (foreign && Array.isArray(body["messages"])) body["messages"] = body["messages"].flatMap(withoutForeignThinking);
  return body;
}

/** A message that said nothing else is left out as a whole: the API refuses an empty one, and joins its neighbours. */
function withoutForeignThinking(message: unknown): unknown[] {
  if (!isObject(message) || !Array.isArray(message["content"])) return [message];
  const content = message["content"].filter((block) => !isForeignThinking(block));
  return content.length === 0 && message["content"].length > 0 ? [] : [{ ...message, content }];
}

function isForeignThinking(block: unknown): boolean {
  if (!isObject(block)) return false;
  const { type, signature, data } = block;
  // What has no seal at all comes from a server of this API that makes none, and goes back to it.
  if (type === "thinking" && typeof signature !== "string") return false;
  if (type === "thinking") return !isOwnReasoning({ kind: "reasoning", text: "", signature: String(signature) });
  return type === "redacted_thinking" && !isOwnReasoning({ kind: "reasoning", text: "", redacted: String(data) });
}

function translatedBody(call: ModelCall, target: Target, losses: Losses): JsonObject {
  if (call.dialect === "embeddings") throw unsupported("this provider makes no embeddings");
  leaveUnsayable(call, losses);
  const { model } = target;
  const form = writeForm(call, model);
  const tools = writeTools(call, model);
  const mustCall = typeof call.toolChoice === "object" || call.toolChoice === "required";
  if (form.kind === "tool" && !(mustCall && tools.length > 0)) tools.push(form.tool);
  const choice = tools.length === 0 ? undefined : writeToolChoice(call, tools.at(-1)?.["name"] === replyTool);
  const forced = choice !== undefined && choice["type"] !== "auto" && choice["type"] !== "none";
  const maxTokens = call.maxOutputTokens ?? target.outputLimit ?? target.defaultMaxOutputTokens;
  const { thinking, effort } = writeReasoning(call, model, maxTokens, forced, losses);
  const { system, messages } = writeTurns(call.turns, losses);
  const body: Record<string, unknown> = { model, max_tokens: maxTokens, messages };
  if (system.length > 0) body["system"] = system;
  if (tools.length > 0) body["tools"] = tools;
  if (choice !== undefined) body["tool_choice"] = choice;
  if (call.stop.length > 0) body["stop_sequences"] = call.stop;
  // 1 is the default of both. Newer models refuse the two together, and any other value, so the default is not said.
  const temperature = call.temperature === undefined ? 1 : Math.min(call.temperature, 1);
  if (temperature !== 1) body["temperature"] = temperature;
  if (call.topP !== undefined && call.topP !== 1) body["top_p"] = call.topP;
  if (call.topK !== undefined) body["top_k"] = call.topK;
  if (thinking !== undefined) body["thinking"] = thinking;
  if (effort !== undefined || form.kind === "native") {
    body["output_config"] = {
      ...(effort === undefined ? {} : { effort }),
      ...(form.kind === "native" ? { format: form.format } : {}),
    };
  }
  const user = call.raw["safety_identifier"] ?? call.raw["user"];
  if (typeof user === "string") body["metadata"] = { user_id: user };
  if (call.stream) body["stream"] = true;
  return body;
}

function leaveUnsayable(call: ModelCall, losses: Losses): void {
  losses.leaveUntranslated(call);
  const asked: readonly (readonly [boolean, name: string, why: string])[] = [
    [call.choices > 1, "n", "this provider gives one answer per call"],
    [call.logprobs === true, "logprobs", "this provider gives no probabilities of tokens"],
    [call.seed !== undefined, "seed", "this provider takes no seed"],
    [(call.temperature ?? 0) > 1, "temperature above 1", "this provider takes temperatures from 0 to 1"],
    [call.frequencyPenalty !== undefined, "frequency_penalty", "this provider takes no penalties"],
    [call.presencePenalty !== undefined, "presence_penalty", "this provider takes no penalties"],
    [(call.verbosity ?? "medium") !== "medium", "verbosity", "this provider knows no verbosity"],
  ];
  for (const [isAsked, name, why] of asked) if (isAsked) losses.leave(name, why);
  losses.leaveCircumstances(call, told);
}

/** Parameters that are said in other words. */
const told: ReadonlySet<string> = new Set(["user", "safety_identifier"]);

/**
 * A strict tool is promised where the model can promise its schema; elsewhere the schema is offered without the promise, as
 * `strict` on a schema with other rules would be refused.
 */
function writeTools(call: ModelCall, model: string): JsonObject[] {
  return call.tools.map((offer) => {
    const schema = inputSchema(offer);
    const tool: Record<string, unknown> = { name: offer.name, input_schema: schema };
    if (offer.description !== undefined) tool["description"] = offer.description;
    if (offer.strict === true && promisesSchemas(model) && isPromised(schema)) tool["strict"] = true;
    return tool;
  });
}

/** The API wants a schema of type object even for a tool without arguments. */
function inputSchema(offer: ToolOffer): JsonObject {
  const parameters = offer.parameters as JsonObject | undefined;
  if (parameters === undefined) return { type: "object", properties: {} };
  return parameters["type"] === undefined ? { ...parameters, type: "object" } : parameters;
}

/** With the reply tool on offer the model has to call something: that tool, or one of the caller's. */
function writeToolChoice(call: ModelCall, repliesByTool: boolean): JsonObject | undefined {
  const { toolChoice } = call;
  if (repliesByTool) {
    if (call.tools.length === 0 || toolChoice === "none") {
      return { type: "tool", name: replyTool, disable_parallel_tool_use: true };
    }
    return { type: "any", ...single(call) };
  }
  if (toolChoice === "none") return { type: "none" };
  if (toolChoice === "required") return { type: "any", ...single(call) };
  if (typeof toolChoice === "object") return { type: "tool", name: toolChoice.name, ...single(call) };
  return toolChoice === "auto" || call.parallelToolCalls === false ? { type: "auto", ...single(call) } : undefined;
}

function single(call: ModelCall): JsonObject {
  return call.parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
}
