// What servers of this dialect get wrong, put right for callers that are given their bytes: the same corrections as a reply gets
// on its way to another API, and the same in a whole reply as in a stream. Fields that Charter does not know stay as they came.
import type { Mending } from "../conversation.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { readFinish, writeFinish } from "./finish.ts";
import { idOf, madeToolId, readSaid, textOfArguments, usageOf } from "./reply.ts";
import { writeChatUsage } from "./usage.ts";

type Fields = Record<string, unknown>;

/** A reply with its mistakes put right; undefined where there are none. */
export function mendedReply(_call: unknown, body: JsonObject, { stamp, usage }: Mending): JsonObject | undefined {
  const { choices } = body;
  if (!Array.isArray(choices)) return undefined;
  const fixes: Fields = {};
  if (idOf(body) === "") fixes["id"] = stamp.id;
  if (!isObject(body["usage"])) {
    const told = usageOf(body) ?? writeChatUsage(null, usage);
    if (told !== undefined) fixes["usage"] = told;
  }
  const mended = choices.map((choice: unknown, index) =>
    isObject(choice) ? mendedChoice(choice, index, body) : choice,
  );
  if (mended.some((choice, index) => choice !== choices[index])) fixes["choices"] = mended;
  return Object.keys(fixes).length === 0 ? undefined : { ...body, ...fixes };
}

function mendedChoice(choice: JsonObject, index: number, body: JsonObject): JsonObject {
  const fixes: Fields = {};
  if (typeof choice["index"] !== "number") fixes["index"] = index;
  const { message } = choice;
  if (isObject(message)) {
    const { tool_calls: calls, refusal } = message;
    const ofMessage: Fields = { ...wordsOf(message) };
    if (typeof message["role"] !== "string") ofMessage["role"] = "assistant";
    if (message["content"] === undefined) ofMessage["content"] = null;
    const hasCalls = Array.isArray(calls) && calls.length > 0;
    if (hasCalls) {
      const mended = calls.map((call: unknown, slot) =>
        isObject(call) ? mendedCall(call, madeToolId(idOf(body), index, slot)) : call,
      );
      if (mended.some((call, slot) => call !== calls[slot])) ofMessage["tool_calls"] = mended;
    }
    if (Object.keys(ofMessage).length > 0) fixes["message"] = { ...message, ...ofMessage };
    const said = { tools: hasCalls, refusal: typeof refusal === "string" && refusal !== "" };
    const reason = mendedFinish(choice["finish_reason"] ?? null, said);
    if (reason !== undefined) fixes["finish_reason"] = reason;
  }
  return Object.keys(fixes).length === 0 ? choice : { ...choice, ...fixes };
}

/** Mistral's list of texts and thoughts as the text and the reasoning that clients put together; nothing for what they can read. */
function wordsOf(message: JsonObject): Fields {
  const { content } = message;
  if (!Array.isArray(content) || !content.every(isWords)) return {};
  const { text, thought } = readSaid(content);
  const isToldElsewhere = typeof (message["reasoning_content"] ?? message["reasoning"]) === "string";
  return { content: text, ...(thought !== "" && !isToldElsewhere && { reasoning_content: thought }) };
}

function isWords(item: unknown): boolean {
  return isObject(item) && (item["type"] === "text" || item["type"] === "thinking");
}

function mendedCall(call: JsonObject, id: string): JsonObject {
  const fixes: Fields = {};
  if (typeof call["id"] !== "string" || call["id"] === "") fixes["id"] = id;
  if (typeof call["type"] !== "string") fixes["type"] = "function";
  const { function: called } = call;
  if (isObject(called) && (typeof called["arguments"] !== "string" || called["arguments"] === "")) {
    fixes["function"] = { ...called, arguments: textOfArguments(called["arguments"]) };
  }
  return Object.keys(fixes).length === 0 ? call : { ...call, ...fixes };
}

/**
 * The API's own word for why a model stopped, where a server used another, or none (null); undefined where it did not, or the word
 * is unknown.
 */
export function mendedFinish(
  reason: unknown,
  said: { readonly tools: boolean; readonly refusal: boolean },
): string | undefined {
  if (reason === null || reason === "") return writeFinish(readFinish(reason, said), said.refusal);
  if (typeof reason !== "string" || reason === "function_call") return undefined;
  const finish = readFinish(reason, said);
  if (finish === "unknown" || finish === "error" || finish === "refusal") return undefined;
  const word = writeFinish(finish, said.refusal);
  return word === reason ? undefined : word;
}

/** Puts something right where it stands. */
export interface Mender {
  set(of: Fields, key: string, value: unknown): void;
  drop(of: Fields, key: string): void;
}

/** Puts things right in one chunk, and keeps in mind whether it had to. */
export class ChunkMender implements Mender {
  #isUsed = false;

  get isUsed(): boolean {
    return this.#isUsed;
  }

  set(of: Fields, key: string, value: unknown): void {
    if (of[key] === value) return;
    of[key] = value;
    this.#isUsed = true;
  }

  drop(of: Fields, key: string): void {
    delete of[key];
    this.#isUsed = true;
  }
}

/** Puts right what a chunk says of the reply as a whole. Clients leave out of account what a chunk without an id says. */
export function mendChunk(chunk: Fields, id: string, mender: Mender): void {
  if (idOf(chunk) === "" && id !== "") mender.set(chunk, "id", id);
  const usage = usageOf(chunk);
  if (usage !== undefined) mender.set(chunk, "usage", usage);
}

/** Puts right the delta of a choice. @param hasBegun Whether the choice has had one before. */
export function mendDelta(choice: Fields, mender: Mender, hasBegun: boolean): void {
  if (!isObject(choice["delta"]) && isObject(choice["message"])) {
    mender.set(choice, "delta", choice["message"]);
    mender.drop(choice, "message");
  }
  const { delta } = choice;
  if (!isObject(delta)) return;
  if (!hasBegun && typeof delta["role"] !== "string") mender.set(delta, "role", "assistant");
  for (const [key, value] of Object.entries(wordsOf(delta))) mender.set(delta, key, value);
}
