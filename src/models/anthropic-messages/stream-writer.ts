// Writes a streamed message as the official clients read it.
//
// 1. The order is `message_start`, then blocks one after the other (start, deltas, stop), `message_delta`, `message_stop`.
// 2. Clients stop reading an event name that they do not know, so every frame names its event.
// 3. Other dialects let the arguments of several tool calls take turns. One call is told at a time, and those of the others wait
//    until its arguments are whole; so do words that come in between. Clients raise an error over arguments that are not JSON, so
//    those of one call are told once they are there, in the form that a whole message has them in; long ones as they come.
// 4. Providers of other dialects report usage last: `message_start` carries zeros unless more is known by then, and
//    `message_delta`, held back until the end, carries the final numbers, those of the input too.
import type { Finish, ModelCall, ReplyStamp, StreamEvent, StreamWriter } from "../conversation.ts";
import { garbled } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { writeMessagesError } from "./error.ts";
import { imageBlock } from "./reply.ts";
import { writeStop } from "./stop.ts";
import { unknownUsage, writeMessagesUsage } from "./usage.ts";
import { maxEventBytes, sseFrame } from "../wire/sse.ts";
import { argumentsText } from "../wire/tool-arguments.ts";
import { WholeJson } from "../wire/whole-json.ts";

/** The block that is open: words, reasoning, or the tool call of a slot. */
type Open =
  | { readonly kind: "text" | "reasoning" | "image" }
  | { readonly kind: "tool"; readonly slot: number; readonly said: WholeJson; held: string | undefined };

type ToolStart = Extract<StreamEvent, { kind: "tool_start" }>;

/** A tool call that has begun while another one was open, with its arguments so far. */
interface Waiting {
  readonly start: ToolStart;
  text: string;
}

type WordEvent = Extract<StreamEvent, { kind: "text" | "refusal" | "reasoning" | "image" }>;

/** Longest arguments that are told in one piece, characters; a client that shows how a long text grows waits for no more. */
const maxHeld = 16 * 1024;

/** Most characters of arguments and words that wait; those of a call that writes a long file are some hundred thousand. */
const maxWaiting = maxEventBytes;

/** Writes the frames of one streamed message. The API knows one answer per call, so only the first choice is written. */
export class MessagesStreamWriter implements StreamWriter {
  readonly #call: ModelCall;
  readonly #stamp: ReplyStamp;
  /** Their blocks open with their first arguments, once no other one is unfinished. */
  readonly #waiting = new Map<number, Waiting>();
  /** Words that came in the middle of a call's arguments. */
  #words: WordEvent[] = [];
  #waitingChars = 0;
  #open: Open | undefined;
  #blocks = 0;
  #started = false;
  #finish: Finish = "unknown";
  #usage: JsonObject = unknownUsage;

  constructor(call: ModelCall, stamp: ReplyStamp) {
    this.#call = call;
    this.#stamp = stamp;
  }

  write(event: StreamEvent): string {
    return "choice" in event && event.choice !== 0 ? "" : this.#write(event);
  }

