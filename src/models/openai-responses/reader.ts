// Reads replies of the Responses dialect, whole and streamed.
import type { CallerTool, Finish, Part, Reply, SseEvent, StreamEvent, StreamReader } from "../conversation.ts";
import { parseEvent } from "../wire/event-json.ts";
import { errorPiece, garbled, ReportedFault } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { readChatError } from "../openai-chat/error.ts";
import { tierOf } from "../service-tier.ts";
import { idOf, textOr, usageOf } from "../openai-chat/reply.ts";

/** Reads a reply. @throws `upstream.garbled` for a body without output, `upstream.failed` for a response that failed. */
export function readResponsesReply(body: unknown): Reply {
  if (!isObject(body)) throw garbled("the provider's reply is not an object");
  const error = readChatError(body);
  if (error !== undefined) throw new ReportedFault(error);
  if (!Array.isArray(body["output"])) throw garbled("the provider's reply has no output");
  const parts = (body["output"] as unknown[]).flatMap((item) => (isObject(item) ? readItem(item) : []));
  return {
    id: idOf(body),
    model: textOr(body["model"], ""),
    choices: [{ parts, finish: readFinish(body, parts) }],
    rawUsage: usageOf(body) ?? null,
    usage: null,
  };
}

function readItem(item: JsonObject): Part[] {
  switch (item["type"]) {
    case "message":
      return textsOf(item["content"]).map(({ type, text }): Part => {
        return { kind: type === "refusal" ? "refusal" : "text", text };
      });
    case "reasoning": {
      const summary = textsOf(item["summary"]);
      const text = (summary.length > 0 ? summary : textsOf(item["content"])).map((part) => part.text).join("\n\n");
      return text === "" ? [] : [{ kind: "reasoning", text }];
    }
    case "function_call":
      return [{ kind: "tool_call", ...toolOf(item), arguments: textOr(item["arguments"], "") }];
    case "custom_tool_call":
      return [{ kind: "tool_call", ...toolOf(item), arguments: textOr(item["input"], "") }];
    default:
      return [];
  }
}

function toolOf(item: JsonObject): CallerTool & { readonly id: string } {
  const { name, namespace, type } = item;
  if (typeof name !== "string") throw garbled("a tool call of the provider's reply has no name");
  return {
    id: textOr(item["call_id"], idOf(item)),
    name,
    ...(typeof namespace === "string" && { namespace }),
    ...(type === "custom_tool_call" && { isFree: true }),
  };
}

function textsOf(list: unknown): { readonly type: unknown; readonly text: string }[] {
  if (!Array.isArray(list)) return [];
  return (list as unknown[]).flatMap((part) => {
    if (!isObject(part)) return [];
    const text = textOr(part["text"], textOr(part["refusal"], ""));
    return text === "" ? [] : [{ type: part["type"], text }];
  });
}

function readFinish(response: JsonObject, parts: readonly { readonly kind: string }[]): Finish {
  if (response["status"] === "failed" || response["status"] === "cancelled") return "error";
  if (response["status"] === "incomplete") {
    const details = response["incomplete_details"];
    const reason = isObject(details) ? details["reason"] : undefined;
    if (reason === "content_filter") return "content_filter";
    return reason === "max_output_tokens" ? "length" : "unknown";
  }
  if (parts.some((part) => part.kind === "tool_call" || part.kind === "tool_start")) return "tool_calls";
  return parts.some((part) => part.kind === "refusal") ? "refusal" : "stop";
}

/** What was heard of one place in the output. */
interface Heard {
  readonly slot: number;
  readonly kind: "tool_start" | "other";
  /** Words of the current part came in pieces, so that its end repeats them. */
  inPieces: boolean;
  /** The part of the reasoning that was said last. */
  thought?: unknown;
  /** Something was said. */
  isSaid: boolean;
}

type Words = "text" | "refusal" | "reasoning" | "tool_arguments";

/** Reads the events of one streamed reply. Servers that cut nothing into pieces say it where a part, an item or all of it ends. */
export class ResponsesStreamReader implements StreamReader {
  readonly #heard = new Map<unknown, Heard>();
  readonly #added = new Set<unknown>();
  #slots = 0;
  #hasSpoken = false;
  #refused = false;
  #started = false;
  #ended = false;

  #mended: readonly SseEvent[] | undefined;

  get mended(): readonly SseEvent[] | undefined {
    return this.#mended;
  }

  read(event: SseEvent): readonly StreamEvent[] {
    this.#mended = undefined;
    if (this.#ended || event.data === "" || event.data === "[DONE]") return [];
    let body: unknown;
    try {
      body = parseEvent(event.data);
    } catch (cause) {
      throw garbled("a piece of the provider's stream is not JSON", cause);
    }
    if (!isObject(body)) throw garbled("a piece of the provider's stream is not an object");
    const type = textOr(body["type"], event.event ?? "");
    const index = body["output_index"];
    if (type === "response.output_item.added") this.#added.add(index);
    // Clients know no item that is done before it was added.
    else if (type === "response.output_item.done" && !this.#added.has(index)) {
      const added = "response.output_item.added";
      this.#mended = [{ event: added, data: JSON.stringify({ ...body, type: added }) }, event];
    }
    return this.#read(body, type);
  }

  /** A stream of this dialect says its own end. */
  close(): readonly StreamEvent[] {
    return [];
  }

  #read(body: JsonObject, type: string): readonly StreamEvent[] {
    switch (type) {
      case "response.created":
      case "response.in_progress":
        return this.#start(body["response"]);
      case "response.output_item.added":
        return this.#item(body);
      case "response.output_item.done":
        return this.#itemDone(body["item"], body["output_index"]);
      case "response.output_text.delta":
        return this.#piece(body, "text", body["delta"]);
      case "response.output_text.done":
        return this.#rest(body, "text", body["text"]);
      case "response.refusal.delta":
        return this.#piece(body, "refusal", body["delta"]);
      case "response.refusal.done":
        return this.#rest(body, "refusal", body["refusal"]);
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        return this.#piece(body, "reasoning", body["delta"]);
      case "response.reasoning_summary_text.done":
      case "response.reasoning_text.done":
        return this.#rest(body, "reasoning", body["text"]);
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        return this.#piece(body, "tool_arguments", body["delta"]);
      case "response.function_call_arguments.done":
        return this.#rest(body, "tool_arguments", body["arguments"]);
      case "response.custom_tool_call_input.done":
        return this.#rest(body, "tool_arguments", body["input"]);
      case "response.completed":
      case "response.incomplete":
        return this.#end(body["response"]);
      case "response.failed":
      case "error":
        return this.#fail(body);
      default:
        return [];
    }
  }

