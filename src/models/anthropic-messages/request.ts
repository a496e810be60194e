// Writes a call as a request to POST /v1/messages: the caller's own body where the caller spoke this dialect, otherwise a
// body made from the neutral form.
import type { ModelCall, Target, ToolOffer, WireRequest } from "../conversation.ts";
import { refuseUntranslated, unsupported } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { isPromised, replyTool, writeForm } from "./form.ts";
import { promisesSchemas } from "./model.ts";
import { isOwnReasoning, writeReasoning } from "./reasoning.ts";
import { writeTurns } from "./turns.ts";

/** The version of the API; there has been no later one. */
const headers = { "anthropic-version": "2023-06-01" };

/** Writes a call. @throws `dialect.unsupported` for what the Messages API cannot say. */
export function writeMessagesCall(call: ModelCall, target: Target): WireRequest {
  if (call.tools.some(({ name }) => name === replyTool)) throw unsupported(`the name ${replyTool} is Charter's own`);
  const body = call.dialect === "anthropic-messages" ? ownBody(call, target) : translatedBody(call, target);
  return { path: "/messages", headers, body };
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
  if (type === "thinking") return !isOwnReasoning({ kind: "reasoning", text: "", signature: String(signature) });
  return type === "redacted_thinking" && !isOwnReasoning({ kind: "reasoning", text: "", redacted: String(data) });
}

function translatedBody(call: ModelCall, target: Target): JsonObject {
  refuse(call);
  const { model } = target;
  const form = writeForm(call, model);
  const tools = writeTools(call, model);
  const mustCall = typeof call.toolChoice === "object" || call.toolChoice === "required";
  if (form.kind === "tool" && !(mustCall && tools.length > 0)) tools.push(form.tool);
  const choice = tools.length === 0 ? undefined : writeToolChoice(call, tools.at(-1)?.["name"] === replyTool);
  const forced = choice !== undefined && choice["type"] !== "auto" && choice["type"] !== "none";
  const maxTokens = call.maxOutputTokens ?? target.outputLimit ?? target.defaultMaxOutputTokens;
  const { thinking, effort } = writeReasoning(call, model, maxTokens, forced);
  const { system, messages } = writeTurns(call.turns);
  const body: Record<string, unknown> = { model, max_tokens: maxTokens, messages };
  if (system.length > 0) body["system"] = system;
  if (tools.length > 0) body["tools"] = tools;
  if (choice !== undefined) body["tool_choice"] = choice;
  if (call.stop.length > 0) body["stop_sequences"] = call.stop;
  // 1 is the default of both. Newer models refuse the two together, and any other value, so the default is not said.
  if (call.temperature !== undefined && call.temperature !== 1) body["temperature"] = call.temperature;
  if (call.topP !== undefined && call.topP !== 1) body["top_p"] = call.topP;
  if (call.topK !== undefined) body["top_k"] = call.topK;
  if (thinking !== undefined) body["thinking"] = thinking;
  if (effort !== undefined || form.kind === "native") {
    body["output_config"] = {
      ...(effort === undefined ? {} : { effort }),
      ...(form.kind === "native" ? { format: form.format } : {}),
    };
  }
  if (call.stream) body["stream"] = true;
  return body;
}

function refuse(call: ModelCall): void {
  refuseUntranslated(call);
  if (call.dialect === "embeddings") throw unsupported("this provider makes no embeddings");
  if (call.choices > 1) throw unsupported("this provider gives one answer per call");
  if (call.logprobs === true) throw unsupported("this provider gives no probabilities of tokens");
  if (call.seed !== undefined) throw unsupported("this provider takes no seed");
  if (call.temperature !== undefined && call.temperature > 1) {
    throw unsupported("this provider takes temperatures from 0 to 1");
  }
}

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
