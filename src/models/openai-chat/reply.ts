// Reads and writes a whole chat completion. Reading is tolerant of what the many servers of this dialect leave out.
import type { Choice, MediaSource, ModelCall, Part, Reply, ReplyStamp } from "../conversation.ts";
import { maxReplyItems } from "../../kernel/limits.ts";
import { garbled, ReportedFault } from "../wire/faults.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import { isObject, put } from "../wire/fields.ts";
import { readChatError } from "./error.ts";
import { readFinish, writeFinish } from "./finish.ts";
import { LogprobMean, writeChatUsage } from "./usage.ts";
import { parseMedia, writeMedia } from "./media.ts";

/**
 * Reads a reply.
 * @throws `upstream.garbled` for a body without choices, `upstream.failed` for an error that came with a good status, as
 * OpenRouter sends those that happen after its answer began.
 */
export function readChatReply(body: unknown): Reply {
  if (!isObject(body)) throw garbled("the provider's reply is not an object");
  const choices = body["choices"];
  if (!Array.isArray(choices) || choices.length === 0) {
    const error = readChatError(body);
    if (error !== undefined) throw new ReportedFault(error);
    throw garbled("the provider's reply has no choices");
  }
  checkItems(choices);
  const id = idOf(body);
  const read = choices.map((choice: unknown) => {
    if (!isObject(choice)) throw garbled("a choice of the provider's reply is not an object");
    return { index: choice["index"], choice: readChoice(choice, id) };
  });
  if (read.every(({ index }) => typeof index === "number")) read.sort((a, b) => Number(a.index) - Number(b.index));
  return {
    id,
    model: textOr(body["model"], ""),
    choices: read.map(({ choice }) => choice),
    rawUsage: usageOf(body) ?? null,
    usage: null,
  };
}

/** @throws `upstream.garbled` for more than are read in one go. */
function checkItems({ length }: readonly unknown[]): void {
  if (length > maxReplyItems) throw garbled(`the provider's reply has a list of more than ${maxReplyItems} items`);
}

/** The provider's id of a reply or chunk, empty when there is none. */
export function idOf(body: JsonObject): string {
  return textOr(body["id"], "");
}

/** The usage of a reply or chunk; Groq puts it into `x_groq` on streams. */
export function usageOf(body: JsonObject): JsonObject | undefined {
  if (isObject(body["usage"])) return body["usage"];
  const groq = body["x_groq"];
  return isObject(groq) && isObject(groq["usage"]) ? groq["usage"] : undefined;
}

/** An id for a tool call whose server gave none: unlike those of other replies, and within OpenAI's 40 characters. */
export function madeToolId(replyId: string, choice: number, slot: number): string {
  const tail = replyId.replaceAll(/[^\w-]/g, "").slice(-24);
  return `call_${tail}_${choice}_${slot}`;
}

/** Arguments as the text that they are in this API; none are an object without members, because clients read them as JSON. */
export function textOfArguments(words: unknown): string {
  if (typeof words === "string") return words === "" ? "{}" : words;
  return JSON.stringify(words ?? {});
}

/** The text where there is one. */
export function textOr<T>(value: unknown, otherwise: T): string | T {
  return typeof value === "string" ? value : otherwise;
}

/** The words in a message's content: a string, or Mistral's list of texts and thoughts. */
export function readSaid(content: unknown): { readonly text: string; readonly thought: string } {
  if (typeof content === "string") return { text: content, thought: "" };
  let text = "";
  let thought = "";
  if (!Array.isArray(content)) return { text, thought };
  checkItems(content);
  for (const item of content as unknown[]) {
    if (!isObject(item)) continue;
    if (item["type"] === "thinking") {
      const inner = readSaid(item["thinking"]);
      thought += inner.text + inner.thought;
    } else {
      text += textOr(item["text"], "");
    }
  }
  return { text, thought };
}

function readChoice(choice: JsonObject, replyId: string): Choice {
  const message = isObject(choice["message"]) ? choice["message"] : {};
  const texts = readSaid(message["content"]);
  const parts: Part[] = [];
  const add = (kind: "reasoning" | "text" | "refusal", text: string): void => {
    if (text !== "") parts.push({ kind, text });
  };
  add("reasoning", textOr(message["reasoning_content"], textOr(message["reasoning"], "")) || texts.thought);
  add("text", texts.text);
  const refusal = textOr(message["refusal"], "");
  add("refusal", refusal);
  // What the model said aloud: the sound itself stays in the provider's body.
  if (isObject(message["audio"])) add("text", textOr(message["audio"]["transcript"], ""));
  parts.push(...readImages(message["images"]));
  const calls = readToolCalls(message, replyId, typeof choice["index"] === "number" ? choice["index"] : 0);
  parts.push(...calls);
  const tools = calls.length > 0;
  const read: Draft<Choice> = {
    parts,
    finish: readFinish(choice["finish_reason"], { tools, refusal: refusal !== "" }),
  };
  const mean = new LogprobMean();
  mean.add(choice["logprobs"]);
  put(read, "meanLogprob", mean.mean);
  return read;
}

