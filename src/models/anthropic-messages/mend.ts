// What servers that speak this API get wrong, put right for callers that are given their bytes: what its official clients cannot do
// without. The same in a whole message as in a stream. Fields that Charter does not know stay as they came.
import type { SseEvent } from "../conversation.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { readStop, writeStop } from "./stop.ts";
import { unknownUsage } from "./usage.ts";

type Fields = Record<string, unknown>;

/** A message with its mistakes put right; undefined where there are none. */
export function mendedMessage(_call: unknown, body: JsonObject): JsonObject | undefined {
  const { content } = body;
  if (!Array.isArray(content)) return undefined;
  const fixes: Fields = {};
  const blocks = content.map((block: unknown) => (isObject(block) ? (mendedBlock(block) ?? block) : block));
  if (blocks.some((block, at) => block !== content[at])) fixes["content"] = blocks;
  if (!isObject(body["usage"])) fixes["usage"] = unknownUsage;
  if (!isWord(body["stop_reason"])) {
    fixes["stop_reason"] = wordFor(content.some((block) => isObject(block) && block["type"] === "tool_use"));
  }
  return Object.keys(fixes).length === 0 ? undefined : { ...body, ...fixes };
}

/** The same for the events of a stream. */
export class EventMender {
  #usage: JsonObject = unknownUsage;
  #hasTools = false;
  /** The stop reason that was told. */
  #reason: unknown;

  /** An event with its mistakes put right; undefined where there are none. Clients go by its name. */
  mended(event: SseEvent, data: JsonObject): readonly SseEvent[] | undefined {
    const { type } = data;
    const mended = this.#mended(data);
    const isUnnamed = event.event === undefined && typeof type === "string";
    if (mended === undefined && !isUnnamed) return undefined;
    const named = isUnnamed ? { event: type } : {};
    return [{ ...event, ...named, ...(mended !== undefined && { data: JSON.stringify(mended) }) }];
  }

  #mended(event: JsonObject): JsonObject | undefined {
    const { type, message, content_block: block, delta } = event;
    if (type === "message_start" && isObject(message)) return this.#start(event, message);
    if (type === "content_block_start" && isObject(block)) {
      this.#hasTools ||= block["type"] === "tool_use";
      const mended = mendedBlock(block);
      return mended && { ...event, content_block: mended };
    }
    return type === "message_delta" ? this.#end(event, isObject(delta) ? delta : {}) : undefined;
  }

  #start(event: JsonObject, message: JsonObject): JsonObject | undefined {
    const fixes: Fields = {};
    if (!Array.isArray(message["content"])) fixes["content"] = [];
    if (isObject(message["usage"])) this.#usage = message["usage"];
    else fixes["usage"] = unknownUsage;
    return Object.keys(fixes).length === 0 ? undefined : { ...event, message: { ...message, ...fixes } };
  }

  #end(event: JsonObject, delta: JsonObject): JsonObject | undefined {
    const { usage } = event;
    const fixes: Fields = {};
    if (isObject(usage)) this.#usage = { ...this.#usage, ...usage };
    // Clients take the last report for the whole one.
    if (!isObject(usage) || typeof usage["output_tokens"] !== "number") {
      const { output_tokens = 0 } = this.#usage;
      fixes["usage"] = { ...(isObject(usage) && usage), output_tokens };
    }
    const { stop_reason: reason } = delta;
    if (!isWord(reason)) fixes["delta"] = { ...delta, stop_reason: this.#reason ?? wordFor(this.#hasTools) };
    else this.#reason = reason;
    return Object.keys(fixes).length === 0 ? undefined : { ...event, ...fixes };
  }
}

function isWord(reason: unknown): boolean {
  return typeof reason === "string" && reason !== "";
}

/** The word for why a message ended whose server does not say. */
function wordFor(tools: boolean): string {
  return writeStop(readStop(undefined, { tools, replied: false })).stop_reason;
}

/** Clients add the pieces to what the start of a block holds. */
function mendedBlock(block: JsonObject): JsonObject | undefined {
  const { type, thinking, signature, text, input } = block;
  if (type === "thinking" && (typeof thinking !== "string" || typeof signature !== "string")) {
    return { ...block, thinking: thinking ?? "", signature: signature ?? "" };
  }
  if (type === "text" && typeof text !== "string") return { ...block, text: text ?? "" };
  return type === "tool_use" && !isObject(input) ? { ...block, input: input ?? {} } : undefined;
}
