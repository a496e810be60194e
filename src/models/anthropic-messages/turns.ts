// Writes turns as the `system` and `messages` of the Messages API.
import type { MediaSource, Part, Turn } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { resultTurn } from "../wire/losses.ts";
import type { Losses } from "../wire/losses.ts";
import { isOwnReasoning } from "./reasoning.ts";
import { parseArguments } from "../wire/tool-arguments.ts";

/** Turns in the words of the API. */
export interface WrittenTurns {
  readonly system: readonly JsonObject[];
  readonly messages: readonly JsonObject[];
}

/**
 * Instructions are hoisted out of the conversation, turns of one role that follow each other become one message, and results
 * of tools come first in their message, as the API demands. Reasoning that Anthropic did not seal is left out: the API
 * refuses it, and no model reads the reasoning of another. Empty texts are left out, because the API refuses them.
 * @throws `dialect.unsupported` for what no block can hold.
 */
export function writeTurns(turns: readonly Turn[], losses: Losses): WrittenTurns {
  const system: JsonObject[] = [];
  const messages: { role: string; content: JsonObject[]; results: number }[] = [];
  for (const turn of turns) {
    if (turn.role === "system") {
      const saying = { say: systemBlock, note: wordsBlock };
      for (const part of turn.parts) if (!isEmpty(part)) system.push(losses.say(part, turn, saying));
      continue;
    }
    const last = messages.at(-1);
    const message = last?.role === turn.role ? last : { role: turn.role, content: [], results: 0 };
    const { content } = message;
    const blocks: JsonObject[] = [];
    for (const part of turn.parts) {
      if (isEmpty(part)) continue;
      if (part.kind === "foreign" && turn.role === "assistant") losses.refuse(part);
      else {
        const saying = { say: (each: Sayable): JsonObject => block(each, turn.role, losses), note: wordsBlock };
        blocks.push(losses.say(part, turn, saying));
      }
    }
    const results = blocks.filter((one) => one["type"] === "tool_result");
    content.splice(message.results, 0, ...results);
    message.results += results.length;
    for (const one of blocks) if (one["type"] !== "tool_result") content.push(one);
    if (content.length > 0 && message !== last) messages.push(message);
  }
  if (messages.length === 0) throw unsupported("a conversation without a user's turn cannot be said to this provider");
  return { system, messages: messages.map(({ role, content }) => ({ role, content })) };
}

function isEmpty(part: Part): boolean {
  if (part.kind === "text" || part.kind === "refusal") return part.text === "";
  return part.kind === "reasoning" && !isOwnReasoning(part);
}

type Sayable = Exclude<Part, { readonly kind: "foreign" }>;

function wordsBlock(text: string): JsonObject {
  return { type: "text", text };
}

function systemBlock(part: Sayable): JsonObject {
  if (part.kind === "text") return textBlock(part);
  throw unsupported(`a part of kind ${part.kind} cannot be said in the instructions of a message`);
}

function block(part: Sayable, role: Turn["role"], losses: Losses): JsonObject {
  switch (part.kind) {
    case "text":
      return textBlock(part);
    case "refusal":
      return { type: "text", text: part.text };
    case "image":
      return { type: "image", source: mediaSource(part.source) };
    case "file":
      return documentBlock(part);
    case "tool_call":
      return { type: "tool_use", id: toolId(part.id), name: part.name, input: parseArguments(part.arguments) };
    case "tool_result":
      return resultBlock(part, losses);
    case "reasoning":
      if (part.redacted !== undefined) return { type: "redacted_thinking", data: part.redacted };
      return { type: "thinking", thinking: part.text, signature: part.signature };
    default:
      throw unsupported(`audio cannot be said in ${role === "user" ? "a user's" : "an assistant's"} message`);
  }
}

/** A mark for the cache of one hour says so; five minutes are the API's default. */
function textBlock(part: Extract<Part, { kind: "text" }>): JsonObject {
  if (part.cache === undefined) return { type: "text", text: part.text };
  const control = part.cache === "1h" ? { type: "ephemeral", ttl: "1h" } : { type: "ephemeral" };
  return { type: "text", text: part.text, cache_control: control };
}

function mediaSource(source: MediaSource): JsonObject {
  if (source.kind === "url") return { type: "url", url: source.url };
  return { type: "base64", media_type: source.mediaType, data: source.data };
}

/** The API reads PDF and plain text, and fetches PDF by URL. */
function documentBlock(part: Extract<Part, { kind: "file" }>): JsonObject {
  const { source } = part;
  const title = part.name === undefined ? {} : { title: part.name };
  if (source.kind === "url" || source.mediaType === "application/pdf") {
    return { type: "document", source: mediaSource(source), ...title };
  }
  if (source.mediaType.startsWith("text/")) {
    const data = Buffer.from(source.data, "base64").toString("utf8");
    return { type: "document", source: { type: "text", media_type: "text/plain", data }, ...title };
  }
  throw unsupported(`a file of type ${source.mediaType} cannot be said in a message`);
}

function resultBlock(part: Extract<Part, { kind: "tool_result" }>, losses: Losses): JsonObject {
  const content: JsonObject[] = [];
  const say = (inner: Sayable): JsonObject => {
    if (inner.kind === "text" || inner.kind === "image" || inner.kind === "file") return block(inner, "user", losses);
    throw unsupported(`a part of kind ${inner.kind} cannot be said in the result of a tool`);
  };
  for (const inner of part.parts) {
    if (!isEmpty(inner)) content.push(losses.say(inner, resultTurn, { say, note: wordsBlock }));
  }
  const error = part.isError === undefined ? {} : { is_error: part.isError };
  return { type: "tool_result", tool_use_id: toolId(part.id), content, ...error };
}

/** The API takes ids of letters, digits, `_` and `-`; other providers' ids may hold more, and a call and its result agree. */
function toolId(id: string): string {
  return id.replaceAll(/[^a-zA-Z0-9_-]/g, "_");
}
