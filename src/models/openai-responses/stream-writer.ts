// Writes a streamed reply of the Responses dialect: typed events with a sequence number, in the order that the API documents.
// An item is added, its parts are added, their words arrive, and each is done before its response is.
//
// 1. Text and reasoning are one item at a time; tool calls stay open until the finish, because servers may interleave them.
// 2. The last event is response.completed, response.incomplete or response.failed, and holds the whole response.
import type { CallerTool, Finish, ModelCall, ReplyStamp, StreamEvent, StreamWriter } from "../conversation.ts";
import type { Usage } from "../usage.ts";
import type { JsonObject } from "../wire/fields.ts";
import {
  contentPart,
  headOf,
  type Item,
  imageItem,
  itemId,
  kindOf,
  messageItem,
  type Outcome,
  outcomeOf,
  prefixOf,
  reasoningItem,
  type ResponseHead,
  toolItem,
  toolKinds,
  writeResponse,
} from "./reply.ts";
import { ownItem } from "./own-tools.ts";
import { sealReasoning } from "./seal.ts";
import { sseFrame } from "../wire/sse.ts";

interface OpenMessage {
  readonly kind: "message";
  readonly id: string;
  readonly index: number;
  /** The parts that are done. */
  readonly content: Item[];
  part: "text" | "refusal";
  text: string;
}

interface OpenReasoning {
  readonly kind: "reasoning";
  readonly id: string;
  readonly index: number;
  text: string;
  seal: string | undefined;
}

interface OpenTool extends CallerTool {
  readonly itemId: string;
  readonly index: number;
  readonly id: string;
  arguments: string;
}

/** Writes the frames of one streamed reply. */
export class ResponsesStreamWriter implements StreamWriter {
  readonly #call: ModelCall;
  readonly #stamp: ReplyStamp;
  readonly #output: Item[] = [];
  readonly #tools = new Map<number, OpenTool>();
  #head: ResponseHead;
  #begun = false;
  #over = false;
  #sequence = 0;
  #open: OpenMessage | OpenReasoning | undefined;
  #finish: Finish = "unknown";
  #refused = false;
  #used: { raw: JsonObject | null; usage: Usage | null } = { raw: null, usage: null };

  constructor(call: ModelCall, stamp: ReplyStamp) {
    this.#call = call;
    this.#stamp = stamp;
    this.#head = headOf("", call.model, stamp);
  }

