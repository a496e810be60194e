// Reads the messages of a chat completion into turns. Results of tools are said by the user, and results that follow each
// other make one turn, as dialects without a role for tools want it.
import type { Part, Turn } from "../conversation.ts";
import type { JsonObject } from "../wire/fields.ts";
import {
  asObject,
  knownWordIn,
  listIn,
  missing,
  neededObjectIn,
  neededNameIn,
  neededTextIn,
  textIn,
} from "../wire/fields.ts";
import { foreign, readContent } from "./parts.ts";

const roles = ["system", "developer", "user", "assistant", "tool", "function"] as const;

/** The turns of `messages`; pointers of what has no neutral form are added to `untranslated`. */
export function readMessages(body: JsonObject, untranslated: string[]): Turn[] {
  const messages = listIn(body, "messages", "") ?? missing("", "messages");
  if (messages.length === 0) missing("/messages", "0");
  const reader = new MessageReader(untranslated);
  for (const [index, message] of messages.entries()) {
    const at = `/messages/${index}`;
    reader.read(asObject(message, at), at);
  }
  return reader.turns;
}

class MessageReader {
  readonly turns: Turn[] = [];
  readonly #untranslated: string[];
  /** The parts of the turn of tool results that is still open. */
  #results: Part[] | undefined;
  /** The id given to the last call in the older form, which has none of its own. */
  #functionCallId = "";

  constructor(untranslated: string[]) {
    this.#untranslated = untranslated;
  }

  read(message: JsonObject, at: string): void {
    neededNameIn(message, "role", at);
    // A role that Charter does not know is said by the user where another API is spoken.
    const role = knownWordIn(message, "role", at, roles, this.#untranslated) ?? "user";
    if (role !== "function" && textIn(message, "name", at) !== undefined) this.#untranslated.push(`${at}/name`);
    if (role === "tool" || role === "function") {
      this.#result(message, role, at);
      return;
    }
    this.#results = undefined;
    if (role === "assistant") {
      this.turns.push({ role, parts: this.#assistantParts(message, at) });
      return;
    }
    if (message["content"] === undefined || message["content"] === null) missing(at, "content");
    const parts = readContent(message["content"], `${at}/content`, this.#untranslated);
    this.turns.push({ role: role === "user" ? "user" : "system", parts });
  }

  #result(message: JsonObject, role: "tool" | "function", at: string): void {
    if (role === "function") neededTextIn(message, "name", at);
    const id = role === "tool" ? neededTextIn(message, "tool_call_id", at) : this.#functionCallId;
    const parts = readContent(message["content"], `${at}/content`, this.#untranslated);
    if (this.#results === undefined) {
      this.#results = [];
      this.turns.push({ role: "user", parts: this.#results });
    }
    this.#results.push({ kind: "tool_result", id, parts });
  }

  #assistantParts(message: JsonObject, at: string): Part[] {
    const parts: Part[] = [];
    const reasoning = textIn(message, "reasoning_content", at) ?? textIn(message, "reasoning", at);
    if (reasoning !== undefined && reasoning !== "") parts.push({ kind: "reasoning", text: reasoning });
    parts.push(...readContent(message["content"], `${at}/content`, this.#untranslated));
    const refusal = textIn(message, "refusal", at);
    if (refusal !== undefined && refusal !== "") parts.push({ kind: "refusal", text: refusal });
    if (message["audio"] !== undefined && message["audio"] !== null) {
      parts.push(foreign(`${at}/audio`, "audio", this.#untranslated));
    }
    for (const [index, call] of (listIn(message, "tool_calls", at) ?? []).entries()) {
      const place = `${at}/tool_calls/${index}`;
      parts.push(this.#toolCall(asObject(call, place), place));
    }
    const older = message["function_call"];
    if (older !== undefined && older !== null) {
      this.#functionCallId = `call_function_${this.turns.length}`;
      const place = `${at}/function_call`;
      parts.push(functionCall(asObject(older, place), this.#functionCallId, place));
    }
    return parts;
  }

  #toolCall(call: JsonObject, at: string): Part {
    const id = neededTextIn(call, "id", at);
    const type = textIn(call, "type", at) ?? "function";
    if (type === "custom") {
      const place = `${at}/custom`;
      const custom = neededObjectIn(call, "custom", at);
      const name = neededTextIn(custom, "name", place);
      return { kind: "tool_call", id, name, arguments: textIn(custom, "input", place) ?? "", isFree: true };
    }
    if (type !== "function") return foreign(at, `a ${type} tool call`, this.#untranslated);
    return functionCall(neededObjectIn(call, "function", at), id, `${at}/function`);
  }
}

function functionCall(call: JsonObject, id: string, at: string): Part {
  return {
    kind: "tool_call",
    id,
    name: neededTextIn(call, "name", at),
    arguments: textIn(call, "arguments", at) ?? "",
  };
}
