// Reads a streamed message: `message_start`, blocks with a start, deltas and a stop, `message_delta`, `message_stop`.
//
// 1. Usage is merged over `message_start` and `message_delta`, whose counts are cumulative; each report gives what is known.
// 2. A tool whose input came whole, or not at all, gives its arguments when its block stops, so that every call has some.
// 3. `end` comes with `message_stop`. An error ends the stream without one.
// 4. What a server gets wrong in an event is put right for callers that are given the events (`mended`).
import type { SseEvent, StreamEvent, StreamReader } from "../conversation.ts";
import { parseEvent } from "../wire/event-json.ts";
import { errorPiece, garbled } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { readMessagesError } from "./error.ts";
import { replyTool } from "./form.ts";
import { EventMender } from "./mend.ts";
import { readStop } from "./stop.ts";
import { mergeUsage } from "./usage.ts";

/** A block that has started. `slot` numbers the caller's tools; undefined for the tool that stands for the reply's form. */
type Block =
  | { readonly kind: "words" }
  | { readonly kind: "passed" }
  | { readonly kind: "tool"; readonly slot: number | undefined; readonly input: unknown; said: boolean };

const passed: Block = { kind: "passed" };
const words: Block = { kind: "words" };

/** Reads the events of one streamed message. */
export class MessagesStreamReader implements StreamReader {
  readonly #blocks = new Map<unknown, Block>();
  #usage: JsonObject = {};
  #slots = 0;
  #replied = false;
  #finished = false;
  #closed = false;
  readonly #mender = new EventMender();
  #mended: readonly SseEvent[] | undefined;

  get mended(): readonly SseEvent[] | undefined {
    return this.#mended;
  }

  read(event: SseEvent): readonly StreamEvent[] {
    this.#mended = undefined;
    if (this.#closed || event.event === "ping" || event.data === "") return [];
    const data = readEvent(event.data);
    this.#mended = this.#mender.mended(event, data);
    switch (data["type"]) {
      case "message_start":
        return this.#start(data);
      case "content_block_start":
        return this.#blockStart(data);
      case "content_block_delta":
        return this.#blockDelta(data);
      case "content_block_stop":
        return this.#blockStop(data);
      case "message_delta":
        return this.#messageDelta(data);
      case "message_stop":
        this.#closed = true;
        return this.#finished ? [{ kind: "end" }] : [this.#finish(undefined), { kind: "end" }];
      case "error": {
        this.#closed = true;
        return [errorPiece(readMessagesError(data), "api_error")];
      }
      default:
        // The API's versioning lets new events appear at any time.
        return [];
    }
  }

  close(): readonly StreamEvent[] {
    this.#mended = undefined;
    if (this.#closed || !this.#finished) return [];
    this.#closed = true;
    return [{ kind: "end" }];
  }

  #start(data: JsonObject): StreamEvent[] {
    const message = inner(data, "message");
    const { id, model } = message;
    const events: StreamEvent[] = [
      { kind: "start", id: typeof id === "string" ? id : "", model: typeof model === "string" ? model : "" },
    ];
    this.#report(message["usage"], events);
    return events;
  }

  #report(usage: unknown, events: StreamEvent[]): void {
    if (!isObject(usage)) return;
    this.#usage = mergeUsage(this.#usage, usage);
    events.push({ kind: "usage", raw: this.#usage });
  }

  #blockStart(data: JsonObject): StreamEvent[] {
    const block = inner(data, "content_block");
    const index = data["index"];
    switch (block["type"]) {
      case "text":
        this.#blocks.set(index, words);
        return text(block["text"]);
      case "thinking":
        this.#blocks.set(index, words);
        return [...thinking(block["thinking"]), ...seal(block["signature"])];
      case "redacted_thinking":
        this.#blocks.set(index, passed);
        return [{ kind: "reasoning", choice: 0, text: "", redacted: needed(block["data"]) }];
      case "tool_use": {
        const forForm = block["name"] === replyTool;
        const slot = forForm ? undefined : this.#slots++;
        this.#replied ||= forForm;
        this.#blocks.set(index, { kind: "tool", slot, input: block["input"], said: false });
        if (slot === undefined) return [];
        return [{ kind: "tool_start", choice: 0, slot, id: needed(block["id"]), name: needed(block["name"]) }];
      }
      default:
        this.#blocks.set(index, passed);
        return [];
    }
  }

  #blockDelta(data: JsonObject): readonly StreamEvent[] {
    const block = this.#blocks.get(data["index"]);
    if (block === undefined) throw garbled("a delta of the provider's stream belongs to no block");
    const delta = inner(data, "delta");
    switch (delta["type"]) {
      case "text_delta":
        return text(needed(delta["text"]));
      case "thinking_delta":
        return thinking(needed(delta["thinking"]));
      case "signature_delta":
        return seal(needed(delta["signature"]));
      case "input_json_delta":
        return block.kind === "tool" ? input(block, needed(delta["partial_json"])) : [];
      default:
        // Citations have no neutral form.
        return [];
    }
  }

  #blockStop(data: JsonObject): readonly StreamEvent[] {
    const block = this.#blocks.get(data["index"]);
    if (block?.kind !== "tool" || block.said) return [];
    return input(block, JSON.stringify(block.input ?? {}));
  }

  #messageDelta(data: JsonObject): StreamEvent[] {
    const events: StreamEvent[] = [];
    const reason = inner(data, "delta")["stop_reason"];
    if (typeof reason === "string" && !this.#finished) events.push(this.#finish(reason));
    this.#report(data["usage"], events);
    return events;
  }

  #finish(reason: unknown): StreamEvent {
    this.#finished = true;
    const seen = { tools: this.#slots > 0, replied: this.#replied };
    return { kind: "finish", choice: 0, finish: readStop(reason, seen) };
  }
}

function readEvent(data: string): JsonObject {
  let event: unknown;
  try {
    event = parseEvent(data);
  } catch (cause) {
    throw garbled("a piece of the provider's stream is not JSON", cause);
  }
  if (!isObject(event)) throw garbled("a piece of the provider's stream is not an object");
  return event;
}

function inner(data: JsonObject, key: string): JsonObject {
  const value = data[key];
  if (isObject(value)) return value;
  throw garbled(`a piece of the provider's stream lacks its ${key}`);
}

function needed(value: unknown): string {
  if (typeof value === "string") return value;
  throw garbled("a piece of the provider's stream lacks its text");
}

function text(value: unknown): StreamEvent[] {
  return typeof value === "string" && value !== "" ? [{ kind: "text", choice: 0, text: value }] : [];
}

function thinking(value: unknown): StreamEvent[] {
  return typeof value === "string" && value !== "" ? [{ kind: "reasoning", choice: 0, text: value }] : [];
}

function seal(value: unknown): StreamEvent[] {
  if (typeof value !== "string" || value === "") return [];
  return [{ kind: "reasoning", choice: 0, text: "", signature: value }];
}

function input(block: Extract<Block, { kind: "tool" }>, words: string): StreamEvent[] {
  if (words === "") return [];
  block.said = true;
  if (block.slot === undefined) return text(words);
  return [{ kind: "tool_arguments", choice: 0, slot: block.slot, text: words }];
}
