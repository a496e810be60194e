// Reads a streamed chat completion, as OpenAI defines it and as the many servers of its dialect vary it.
//
// 1. Each choice finishes once. Some servers write "stop" on every chunk, so a finish is held back until the
//    end.
// 2. What a server gets wrong in a chunk is put right in it as it is read, for callers that are given the chunks (`mended`).
// 3. `end` comes with `[DONE]`; a server that closes without it is read to the end by `close`.
import type { Finish, ReplyStamp, SseEvent, StreamEvent, StreamReader } from "../conversation.ts";
import { parseEvent } from "../wire/event-json.ts";
import { errorPiece, garbled } from "../wire/faults.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import { isObject, put } from "../wire/fields.ts";
import { readChatError } from "./error.ts";
import { readFinish } from "./finish.ts";
import { ChunkMender, mendChunk, mendDelta, mendedFinish } from "./mend.ts";
import type { Mender } from "./mend.ts";
import { tierOf } from "../service-tier.ts";
import { idOf, readImages, readSaid, textOr, usageOf } from "./reply.ts";
import { StreamedCalls } from "./stream-calls.ts";
import { LogprobMean } from "./usage.ts";

/** The event that ends a stream of this dialect. */
export const doneData = "[DONE]";

/** Reads the chunks of one streamed reply. */
export class ChatStreamReader implements StreamReader {
  readonly #choices = new Map<number, ChoiceReader>();
  readonly #madeId: string;
  #id = "";
  /** What the chunks say of the reply besides its choices. */
  #head: JsonObject = {};
  #started = false;
  #ended = false;
  #failed = false;
  #mended: readonly SseEvent[] | undefined;

  /** @param stamp Gives the id of a reply whose server gives none. */
  constructor(stamp?: Pick<ReplyStamp, "id">) {
    this.#madeId = stamp?.id ?? "";
  }

  get mended(): readonly SseEvent[] | undefined {
    return this.#mended;
  }

  read(event: SseEvent): readonly StreamEvent[] {
    this.#mended = undefined;
    if (this.#ended || this.#failed || event.data === "") return [];
    if (event.data === doneData) return this.#done(doneData);
    const chunk = parseChunk(event.data);
    const events: StreamEvent[] = [];
    const error = event.event === "error" || hasError(chunk) ? readChatError(asErrorBody(chunk)) : undefined;
    if (error !== undefined) {
      this.#failed = true;
      return [errorPiece(error)];
    }
    const choices: readonly unknown[] = Array.isArray(chunk["choices"]) ? chunk["choices"] : [];
    this.#start(chunk, choices.length > 0, events);
    const mender = new ChunkMender();
    if (this.#started) mendChunk(chunk, this.#id === "" ? this.#madeId : this.#id, mender);
    for (const choice of choices) if (isObject(choice)) this.#choice(choice, mender, events);
    if (mender.isUsed) this.#mended = [{ ...event, data: JSON.stringify(chunk) }];
    const usage = usageOf(chunk);
    if (usage !== undefined) events.push({ kind: "usage", raw: usage, ...tierOf(chunk) });
    return events;
  }

  close(): readonly StreamEvent[] {
    if (this.#ended || this.#failed || this.#choices.size === 0) return [];
    this.#mended = undefined;
    const whole = [...this.#choices.values()].every((choice) => choice.hasFinish);
    return whole ? this.#done("") : [];
  }

  /** Azure's first chunk is about the prompt and names neither id nor model. */
  #start(chunk: JsonObject, speaks: boolean, events: StreamEvent[]): void {
    if (this.#started) return;
    const id = idOf(chunk);
    if (id === "" && !speaks) return;
    this.#started = true;
    this.#id = id;
    const { object, created, model } = chunk;
    this.#head = { id: id === "" ? this.#madeId : id, object, created, model };
    events.push({ kind: "start", id, model: textOr(chunk["model"], "") });
  }

  #choice(choice: Record<string, unknown>, mender: Mender, events: StreamEvent[]): void {
    if (typeof choice["index"] !== "number") mender.set(choice, "index", 0);
    const index = Number(choice["index"]);
    let reader = this.#choices.get(index);
    if (reader === undefined) {
      reader = new ChoiceReader(index, this.#id);
      this.#choices.set(index, reader);
    }
    reader.read(choice, mender, events);
  }

  /** The stream is over, as the server says by `data`. */
  #done(data: string): readonly StreamEvent[] {
    this.#ended = true;
    const events: StreamEvent[] = [];
    const untold = [...this.#choices.values()].flatMap((choice) => choice.end(events));
    // What the server has left out is told in a chunk before its last word.
    if (untold.length > 0) this.#mended = [{ data: JSON.stringify({ ...this.#head, choices: untold }) }, { data }];
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

class ChoiceReader {
  readonly #index: number;
  readonly #calls: StreamedCalls;
  #mean: LogprobMean | undefined;
  #reason: unknown;
  /** The word that callers of the chunks were last given for why the choice ended. */
  #told: string | undefined;
  #began = false;
  #refused = false;

  constructor(index: number, replyId: string) {
    this.#index = index;
    this.#calls = new StreamedCalls(index, replyId);
  }

  /** Whether the server has said why the choice ended. */
  get hasFinish(): boolean {
    return this.#reason !== undefined;
  }

  /** Reads a piece of the choice, and puts right in it what the server got wrong. */
  read(choice: Record<string, unknown>, mender: Mender, events: StreamEvent[]): void {
    mendDelta(choice, mender, this.#began);
    const { delta } = choice;
    if (isObject(delta)) {
      this.#began = true;
      this.#delta(delta, mender, events);
    }
    const logprobs = choice["logprobs"];
    if (logprobs !== undefined && logprobs !== null) (this.#mean ??= new LogprobMean()).add(logprobs);
    const reason = choice["finish_reason"];
    if (typeof reason === "string" && reason !== "") {
      this.#reason = reason;
      this.#told = mendedFinish(reason, this.#said) ?? reason;
      mender.set(choice, "finish_reason", this.#told);
    }
  }

  /** Says the finish, also where the server gave none. @returns The choice of a chunk that says what the server has left out. */
  end(events: StreamEvent[]): readonly JsonObject[] {
    const calls = this.#calls.end(events);
    this.#finish(readFinish(this.#reason, this.#said), events);
    const word = mendedFinish(this.#reason ?? null, this.#said) ?? this.#told;
    if (word === this.#told && calls.length === 0) return [];
    const delta = calls.length === 0 ? {} : { tool_calls: calls };
    return [{ index: this.#index, delta, logprobs: null, finish_reason: word }];
  }

  get #said(): { readonly tools: boolean; readonly refusal: boolean } {
    return { tools: this.#calls.count > 0, refusal: this.#refused };
  }

  #finish(finish: Finish, events: StreamEvent[]): void {
    const event: Draft<Extract<StreamEvent, { kind: "finish" }>> = { kind: "finish", choice: this.#index, finish };
    put(event, "meanLogprob", this.#mean?.mean);
    events.push(event);
  }

  #delta(delta: JsonObject, mender: Mender, events: StreamEvent[]): void {
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
    if (Array.isArray(calls)) {
      for (const call of calls as unknown[]) if (isObject(call)) this.#calls.read(call, mender, events);
    }
    const older = delta["function_call"];
    if (isObject(older)) this.#calls.readOlder(older, events);
  }
}
