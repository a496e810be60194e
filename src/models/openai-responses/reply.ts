// Writes a whole reply of the Responses dialect: the response object and its output items.
import type { CallerTool, Choice, Finish, MediaSource, ModelCall, Part, Reply, ReplyStamp } from "../conversation.ts";
import type { Usage } from "../usage.ts";
import type { JsonObject } from "../wire/fields.ts";
import { sealedReasoning } from "./call.ts";
import { ownItem, ownPrefix } from "./own-tools.ts";
import { sealReasoning } from "./seal.ts";

/** An output item or a part of one. */
export type Item = Record<string, unknown>;

/** Where a response stands, with what it says of its own end. */
export interface Outcome {
  readonly status: "queued" | "in_progress" | "completed" | "incomplete" | "failed";
  readonly reason?: "max_output_tokens" | "content_filter";
  readonly error?: { readonly code: string; readonly message: string };
}

/** The ids and fixed facts of one response. */
export interface ResponseHead {
  readonly id: string;
  readonly model: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** Where it is kept: what it goes on from. */
  readonly kept?: { readonly previous?: string };
}

/** The head of a response; its id has the prefix that this API gives to ids of responses. */
export function headOf(id: string, model: string, stamp: ReplyStamp): ResponseHead {
  const { kept } = stamp;
  const known = kept?.id ?? (id === "" ? stamp.id : id);
  return {
    ...(kept !== undefined && { kept }),
    id: known.startsWith("resp_") ? known : `resp_${known}`,
    model,
    createdAt: Math.floor(stamp.createdMs / 1000),
  };
}

/** The id of an output item: as unique as that of its response. */
export function itemId(prefix: string, head: ResponseHead, index: number): string {
  return `${prefix}_${head.id.slice("resp_".length)}_${index}`;
}

/** Writes a reply. */
export function writeResponsesReply(call: ModelCall, reply: Reply, stamp: ReplyStamp): Record<string, unknown> {
  const head = headOf(reply.id, reply.model, stamp);
  const choice: Choice = reply.choices[0] ?? { parts: [], finish: "unknown" };
  const refused = choice.parts.some((part) => part.kind === "refusal");
  const outcome = outcomeOf(choice.finish, refused);
  return writeResponse(call, head, outcome, writeItems(call, head, choice.parts, outcome), {
    raw: reply.rawUsage,
    usage: reply.usage,
  });
}

/** Parameters that a response repeats and that do not change what is answered. */
const repeated = ["metadata", "user", "safety_identifier", "prompt_cache_key"] as const;

/** A response to an earlier call as the answer to this one: with an id of its own, and what this call says of itself. */
export function reissuedResponse(call: ModelCall, body: JsonObject, stamp: ReplyStamp): JsonObject {
  const { id, kept } = headOf("", call.model, stamp);
  const own: Item = { id, previous_response_id: kept?.previous ?? null };
  if ("store" in body) own["store"] = kept !== undefined;
  for (const name of repeated) {
    if (name in body) own[name] = call.raw[name] ?? (name === "metadata" ? {} : null);
  }
  return { ...body, ...own };
}

/** A response that is worked on later. */
export function writePendingResponse(call: ModelCall, stamp: ReplyStamp): Record<string, unknown> {
  return writeResponse(call, headOf("", call.model, stamp), { status: "queued" }, [], { raw: null, usage: null });
}

/** How a response with this finish ends. A refusal without words was a filter's. */
export function outcomeOf(finish: Finish, refused: boolean): Outcome {
  if (finish === "length") return { status: "incomplete", reason: "max_output_tokens" };
  if (finish === "content_filter" || (finish === "refusal" && !refused)) {
    return { status: "incomplete", reason: "content_filter" };
  }
  if (finish === "error") {
    return { status: "failed", error: { code: "server_error", message: "The provider reported an error." } };
  }
  return { status: "completed" };
}

