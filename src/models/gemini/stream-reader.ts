// Reads a streamed reply of the Gemini API: every event is a reply with the next pieces of each candidate.
//
// 1. A tool call comes whole, in one part.
// 2. Every event reports the usage so far; fields of an earlier report that a later one lacks are kept.
// 3. Nothing on the wire ends the stream, so `end` is said when the connection closes after every candidate had its reason.
import type { SseEvent, StreamEvent, StreamReader } from "../conversation.ts";
import { parseEvent } from "../wire/event-json.ts";
import { errorPiece, garbled } from "../wire/faults.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import { isObject, put } from "../wire/fields.ts";
import { readGeminiError } from "./error.ts";
import { readFinishReason } from "./finish.ts";
import { madeCallId, readParts } from "./parts.ts";
import { indexOf, isBlocked, textOf } from "./reply.ts";

interface Candidate {
  calls: number;
  finished: boolean;
}

/** Reads the events of one streamed reply. */
export class GeminiStreamReader implements StreamReader {
  readonly #candidates = new Map<number, Candidate>();
  #id = "";
  #usage: JsonObject = {};
  #started = false;
  #closed = false;

  read(event: SseEvent): readonly StreamEvent[] {
    if (this.#closed || event.data === "") return [];
    const reply = parseReply(event.data);
    if (isObject(reply["error"])) {
      this.#closed = true;
      return [errorPiece(readGeminiError(reply), "UNKNOWN")];
    }
    const events: StreamEvent[] = [];
    if (!this.#started) {
      this.#started = true;
      this.#id = textOf(reply["responseId"]);
      events.push({ kind: "start", id: this.#id, model: textOf(reply["modelVersion"]) });
    }
    const candidates: unknown = reply["candidates"];
    if (Array.isArray(candidates)) {
      for (const candidate of candidates as readonly unknown[]) {
        if (isObject(candidate)) this.#candidate(candidate, events);
      }
    }
    if (isBlocked(reply)) this.#finish(0, "content_filter", undefined, events);
    this.#report(reply["usageMetadata"], events);
    return events;
  }

  close(): readonly StreamEvent[] {
    if (this.#closed || this.#candidates.size === 0) return [];
    for (const candidate of this.#candidates.values()) if (!candidate.finished) return [];
    this.#closed = true;
    return [{ kind: "end" }];
  }

  #candidate(from: JsonObject, events: StreamEvent[]): void {
    const choice = indexOf(from);
    const state = this.#state(choice);
    for (const part of readParts(from["content"])) {
      if (part.kind === "text") events.push({ kind: "text", choice, text: part.text });
      else if (part.kind === "thought") events.push({ kind: "reasoning", choice, text: part.text });
      else if (part.kind === "image") events.push({ kind: "image", choice, source: part.source });
      else if (part.kind === "seal") events.push({ kind: "reasoning", choice, text: "", signature: part.signature });
      else {
        const slot = state.calls++;
        const id = part.id === "" ? madeCallId(this.#id, choice, slot) : part.id;
        events.push({ kind: "tool_start", choice, slot, id, name: part.name });
        events.push({ kind: "tool_arguments", choice, slot, text: part.arguments });
      }
    }
    const reason = from["finishReason"];
    if (typeof reason !== "string") return;
    const mean = from["avgLogprobs"];
    const meanLogprob = typeof mean === "number" ? mean : undefined;
    this.#finish(choice, readFinishReason(reason, state.calls > 0), meanLogprob, events);
  }

  #state(choice: number): Candidate {
    let state = this.#candidates.get(choice);
    if (state === undefined) {
      state = { calls: 0, finished: false };
      this.#candidates.set(choice, state);
    }
    return state;
  }

  #finish(
    choice: number,
    finish: Extract<StreamEvent, { kind: "finish" }>["finish"],
    meanLogprob: number | undefined,
    events: StreamEvent[],
  ): void {
    const state = this.#state(choice);
    if (state.finished) return;
    state.finished = true;
    const event: Draft<Extract<StreamEvent, { kind: "finish" }>> = { kind: "finish", choice, finish };
    put(event, "meanLogprob", meanLogprob);
    events.push(event);
  }

  #report(usage: unknown, events: StreamEvent[]): void {
    if (!isObject(usage)) return;
    this.#usage = { ...this.#usage, ...usage };
    events.push({ kind: "usage", raw: this.#usage });
  }
}

function parseReply(data: string): JsonObject {
  let reply: unknown;
  try {
    reply = parseEvent(data);
  } catch (cause) {
    throw garbled("a piece of the provider's stream is not JSON", cause);
  }
  if (!isObject(reply)) throw garbled("a piece of the provider's stream is not an object");
  return reply;
}