/** The pictures of a message or a delta, as OpenRouter and others give them. */
export function readImages(images: unknown): Extract<Part, { kind: "image" }>[] {
  if (!Array.isArray(images)) return [];
  return (images as unknown[]).flatMap((image): Extract<Part, { kind: "image" }>[] => {
    const inner = isObject(image) && isObject(image["image_url"]) ? image["image_url"] : {};
    const url = textOr(inner["url"], "");
    const source = url === "" ? undefined : parseMedia(url);
    return source === undefined ? [] : [{ kind: "image", source }];
  });
}

function readToolCalls(message: JsonObject, replyId: string, choice: number): Part[] {
  const parts: Part[] = [];
  const add = (call: unknown, id: unknown, isFree = false): void => {
    const { name, arguments: words } = isObject(call) ? call : {};
    if (typeof name !== "string" || name === "") throw garbled("a tool call of the provider's reply has no name");
    // Some servers give the arguments as an object instead of its text, or none.
    const text = isFree ? textOr(words, "") : textOfArguments(words);
    const named = typeof id === "string" && id !== "" ? id : madeToolId(replyId, choice, parts.length);
    parts.push({ kind: "tool_call", id: named, name, arguments: text, ...(isFree && { isFree }) });
  };
  const calls = message["tool_calls"];
  if (Array.isArray(calls)) {
    for (const call of calls as unknown[]) {
      // A call of a custom tool is free text; it only occurs where the caller's own body offered such a tool.
      if (isObject(call) && isObject(call["custom"])) {
        add({ name: call["custom"]["name"], arguments: call["custom"]["input"] }, call["id"], true);
      } else if (isObject(call)) add(call["function"], call["id"]);
    }
  }
  if (isObject(message["function_call"])) add(message["function_call"], undefined);
  return parts;
}

/** Writes a reply. */
export function writeChatReply(call: ModelCall, reply: Reply, stamp: ReplyStamp): Record<string, unknown> {
  const body: Record<string, unknown> = {
    id: reply.id === "" ? stamp.id : reply.id,
    object: "chat.completion",
    created: Math.floor(stamp.createdMs / 1000),
    model: reply.model,
    choices: reply.choices.map((choice, index) => writeChoice(call, choice, index)),
  };
  put(body, "usage", writeChatUsage(reply.rawUsage, reply.usage));
  return body;
}

function writeChoice(call: ModelCall, choice: Choice, index: number): Record<string, unknown> {
  const message: Record<string, unknown> = { role: "assistant", content: null, refusal: null };
  const calls: Record<string, unknown>[] = [];
  let first: Part | undefined;
  const images: Record<string, unknown>[] = [];
  const append = (key: string, text: string): void => {
    message[key] = textOr(message[key], "") + text;
  };
  for (const part of choice.parts) {
    if (part.kind === "text") append("content", part.text);
    else if (part.kind === "refusal") append("refusal", part.text);
    else if (part.kind === "reasoning" && part.text !== "") append("reasoning_content", part.text);
    else if (part.kind === "image") images.push(writeImage(part.source, images.length));
    else if (part.kind === "tool_call") {
      first ??= part;
      calls.push(writeToolCall(part));
    }
  }
  if (images.length > 0) message["images"] = images;
  const older =
    speaksOlderForm(call) && first?.kind === "tool_call" ? { name: first.name, arguments: first.arguments } : undefined;
  if (older !== undefined) message["function_call"] = older;
  else if (calls.length > 0) message["tool_calls"] = calls;
  else if (message["content"] === null && message["refusal"] === null) message["content"] = "";
  const finish = writeFinish(choice.finish, message["refusal"] !== null);
  const reason = older !== undefined && finish === "tool_calls" ? "function_call" : finish;
  return { index, message, logprobs: null, finish_reason: reason };
}

/** A picture that the model made. */
export function writeImage(source: MediaSource, index: number): Record<string, unknown> {
  return { index, type: "image_url", image_url: { url: writeMedia(source) } };
}

function writeToolCall({ id, name, isFree, arguments: words }: Extract<Part, { kind: "tool_call" }>) {
  if (isFree === true) return { id, type: "custom", custom: { name, input: words } };
  return { id, type: "function", function: { name, arguments: words } };
}

/** Whether the caller offered `functions`, and so looks for `function_call` in the answer. */
export function speaksOlderForm(call: ModelCall): boolean {
  return Array.isArray(call.raw["functions"]) && !Array.isArray(call.raw["tools"]);
}