  #write(event: StreamEvent): string {
    switch (event.kind) {
      case "start":
        return this.#start(event.id, event.model);
      case "text":
      case "refusal":
      case "reasoning":
      case "image":
        return this.#isUnfinished ? this.#wait(event) : this.#said(event);
      case "tool_start":
        return this.#toolStart(event);
      case "tool_arguments":
        return this.#arguments(event.slot, event.text);
      case "finish":
        this.#finish = event.finish;
        return "";
      case "usage":
        this.#usage = writeMessagesUsage(event.raw, event.usage ?? null);
        return "";
      case "error":
        return this.fail(event);
      default:
        return this.#end();
    }
  }

  fail(error: { readonly code: string; readonly message: string }): string {
    return frame("error", writeMessagesError(error));
  }

  #said(event: WordEvent): string {
    if (event.kind === "image") return this.#begin({ kind: "image" }, imageBlock(event.source)) + this.#close();
    return event.kind === "reasoning" ? this.#reasoning(event) : this.#text(event.text);
  }

  /** Whether a call has begun whose arguments are not whole. */
  get #isUnfinished(): boolean {
    return this.#open?.kind === "tool" && (this.#waiting.size > 0 || !this.#open.said.isWhole);
  }

  #wait(event: WordEvent): string {
    this.#words.push(event);
    this.#count("text" in event ? event.text : JSON.stringify(event.source));
    return "";
  }

  #count(text: string): void {
    this.#waitingChars += text.length;
    if (this.#waitingChars > maxWaiting) throw garbled("the pieces of the provider's stream take turns for too long");
  }

  /** What was said in the middle of arguments. */
  #rest(): string {
    const words = this.#words;
    this.#words = [];
    return words.map((event) => this.#said(event)).join("");
  }

  #start(id: string, model: string): string {
    if (this.#started) return "";
    this.#started = true;
    const message = {
      id: id === "" ? this.#stamp.id : id,
      type: "message",
      role: "assistant",
      model,
      container: null,
      content: [],
      stop_reason: null,
      stop_details: null,
      stop_sequence: null,
      usage: this.#usage,
    };
    return frame("message_start", { type: "message_start", message });
  }

  #text(text: string): string {
    if (text === "") return "";
    const opened = this.#open?.kind === "text" ? "" : this.#begin({ kind: "text" }, { type: "text", text: "" });
    return opened + this.#delta(`{"type":"text_delta","text":${JSON.stringify(text)}}`);
  }

  #reasoning(event: Extract<StreamEvent, { kind: "reasoning" }>): string {
    if (event.redacted !== undefined) {
      const block = { type: "redacted_thinking", data: event.redacted };
      return this.#begin({ kind: "reasoning" }, block) + this.#close();
    }
    if (event.text === "" && event.signature === undefined) return "";
    let frames = "";
    if (this.#open?.kind !== "reasoning") {
      frames = this.#begin({ kind: "reasoning" }, { type: "thinking", thinking: "", signature: "" });
    }
    if (event.text !== "") {
      frames += this.#delta(`{"type":"thinking_delta","thinking":${JSON.stringify(event.text)}}`);
    }
    if (event.signature === undefined) return frames;
    // A seal ends what it seals: further reasoning is a block of its own.
    frames += this.#delta(`{"type":"signature_delta","signature":${JSON.stringify(event.signature)}}`);
    return frames + this.#close();
  }

  #toolStart(start: ToolStart): string {
    if (this.#open?.kind !== "tool") return this.#openTool(start);
    this.#waiting.set(start.slot, { start, text: "" });
    return "";
  }

  #openTool(start: ToolStart): string {
    this.#waiting.delete(start.slot);
    const block = { type: "tool_use", id: start.id, name: start.name, input: {} };
    return this.#begin({ kind: "tool", slot: start.slot, said: new WholeJson(), held: "" }, block);
  }

  #arguments(slot: number, text: string): string {
    if (text === "") return "";
    if (this.#open?.kind === "tool" && this.#open.slot === slot) return this.#input(text);
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined) {
      // Some servers end arguments that are whole with white space.
      if (text.trim() === "") return "";
      throw garbled("the provider's stream goes back to a tool call that it had left");
    }
    waiting.text += text;
    this.#count(text);
    return this.#next();
  }

  /** Opens the calls that wait, one after the other, as long as none is unfinished. */
  #next(): string {
    let frames = "";
    while (this.#open?.kind !== "tool" || this.#open.said.isWhole) {
      // One that has said nothing keeps its place: clients give results in the order of the calls.
      const [next] = this.#waiting.values();
      if (next === undefined || next.text === "") break;
      frames += this.#release(next);
    }
    return frames;
  }

  /** A call that waits, with what has come of its arguments. */
  #release({ start, text }: Waiting): string {
    this.#waitingChars -= text.length;
    return this.#openTool(start) + (text === "" ? "" : this.#input(text));
  }

  /** Arguments of the call that is open. */
  #input(text: string): string {
    let frames = "";
    const open = this.#open;
    if (open?.kind === "tool") {
      open.said.add(text);
      const told = open.held === undefined ? text : open.held + text;
      const isLong = open.held === undefined || told.length > maxHeld;
      open.held = isLong ? undefined : told;
      if (isLong) frames = this.#inputDelta(told);
    }
    // Calls that wait are older than the words that wait behind them.
    if (this.#words.length === 0 || this.#isUnfinished) return frames;
    return frames + this.#rest();
  }

  #begin(open: Open, block: JsonObject): string {
    const before = this.#start("", this.#call.model) + (open.kind === "tool" ? this.#close() : this.#settle());
    this.#open = open;
    const event = { type: "content_block_start", index: this.#blocks, content_block: block };
    return before + frame("content_block_start", event);
  }

  #inputDelta(text: string): string {
    return this.#delta(`{"type":"input_json_delta","partial_json":${JSON.stringify(text)}}`);
  }

  /** `delta` is JSON. */
  #delta(delta: string): string {
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#blocks},"delta":${delta}}\n\n`;
  }

  #close(): string {
    const open = this.#open;
    if (open === undefined) return "";
    this.#open = undefined;
    const held = open.kind === "tool" && open.held !== undefined ? argumentsText(open.held) : "";
    const rest = held === "" ? "" : this.#inputDelta(held);
    const index = this.#blocks++;
    return rest + frame("content_block_stop", { type: "content_block_stop", index });
  }

  /** Closes the open block and writes the tool calls that are still waiting. */
  #settle(): string {
    let frames = this.#close();
    for (const each of this.#waiting.values()) frames += this.#release(each) + this.#close();
    return frames;
  }

  #end(): string {
    const before = this.#start("", this.#call.model) + this.#settle() + this.#rest() + this.#close();
    const delta = { ...writeStop(this.#finish), stop_sequence: null, container: null };
    const event = { type: "message_delta", delta, usage: this.#usage };
    return before + frame("message_delta", event) + frame("message_stop", { type: "message_stop" });
  }
}

function frame(event: string, data: Readonly<Record<string, unknown>>): string {
  return sseFrame(JSON.stringify(data), event);
}
