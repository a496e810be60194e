// Reads a streamed chat completion, as OpenAI defines it and as the many servers of its dialect vary it.
//
// 1. Each choice finishes once. A finish that comes together with words may be followed by more of them (some servers write
//    "stop" on every chunk), so it is held back until the next chunk without words for the choice, or the end.
// 2. A tool call begins once its name is known; calls are told apart by index, else by id, else by order. A new id with a
//    name on a used index is a new call, because some servers number every parallel call 0.
// 3. What a server gets wrong in a chunk is put right in it as it is read, for callers that are given the chunks (`mended`).
// 4. `end` comes with `[DONE]`; a server that closes without it is read to the end by `close`.
import type { Finish, SseEvent, StreamEvent, StreamReader } from "../conversation.ts";
import { parseEvent } from "../wire/event-json.ts";
import { errorPiece, garbled } from "../wire/faults.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import { isObject, put } from "../wire/fields.ts";
import { readChatError } from "./error.ts";
import { readFinish } from "./finish.ts";
import { mendedFinish, textOfArguments } from "./mend.ts";
import { tierOf } from "../service-tier.ts";
import { idOf, madeToolId, readImages, readSaid, textOr, usageOf } from "./reply.ts";
import { LogprobMean } from "./usage.ts";

/** The event that ends a stream of this dialect. */
export const doneData = "[DONE]";

/** Reads the chunks of one streamed reply. */
export class ChatStreamReader implements StreamReader {
  readonly #choices = new Map<number, ChoiceReader>();
  #id = "";
  #started = false;
  #ended = false;
  #failed = false;
  #mended: string | undefined;

  get mended(): string | undefined {
    return this.#mended;
  }