  write(event: StreamEvent): string {
    if (this.#over) return "";
    switch (event.kind) {
      case "start":
        if (this.#begun) return "";
        this.#head = headOf(event.id, event.model, this.#stamp);
        return this.#begin();
      case "usage":
        this.#used = { raw: event.raw, usage: event.usage ?? null };
        return "";
      case "error":
        return this.fail(event);
      case "end":
        return this.#begin() + this.#end(outcomeOf(this.#finish, this.#refused));
      default:
        // The API has one answer; calls for more are refused when they are written or read.
        return event.choice === 0 ? this.#begin() + this.#said(event) : "";
    }
  }

  fail({ code, message }: { readonly code: string; readonly message: string }): string {
    if (this.#over) return "";
    // OpenAI's own clients raise the first frame, which they tell as flat or nested; agents wait for the second.
    const error = { type: "server_error", code, message, param: null };
    const told = this.#begin() + this.#frame("error", { code, message, param: null, error });
    return told + this.#end({ status: "failed", error: { code, message } });
  }

  #said(event: Exclude<StreamEvent, { kind: "start" | "usage" | "error" | "end" }>): string {
    switch (event.kind) {
      case "text":
      case "refusal":
        return this.#words(event.kind, event.text);
      case "reasoning":
        return this.#reasoning(event);
      case "tool_start":
        return this.#toolStart(event);
      case "image": {
        const frames = this.#close("completed");
        const index = this.#output.length;
        const item = imageItem(itemId("ig", this.#head, index), event.source);
        return frames + this.#add(index, { ...item, status: "in_progress", result: null }) + this.#done(index, item);
      }
      case "tool_arguments":
        return this.#toolArguments(event.slot, event.text);
      default:
        this.#finish = event.finish;
        return "";
    }
  }

  #frame(type: string, fields: Item): string {
    return sseFrame(JSON.stringify({ type, ...fields, sequence_number: this.#sequence++ }), type);
  }

  #begin(): string {
    if (this.#begun) return "";
    this.#begun = true;
    const response = writeResponse(this.#call, this.#head, { status: "in_progress" }, [], this.#used);
    return this.#frame("response.created", { response }) + this.#frame("response.in_progress", { response });
  }

  #end(outcome: Outcome): string {
    const status = outcome.status === "completed" ? "completed" : "incomplete";
    const frames = this.#close(status) + this.#closeTools(status);
    this.#over = true;
    const response = writeResponse(this.#call, this.#head, outcome, this.#output, this.#used);
    return frames + this.#frame(`response.${outcome.status}`, { response });
  }

  /** Takes the next place in the output and announces the item there. */
  #add(index: number, item: Item): string {
    this.#output[index] = item;
    return this.#frame("response.output_item.added", { output_index: index, item });
  }

  #done(index: number, item: Item): string {
    this.#output[index] = item;
    return this.#frame("response.output_item.done", { output_index: index, item });
  }

  #words(kind: "text" | "refusal", text: string): string {
    let frames = "";
    let open = this.#open;
    if (open?.kind !== "message") {
      frames += this.#close("completed");
      const index = this.#output.length;
      const id = itemId("msg", this.#head, index);
      open = { kind: "message", id, index, content: [], part: kind, text: "" };
      this.#open = open;
      frames += this.#add(index, messageItem(id, "in_progress", []));
      frames += this.#part("added", open, contentPart(kind, ""));
    } else if (open.part !== kind) {
      frames += this.#closePart(open);
      open.part = kind;
      open.text = "";
      frames += this.#part("added", open, contentPart(kind, ""));
    }
    open.text += text;
    if (kind === "refusal") this.#refused = true;
    const type = kind === "text" ? "response.output_text.delta" : "response.refusal.delta";
    return frames + this.#frame(type, { ...placeOf(open), delta: text, ...(kind === "text" ? { logprobs: [] } : {}) });
  }

  #part(what: "added" | "done", open: OpenMessage, part: Item): string {
    return this.#frame(`response.content_part.${what}`, { ...placeOf(open), part });
  }

  #closePart(open: OpenMessage): string {
    const part = contentPart(open.part, open.text);
    const done =
      open.part === "text"
        ? this.#frame("response.output_text.done", { ...placeOf(open), text: open.text, logprobs: [] })
        : this.#frame("response.refusal.done", { ...placeOf(open), refusal: open.text });
    const frames = done + this.#part("done", open, part);
    open.content.push(part);
    return frames;
  }

  #reasoning(event: Extract<StreamEvent, { kind: "reasoning" }>): string {
    let frames = "";
    let open = this.#open;
    // A seal ends a stretch of reasoning: what follows has its own.
    if (open?.kind !== "reasoning" || open.seal !== undefined || (event.redacted !== undefined && open.text !== "")) {
      frames += this.#close("completed");
      const index = this.#output.length;
      const id = itemId("rs", this.#head, index);
      open = { kind: "reasoning", id, index, text: "", seal: undefined };
      this.#open = open;
      frames += this.#add(index, { id, type: "reasoning", summary: [] });
    }
    open.seal = sealReasoning(event) ?? open.seal;
    if (event.text === "") return frames;
    const place = summaryPlaceOf(open);
    if (open.text === "") {
      const part = { type: "summary_text", text: "" };
      frames += this.#frame("response.reasoning_summary_part.added", { ...place, part });
    }
    open.text += event.text;
    return frames + this.#frame("response.reasoning_summary_text.delta", { ...place, delta: event.text });
  }

  #close(status: string): string {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return "";
    if (open.kind === "message") {
      return this.#closePart(open) + this.#done(open.index, messageItem(open.id, status, open.content));
    }
    let frames = "";
    if (open.text !== "") {
      const place = summaryPlaceOf(open);
      const part = { type: "summary_text", text: open.text };
      frames += this.#frame("response.reasoning_summary_text.done", { ...place, text: open.text });
      frames += this.#frame("response.reasoning_summary_part.done", { ...place, part });
    }
    return frames + this.#done(open.index, reasoningItem(this.#call, open.id, open.text, open.seal));
  }

  #toolStart({ slot, id, name, namespace, isFree, form }: Extract<StreamEvent, { kind: "tool_start" }>): string {
    const called = {
      id,
      name,
      ...(namespace !== undefined && { namespace }),
      ...(isFree === true && { isFree }),
      ...(form !== undefined && { form }),
    };
    const frames = this.#close("completed");
    const index = this.#output.length;
    const tool: OpenTool = { itemId: itemId(prefixOf(called), this.#head, index), index, ...called, arguments: "" };
    this.#tools.set(slot, tool);
    if (form !== undefined) {
      // What its item is shows only once all of its arguments are there.
      this.#output[index] = toolItem(tool.itemId, "in_progress", tool);
      return frames;
    }
    return frames + this.#add(index, toolItem(tool.itemId, "in_progress", tool));
  }

  #toolArguments(slot: number, text: string): string {
    const tool = this.#tools.get(slot);
    if (tool === undefined) return "";
    tool.arguments += text;
    if (tool.form !== undefined) return "";
    const place = { item_id: tool.itemId, output_index: tool.index };
    return this.#frame(`${toolKinds[kindOf(tool)].events}.delta`, { ...place, delta: text });
  }

  #closeTools(status: string): string {
    let frames = "";
    for (const tool of this.#tools.values()) {
      const { itemId, index, name, form, arguments: words } = tool;
      if (form !== undefined) frames += this.#add(index, toolItem(itemId, "in_progress", tool));
      const own = form === undefined ? undefined : ownItem(form, itemId, status, tool);
      if (own !== undefined) {
        frames += this.#done(index, own);
        continue;
      }
      const place = { item_id: itemId, output_index: index };
      const { events } = toolKinds[kindOf(tool)];
      const said = tool.isFree === true ? { input: words } : { name, arguments: words };
      frames += this.#frame(`${events}.done`, { ...place, ...said });
      frames += this.#done(index, toolItem(itemId, status, tool));
    }
    return frames;
  }
}

function placeOf(open: OpenMessage): Item {
  return { item_id: open.id, output_index: open.index, content_index: open.content.length };
}

function summaryPlaceOf(open: OpenReasoning): Item {
  return { item_id: open.id, output_index: open.index, summary_index: 0 };
}