  #start(response: unknown): readonly StreamEvent[] {
    if (this.#started || !isObject(response)) return [];
    this.#started = true;
    return [{ kind: "start", id: idOf(response), model: textOr(response["model"], "") }];
  }

  #item(body: JsonObject): readonly StreamEvent[] {
    const { item } = body;
    if (!isObject(item) || (item["type"] !== "function_call" && item["type"] !== "custom_tool_call")) return [];
    return [this.#toolStart(body["output_index"], toolOf(item))];
  }

  #toolStart(index: unknown, tool: ReturnType<typeof toolOf>): StreamEvent {
    const slot = this.#slots++;
    this.#hasSpoken = true;
    this.#heard.set(index, { slot, kind: "tool_start", inPieces: false, isSaid: false });
    return { kind: "tool_start", choice: 0, slot, ...tool };
  }

  #piece(body: JsonObject, kind: Words, words: unknown): readonly StreamEvent[] {
    const text = textOr(words, "");
    if (text === "") return [];
    let heard = this.#heard.get(body["output_index"]);
    if (heard === undefined) {
      if (kind === "tool_arguments") throw garbled("the provider's stream gives arguments to no tool call");
      heard = { slot: 0, kind: "other", inPieces: false, isSaid: false };
      this.#heard.set(body["output_index"], heard);
    }
    heard.inPieces = true;
    heard.isSaid = true;
    this.#hasSpoken = true;
    if (kind === "tool_arguments") return [{ kind, choice: 0, slot: heard.slot, text }];
    if (kind === "refusal") this.#refused = true;
    if (kind !== "reasoning") return [{ kind, choice: 0, text }];
    const part = body["summary_index"] ?? body["content_index"] ?? 0;
    const isNext = heard.thought !== undefined && heard.thought !== part;
    heard.thought = part;
    return [{ kind, choice: 0, text: isNext ? `\n\n${text}` : text }];
  }

  /** The end of a part repeats its words, or says them first. */
  #rest(body: JsonObject, kind: Words, words: unknown): readonly StreamEvent[] {
    const heard = this.#heard.get(body["output_index"]);
    const events = heard?.inPieces === true ? [] : this.#piece(body, kind, words);
    const now = this.#heard.get(body["output_index"]);
    if (now !== undefined) now.inPieces = false;
    return events;
  }

  /** The end of an item repeats what it holds, or says it first. Without a number it cannot be told from what was said before. */
  #itemDone(item: unknown, index: unknown): readonly StreamEvent[] {
    const heard = this.#heard.get(index);
    if (!isObject(item) || heard?.isSaid === true) {
      if (index === undefined) this.#heard.delete(index);
      return [];
    }
    const events = readItem(item).flatMap((part) => this.#whole(part, index, heard));
    if (index === undefined) this.#heard.delete(index);
    return events;
  }

  #whole(part: Part, index: unknown, heard: Heard | undefined): readonly StreamEvent[] {
    if (part.kind === "tool_call") {
      const { kind: _kind, arguments: words, ...tool } = part;
      const started = heard === undefined ? [this.#toolStart(index, tool)] : [];
      return [...started, ...this.#piece({ output_index: index }, "tool_arguments", words)];
    }
    if (part.kind !== "text" && part.kind !== "refusal" && part.kind !== "reasoning") return [];
    return this.#piece({ output_index: index }, part.kind, part.text);
  }

  #end(response: unknown): readonly StreamEvent[] {
    this.#ended = true;
    const whole = isObject(response) ? response : {};
    const { output } = whole;
    const events: StreamEvent[] = [];
    if (!this.#hasSpoken && Array.isArray(output)) {
      events.push(...this.#start(whole));
      events.push(...output.flatMap((item: unknown, index) => this.#itemDone(item, index)));
    }
    const kinds: { readonly kind: string }[] = this.#slots > 0 ? [{ kind: "tool_start" }] : [];
    if (this.#refused) kinds.push({ kind: "refusal" });
    events.push({ kind: "finish", choice: 0, finish: readFinish(whole, kinds) });
    const usage = usageOf(whole);
    if (usage !== undefined) events.push({ kind: "usage", raw: usage, ...tierOf(whole) });
    events.push({ kind: "end" });
    return events;
  }

  #fail(body: JsonObject): readonly StreamEvent[] {
    this.#ended = true;
    const error = readChatError(body["response"]) ?? readChatError({ error: body["error"] ?? body }) ?? {};
    const events: StreamEvent[] = [];
    const usage = isObject(body["response"]) ? usageOf(body["response"]) : undefined;
    if (usage !== undefined) events.push({ kind: "usage", raw: usage });
    events.push(errorPiece(error));
    return events;
  }
}