  read(event: SseEvent): readonly StreamEvent[] {
    this.#mended = undefined;
    if (this.#ended || this.#failed || event.data === "") return [];
    if (event.data === doneData) return this.#end();
    const chunk = parseChunk(event.data);
    const events: StreamEvent[] = [];
    const error = event.event === "error" || hasError(chunk) ? readChatError(asErrorBody(chunk)) : undefined;
    if (error !== undefined) {
      this.#failed = true;
      return [errorPiece(error)];
    }
    const choices: readonly unknown[] = Array.isArray(chunk["choices"]) ? chunk["choices"] : [];
    this.#start(chunk, choices.length > 0, events);
    let isMended = false;
    for (const choice of choices) if (isObject(choice)) isMended = this.#choice(choice, events) || isMended;
    if (isMended) this.#mended = JSON.stringify(chunk);
    if (choices.length === 0) this.#release(events);
    const usage = usageOf(chunk);
    if (usage !== undefined) events.push({ kind: "usage", raw: usage, ...tierOf(chunk) });
    return events;
  }

  close(): readonly StreamEvent[] {
    if (this.#ended || this.#failed || this.#choices.size === 0) return [];
    const whole = [...this.#choices.values()].every((choice) => choice.hasFinish);
    return whole ? this.#end() : [];
  }

  /** Azure's first chunk is about the prompt and names neither id nor model. */
  #start(chunk: JsonObject, speaks: boolean, events: StreamEvent[]): void {
    if (this.#started) return;
    const id = idOf(chunk);
    if (id === "" && !speaks) return;
    this.#started = true;
    this.#id = id;
    events.push({ kind: "start", id, model: textOr(chunk["model"], "") });
  }

  /** @returns Whether something in the choice was put right. */
  #choice(choice: Record<string, unknown>, events: StreamEvent[]): boolean {
    const isNumbered = typeof choice["index"] === "number";
    if (!isNumbered) choice["index"] = 0;
    const index = Number(choice["index"]);
    let reader = this.#choices.get(index);
    if (reader === undefined) {
      reader = new ChoiceReader(index, this.#id);
      this.#choices.set(index, reader);
    }
    return reader.read(choice, events) || !isNumbered;
  }

  #release(events: StreamEvent[]): void {
    for (const choice of this.#choices.values()) choice.release(events);
  }

  #end(): readonly StreamEvent[] {
    this.#ended = true;
    const events: StreamEvent[] = [];
    for (const choice of this.#choices.values()) choice.end(events);
    events.push({ kind: "end" });
    return events;
  }
}

function parseChunk(data: string): JsonObject {
  let chunk: unknown;
  try {
    chunk = parseEvent(data);
  } catch (cause) {
    throw garbled("a piece of the provider's stream is not JSON", cause);
  }
  if (!isObject(chunk)) throw garbled("a piece of the provider's stream is not an object");
  return chunk;
}

function hasError(chunk: JsonObject): boolean {
  return (chunk["error"] !== undefined && chunk["error"] !== null) || chunk["object"] === "error";
}

/** Groq names the event and sends the bare error as its data. */
function asErrorBody(chunk: JsonObject): unknown {
  return hasError(chunk) ? chunk : { error: chunk };
}

/** A tool call whose pieces arrive one by one. */
interface Slot {
  readonly number: number;
  id: string;
  started: boolean;
  /** Arguments that came before the name. */
  early: string;
}

class ChoiceReader {
  readonly #index: number;
  readonly #replyId: string;
  readonly #slots: Slot[] = [];
  readonly #byKey = new Map<number | string, Slot>();
  #mean: LogprobMean | undefined;
  #reason: unknown;
  #refused = false;
  #finished = false;
  #isMended = false;

  constructor(index: number, replyId: string) {
    this.#index = index;
    this.#replyId = replyId;
  }

  /** Whether the server has said why the choice ended. */
  get hasFinish(): boolean {
    return this.#finished || this.#reason !== undefined;
  }

  /** @returns Whether something in the choice was put right. */
  read(choice: Record<string, unknown>, events: StreamEvent[]): boolean {
    this.#isMended = false;
    const before = events.length;
    const delta = choice["delta"] ?? choice["message"];
    if (isObject(delta)) this.#delta(delta, events);
    const logprobs = choice["logprobs"];
    if (logprobs !== undefined && logprobs !== null) (this.#mean ??= new LogprobMean()).add(logprobs);
    const reason = choice["finish_reason"];
    if (typeof reason === "string" && reason !== "") {
      this.#reason = reason;
      this.#mend(choice, "finish_reason", mendedFinish(reason, this.#said) ?? reason);
    }
    if (events.length === before) this.release(events);
    return this.#isMended;
  }

  #mend(of: Record<string, unknown>, key: string, value: unknown): void {
    if (of[key] === value) return;
    of[key] = value;
    this.#isMended = true;
  }

  /** Says a finish that was held back. */
  release(events: StreamEvent[]): void {
    if (this.#reason !== undefined) this.#finish(readFinish(this.#reason, this.#said), events);
  }

  /** Says a finish even where the server gave none. */
  end(events: StreamEvent[]): void {
    this.#finish(readFinish(this.#reason, this.#said), events);
  }

  get #said(): { readonly tools: boolean; readonly refusal: boolean } {
    return { tools: this.#slots.length > 0, refusal: this.#refused };
  }

  #finish(finish: Finish, events: StreamEvent[]): void {
    if (this.#finished) return;
    this.#finished = true;
    const event: Draft<Extract<StreamEvent, { kind: "finish" }>> = { kind: "finish", choice: this.#index, finish };
    put(event, "meanLogprob", this.#mean?.mean);
    events.push(event);
  }

  #delta(delta: JsonObject, events: StreamEvent[]): void {
    const choice = this.#index;
    const content = delta["content"];
    const texts = typeof content === "string" ? undefined : readSaid(content);
    const thought = textOr(delta["reasoning_content"], textOr(delta["reasoning"], "")) || (texts?.thought ?? "");
    if (thought !== "") events.push({ kind: "reasoning", choice, text: thought });
    const text = texts === undefined ? (content as string) : texts.text;
    if (text !== "") events.push({ kind: "text", choice, text });
    const refusal = textOr(delta["refusal"], "");
    if (refusal !== "") {
      this.#refused = true;
      events.push({ kind: "refusal", choice, text: refusal });
    }
    for (const { source } of readImages(delta["images"])) events.push({ kind: "image", choice, source });
    const calls = delta["tool_calls"];
    if (Array.isArray(calls)) for (const call of calls as unknown[]) if (isObject(call)) this.#call(call, events);
    // The older form has one call, without a number or an id.
    const older = delta["function_call"];
    if (isObject(older)) this.#call({ index: 0, id: this.#slots[0]?.id ?? this.#madeId(0), function: older }, events);
  }

  #call(call: Record<string, unknown>, events: StreamEvent[]): void {
    const inner: Record<string, unknown> = isObject(call["function"]) ? call["function"] : {};
    const id = textOr(call["id"], "");
    const name = textOr(inner["name"], "");
    const slot = this.#slotOf(call["index"], id, name);
    if (slot.id === "") slot.id = id;
    if (isObject(inner["arguments"])) this.#mend(inner, "arguments", textOfArguments(inner["arguments"]));
    const words = textOr(inner["arguments"], "");
    this.#mend(call, "index", slot.number);
    if (!slot.started && name === "") {
      slot.early += words;
      return;
    }
    const choice = this.#index;
    let text = words;
    if (!slot.started) {
      slot.started = true;
      if (slot.id === "") slot.id = this.#madeId(slot.number);
      this.#mend(call, "id", slot.id);
      events.push({ kind: "tool_start", choice, slot: slot.number, id: slot.id, name });
      text = slot.early + words;
    }
    if (text !== "") events.push({ kind: "tool_arguments", choice, slot: slot.number, text });
  }

  #madeId(slot: number): string {
    return madeToolId(this.#replyId, this.#index, slot);
  }

  #slotOf(index: unknown, id: string, name: string): Slot {
    const last = this.#slots.at(-1);
    if (typeof index === "number") {
      const slot = this.#byKey.get(index);
      const another = slot?.started === true && name !== "" && id !== "" && id !== slot.id;
      return slot === undefined || another ? this.#open(index, id) : slot;
    }
    if (id !== "") return this.#byKey.get(id) ?? this.#open(id, id);
    return last === undefined || (name !== "" && last.started) ? this.#open(`#${this.#slots.length}`, id) : last;
  }

  #open(key: number | string, id: string): Slot {
    const slot: Slot = { number: this.#slots.length, id, started: false, early: "" };
    this.#slots.push(slot);
    this.#byKey.set(key, slot);
    return slot;
  }
}
