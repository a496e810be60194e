// What servers of this dialect get wrong, put right for callers that are given their bytes: the same corrections as a reply gets
// on its way to another API. Fields that Charter does not know stay as they came.
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { readFinish, writeFinish } from "./finish.ts";
import { idOf, madeToolId } from "./reply.ts";

type Fields = Record<string, unknown>;

/** A reply with its mistakes put right; undefined where there are none. */
export function mendedReply(_call: unknown, body: JsonObject): JsonObject | undefined {
  const { choices } = body;
  if (!Array.isArray(choices)) return undefined;
  const mended = choices.map((choice: unknown, index) =>
    isObject(choice) ? mendedChoice(choice, index, body) : choice,
  );
  return mended.some((choice, index) => choice !== choices[index]) ? { ...body, choices: mended } : undefined;
}

function mendedChoice(choice: JsonObject, index: number, body: JsonObject): JsonObject {
  const fixes: Fields = {};
  if (typeof choice["index"] !== "number") fixes["index"] = index;
  const { message } = choice;
  if (isObject(message)) {
    const { tool_calls: calls, refusal } = message;
    const ofMessage: Fields = {};
    if (message["role"] === undefined) ofMessage["role"] = "assistant";
    if (message["content"] === undefined) ofMessage["content"] = null;
    const hasCalls = Array.isArray(calls) && calls.length > 0;
    if (hasCalls) {
      const mended = calls.map((call: unknown, slot) =>
        isObject(call) ? mendedCall(call, madeToolId(idOf(body), index, slot)) : call,
      );
      if (mended.some((call, slot) => call !== calls[slot])) ofMessage["tool_calls"] = mended;
    }
    if (Object.keys(ofMessage).length > 0) fixes["message"] = { ...message, ...ofMessage };
    const reason = mendedFinish(choice["finish_reason"], { tools: hasCalls, refusal: typeof refusal === "string" });
    if (reason !== undefined) fixes["finish_reason"] = reason;
  }
  return Object.keys(fixes).length === 0 ? choice : { ...choice, ...fixes };
}

function mendedCall(call: JsonObject, id: string): JsonObject {
  const fixes: Fields = {};
  if (typeof call["id"] !== "string" || call["id"] === "") fixes["id"] = id;
  if (typeof call["type"] !== "string") fixes["type"] = "function";
  const { function: called } = call;
  if (isObject(called) && typeof called["arguments"] !== "string") {
    fixes["function"] = { ...called, arguments: textOfArguments(called["arguments"]) };
  }
  return Object.keys(fixes).length === 0 ? call : { ...call, ...fixes };
}

/** Arguments as the text that they are in this API; none are an object without members. */
export function textOfArguments(words: unknown): string {
  return JSON.stringify(words ?? {});
}

/** The API's own word for why a model stopped, where a server used another; undefined where it did not, or the word is unknown. */
export function mendedFinish(
  reason: unknown,
  said: { readonly tools: boolean; readonly refusal: boolean },
): string | undefined {
  if (typeof reason !== "string" || reason === "function_call") return undefined;
  const finish = readFinish(reason, said);
  if (finish === "unknown" || finish === "error" || finish === "refusal") return undefined;
  const word = writeFinish(finish, said.refusal);
  return word === reason ? undefined : word;
}