/** The response object. What the caller asked for is repeated as this API does. */
export function writeResponse(
  call: ModelCall,
  head: ResponseHead,
  outcome: Outcome,
  output: readonly Item[],
  used: { readonly raw: JsonObject | null; readonly usage: Usage | null },
): Record<string, unknown> {
  const { raw } = call;
  return {
    id: head.id,
    object: "response",
    created_at: head.createdAt,
    status: outcome.status,
    background: false,
    error: outcome.error ?? null,
    incomplete_details: outcome.reason === undefined ? null : { reason: outcome.reason },
    instructions: raw["instructions"] ?? null,
    max_output_tokens: raw["max_output_tokens"] ?? null,
    metadata: raw["metadata"] ?? {},
    model: head.model,
    output,
    parallel_tool_calls: raw["parallel_tool_calls"] ?? true,
    previous_response_id: head.kept?.previous ?? null,
    reasoning: raw["reasoning"] ?? { effort: null, summary: null },
    store: head.kept !== undefined,
    temperature: raw["temperature"] ?? null,
    text: raw["text"] ?? { format: { type: "text" } },
    tool_choice: raw["tool_choice"] ?? "auto",
    tools: raw["tools"] ?? [],
    top_p: raw["top_p"] ?? null,
    truncation: raw["truncation"] ?? "disabled",
    usage:
      outcome.status === "in_progress" || outcome.status === "queued"
        ? null
        : (writeUsage(used.raw, used.usage) ?? null),
  };
}

/** The provider's own usage where it is of this dialect and was believed, otherwise one built from what was read. */
function writeUsage(raw: JsonObject | null, usage: Usage | null): JsonObject | undefined {
  const own = raw !== null && typeof raw["input_tokens"] === "number" && typeof raw["total_tokens"] === "number";
  if (own && usage?.estimated !== true) return raw;
  if (usage === null) return undefined;
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cacheReadTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function writeItems(call: ModelCall, head: ResponseHead, parts: readonly Part[], outcome: Outcome): Item[] {
  const items: Item[] = [];
  const status = outcome.status === "completed" ? "completed" : "incomplete";
  let content: Item[] | undefined;
  for (const part of parts) {
    if (part.kind === "text" || part.kind === "refusal") {
      if (content === undefined) {
        content = [];
        items.push(messageItem(itemId("msg", head, items.length), status, content));
      }
      content.push(contentPart(part.kind, part.text));
      continue;
    }
    content = undefined;
    if (part.kind === "image") items.push(imageItem(itemId("ig", head, items.length), part.source));
    else if (part.kind === "tool_call") {
      items.push(toolItem(itemId(prefixOf(part), head, items.length), status, part));
    } else if (part.kind === "reasoning") {
      items.push(reasoningItem(call, itemId("rs", head, items.length), part.text, sealReasoning(part)));
    }
  }
  return items;
}

/** A message of the assistant. */
export function messageItem(id: string, status: string, content: readonly Item[]): Item {
  return { id, type: "message", status, role: "assistant", content };
}

/** A part of a message. */
export function contentPart(kind: "text" | "refusal", text: string): Item {
  if (kind === "refusal") return { type: "refusal", refusal: text };
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

/** A call of a tool. */
export function toolItem(
  id: string,
  status: string,
  call: CallerTool & { readonly id: string; readonly arguments: string },
): Item {
  const { name, namespace, form, arguments: words } = call;
  const own = form === undefined ? undefined : ownItem(form, id, status, call);
  if (own !== undefined) return own;
  const item: Item = { id, type: toolKinds[kindOf(call)].item, status, call_id: call.id, name };
  if (namespace !== undefined) item["namespace"] = namespace;
  item[toolKinds[kindOf(call)].field] = words;
  return item;
}

/** What items and events of tools are called: of those with arguments, and of those that take free text. */
export const toolKinds = {
  function: { item: "function_call", prefix: "fc", field: "arguments", events: "response.function_call_arguments" },
  custom: { item: "custom_tool_call", prefix: "ctc", field: "input", events: "response.custom_tool_call_input" },
} as const;

/** The start of the id of a call's item. */
export function prefixOf(call: CallerTool): string {
  return call.form === undefined ? toolKinds[kindOf(call)].prefix : ownPrefix(call.form);
}

/** Which of them a call is. */
export function kindOf({ isFree }: CallerTool): keyof typeof toolKinds {
  return isFree === true ? "custom" : "function";
}

/** A picture that the model made, as this API's own tool gives one. */
export function imageItem(id: string, source: MediaSource): Item {
  const result = source.kind === "base64" ? source.data : source.url;
  const type = source.kind === "base64" ? /^image\/(png|jpeg|webp)$/.exec(source.mediaType)?.[1] : undefined;
  const format = type === undefined ? {} : { output_format: type };
  return { id, type: "image_generation_call", status: "completed", result, ...format };
}

/** Reasoning: its words as a summary, and its seal only where the caller asked to send it back. */
export function reasoningItem(call: ModelCall, id: string, text: string, seal: string | undefined): Item {
  const item: Item = { id, type: "reasoning", summary: text === "" ? [] : [{ type: "summary_text", text }] };
  const include = call.raw["include"];
  if (Array.isArray(include) && include.includes(sealedReasoning)) item["encrypted_content"] = seal ?? null;
  return item;
}
