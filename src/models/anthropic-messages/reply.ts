// Reads and writes a whole message.
import type { Choice, MediaSource, ModelCall, Part, Reply, ReplyStamp } from "../conversation.ts";
import { garbled } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { replyTool } from "./form.ts";
import { readStop, writeStop } from "./stop.ts";
import { writeMessagesUsage } from "./usage.ts";
import { parseArguments } from "../wire/tool-arguments.ts";

/**
 * Reads a message. Blocks of the provider's own tools have no neutral form and are passed over; only a caller of this
 * dialect can have asked for them. @throws `upstream.garbled` for a body that is not a message.
 */
export function readMessagesReply(body: unknown): Reply {
  if (!isObject(body)) throw garbled("the provider's reply is not an object");
  const content = body["content"];
  if (body["type"] !== "message" || !Array.isArray(content)) throw garbled("the provider's reply is not a message");
  const seen = { tools: false, replied: false };
  const parts: Part[] = [];
  for (const block of content) {
    if (!isObject(block)) throw garbled("a block of the provider's reply is not an object");
    const part = readBlock(block);
    if (part === undefined) continue;
    if (part.kind === "tool_call") seen.tools = true;
    if (block["type"] === "tool_use" && part.kind === "text") seen.replied = true;
    parts.push(part);
  }
  const { id, model, usage } = body;
  return {
    id: typeof id === "string" ? id : "",
    model: typeof model === "string" ? model : "",
    choices: [{ parts, finish: readStop(body["stop_reason"], seen) }],
    rawUsage: isObject(usage) ? usage : null,
    usage: null,
  };
}

function readBlock(block: JsonObject): Part | undefined {
  const { type, id, name, input } = block;
  if (type === "text") return { kind: "text", text: needed(block["text"]) };
  if (type === "thinking") {
    const text = needed(block["thinking"]);
    const { signature } = block;
    const sealed = typeof signature === "string" && signature !== "";
    return sealed ? { kind: "reasoning", text, signature } : { kind: "reasoning", text };
  }
  if (type === "redacted_thinking") return { kind: "reasoning", text: "", redacted: needed(block["data"]) };
  if (type !== "tool_use") return undefined;
  const words = JSON.stringify(input ?? {});
  if (name === replyTool) return { kind: "text", text: words };
  return { kind: "tool_call", id: needed(id), name: needed(name), arguments: words };
}

function needed(value: unknown): string {
  if (typeof value === "string") return value;
  throw garbled("a block of the provider's reply lacks its text");
}

/** Writes the first answer of a reply as a message. The API knows one answer per call. */
export function writeMessagesReply(_call: ModelCall, reply: Reply, stamp: ReplyStamp): Record<string, unknown> {
  const [choice] = reply.choices;
  return {
    id: reply.id === "" ? stamp.id : reply.id,
    type: "message",
    role: "assistant",
    model: reply.model,
    container: null,
    content: choice === undefined ? [] : writeBlocks(choice),
    ...writeStop(choice?.finish ?? "unknown"),
    stop_sequence: null,
    usage: writeMessagesUsage(reply.rawUsage, reply.usage),
  };
}

/** A picture that the model made, in the form in which callers of this API send theirs. */
export function imageBlock(source: MediaSource): JsonObject {
  if (source.kind === "url") return { type: "image", source: { type: "url", url: source.url } };
  return { type: "image", source: { type: "base64", media_type: source.mediaType, data: source.data } };
}

function writeBlocks(choice: Choice): JsonObject[] {
  const blocks: JsonObject[] = [];
  for (const part of choice.parts) {
    switch (part.kind) {
      case "text":
      case "refusal":
        if (part.text !== "") blocks.push({ type: "text", text: part.text, citations: null });
        break;
      case "tool_call":
        blocks.push({ type: "tool_use", id: part.id, name: part.name, input: parseArguments(part.arguments) });
        break;
      case "reasoning":
        if (part.redacted !== undefined) blocks.push({ type: "redacted_thinking", data: part.redacted });
        else blocks.push({ type: "thinking", thinking: part.text, signature: part.signature ?? "" });
        break;
      case "image":
        blocks.push(imageBlock(part.source));
        break;
      default:
        throw garbled(`the provider's reply holds a part of kind ${part.kind}, which a message cannot`);
    }
  }
  return blocks;
}
