// Writes a streamed chat completion: chunk objects, then the usage where the caller asked for it, then `[DONE]`.
import type { Finish, ModelCall, ReplyStamp, StreamEvent, StreamWriter } from "../conversation.ts";
import type { JsonObject } from "../wire/fields.ts";
import { writeFinish } from "./finish.ts";
import { speaksOlderForm, writeImage } from "./reply.ts";
import { doneData } from "./stream-reader.ts";
import { writeChatUsage } from "./usage.ts";
import { sseFrame } from "../wire/sse.ts";

/** Writes the frames of one streamed reply. */
export class ChatStreamWriter implements StreamWriter {
  readonly #call: ModelCall;
  readonly #stamp: ReplyStamp;
  readonly #olderForm: boolean;
  readonly #spoken = new Set<number>();
  readonly #refused = new Set<number>();
  /** The calls of tools that take free text, by choice and slot. */
  readonly #free = new Set<string>();
  /** What every chunk begins with, up to the choices. */
  #head = "";
  #usage: JsonObject | undefined;
  #images = 0;

  constructor(call: ModelCall, stamp: ReplyStamp) {
    this.#call = call;
    this.#stamp = stamp;
    this.#olderForm = speaksOlderForm(call);
    this.#begin("", call.model);
  }

  write(event: StreamEvent): string {
    switch (event.kind) {
      case "start":
        this.#begin(event.id, event.model);
        return "";
      case "text":
        return this.#delta(event.choice, `"content":${JSON.stringify(event.text)}`);
      case "refusal":
        this.#refused.add(event.choice);
        return this.#delta(event.choice, `"refusal":${JSON.stringify(event.text)}`);
      case "reasoning":
        return event.text === "" ? "" : this.#delta(event.choice, `"reasoning_content":${JSON.stringify(event.text)}`);
      case "tool_start":
        return this.#toolStart(event);
      case "tool_arguments":
        return this.#toolArguments(event);
      case "image": {
        const image = writeImage(event.source, this.#images++);
        return this.#delta(event.choice, `"images":[${JSON.stringify(image)}]`);
      }
      case "finish":
        return this.#finish(event.choice, event.finish);
      case "usage":
        this.#usage = writeChatUsage(event.raw, event.usage ?? null);
        return "";
      case "error":
        return this.fail(event);
      default:
        return this.#end();
    }
  }

  fail(error: { readonly code: string; readonly message: string }): string {
    const { code, message } = error;
    return sseFrame(JSON.stringify({ error: { message, type: "server_error", code } }));
  }

  #begin(id: string, model: string): void {
    const head = {
      id: id === "" ? this.#stamp.id : id,
      object: "chat.completion.chunk",
      created: Math.floor(this.#stamp.createdMs / 1000),
      model,
    };
    this.#head = JSON.stringify(head).slice(0, -1);
  }

  /** One chunk. `fields` are the inner fields of the delta as JSON; the first delta of a choice names the role. */
  #delta(choice: number, fields: string, finish = "null"): string {
    let inner = fields;
    if (!this.#spoken.has(choice)) {
      this.#spoken.add(choice);
      inner = fields === "" ? `"role":"assistant","content":""` : `"role":"assistant",${fields}`;
    }
    const usage = this.#call.wantsUsage ? `,"usage":null` : "";
    const body = `"index":${choice},"delta":{${inner}},"logprobs":null,"finish_reason":${finish}`;
    return `data: ${this.#head},"choices":[{${body}}]${usage}}\n\n`;
  }

  #toolStart(event: Extract<StreamEvent, { kind: "tool_start" }>): string {
    if (event.isFree === true) {
      this.#free.add(`${event.choice} ${event.slot}`);
      const custom = { index: event.slot, id: event.id, type: "custom", custom: { name: event.name, input: "" } };
      return this.#delta(event.choice, `"tool_calls":[${JSON.stringify(custom)}]`);
    }
    const called = { name: event.name, arguments: "" };
    if (this.#olderForm) return this.#delta(event.choice, `"function_call":${JSON.stringify(called)}`);
    const call = { index: event.slot, id: event.id, type: "function", function: called };
    return this.#delta(event.choice, `"tool_calls":[${JSON.stringify(call)}]`);
  }

  #toolArguments(event: Extract<StreamEvent, { kind: "tool_arguments" }>): string {
    const words = JSON.stringify(event.text);
    if (this.#olderForm) return this.#delta(event.choice, `"function_call":{"arguments":${words}}`);
    const isFree = this.#free.has(`${event.choice} ${event.slot}`);
    const said = isFree ? `"custom":{"input":${words}}` : `"function":{"arguments":${words}}`;
    return this.#delta(event.choice, `"tool_calls":[{"index":${event.slot},${said}}]`);
  }

  #finish(choice: number, finish: Finish): string {
    const word = writeFinish(finish, this.#refused.has(choice));
    return this.#delta(choice, "", JSON.stringify(this.#olderForm && word === "tool_calls" ? "function_call" : word));
  }

  #end(): string {
    const done = sseFrame(doneData);
    if (!this.#call.wantsUsage || this.#usage === undefined) return done;
    return `data: ${this.#head},"choices":[],"usage":${JSON.stringify(this.#usage)}}\n\n${done}`;
  }
}
