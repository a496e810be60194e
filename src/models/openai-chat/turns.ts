// Writes turns as the messages of a chat completion.
import type { Part, Turn } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import { writeMedia } from "./media.ts";

type Message = Record<string, unknown>;

/**
 * The messages that say the turns. Reasoning of earlier turns is the model's own and is left out: most servers of this
 * dialect refuse or ignore it. Marks for the provider's cache are left out too, since caching is automatic here.
 * @throws `dialect.unsupported` for what no message can hold.
 */
export function writeMessages(turns: readonly Turn[]): Message[] {
  const messages: Message[] = [];
  for (const turn of turns) {
    if (turn.role === "assistant") messages.push(assistantMessage(turn.parts));
    else if (turn.role === "system")
      messages.push({ role: "system", content: textContent(turn.parts, "instructions") });
    else userMessages(turn.parts, messages);
  }
  return messages;
}

/** Results of tools are messages of their own, and stay where they stood among the other parts. */
function userMessages(parts: readonly Part[], messages: Message[]): void {
  let said: Part[] = [];
  const flush = (): void => {
    if (said.length > 0) messages.push({ role: "user", content: userContent(said) });
    said = [];
  };
  for (const part of parts) {
    if (part.kind !== "tool_result") {
      said.push(part);
      continue;
    }
    flush();
    const content = textContent(part.parts, "the result of a tool");
    messages.push({ role: "tool", tool_call_id: part.id, content: part.isError === true ? failed(content) : content });
  }
  if (parts.length === 0) messages.push({ role: "user", content: "" });
  flush();
}

/** There is no field that says that a tool failed, so the words say it. */
function failed(content: string | Message[]): string | Message[] {
  return typeof content === "string" ? `Error: ${content}` : [{ type: "text", text: "Error:" }, ...content];
}

function assistantMessage(parts: readonly Part[]): Message {
  const message: Message = { role: "assistant", content: null };
  const texts: Part[] = [];
  const calls: Message[] = [];
  for (const part of parts) {
    if (part.kind === "tool_call") {
      calls.push({ id: part.id, type: "function", function: { name: part.name, arguments: part.arguments } });
    } else if (part.kind === "refusal") {
      message["refusal"] = `${(message["refusal"] as string | undefined) ?? ""}${part.text}`;
    } else if (part.kind !== "reasoning") {
      texts.push(part);
    }
  }
  if (texts.length > 0) message["content"] = textContent(texts, "an assistant's turn");
  else if (calls.length === 0 && message["refusal"] === undefined) message["content"] = "";
  if (calls.length > 0) message["tool_calls"] = calls;
  return message;
}

/** A plain string where there is one text, because many servers know no other form. */
function textContent(parts: readonly Part[], where: string): string | Message[] {
  const [only] = parts;
  if (only === undefined) return "";
  if (parts.length === 1 && only.kind === "text") return only.text;
  return parts.map((part) => {
    if (part.kind === "text") return { type: "text", text: part.text };
    throw unsupported(`a part of kind ${part.kind} cannot be said in ${where} of a chat completion`);
  });
}

function userContent(parts: readonly Part[]): string | Message[] {
  const [only] = parts;
  return parts.length === 1 && only?.kind === "text" ? only.text : parts.map(userPart);
}

function userPart(part: Part): Message {
  switch (part.kind) {
    case "text":
      return { type: "text", text: part.text };
    case "image": {
      const url = writeMedia(part.source);
      return { type: "image_url", image_url: part.detail === undefined ? { url } : { url, detail: part.detail } };
    }
    case "audio":
      return { type: "input_audio", input_audio: { data: part.data, format: part.format } };
    case "file": {
      if (part.source.kind === "url") throw unsupported("a chat completion cannot hold a file by its URL");
      const data = writeMedia(part.source);
      return {
        type: "file",
        file: part.name === undefined ? { file_data: data } : { filename: part.name, file_data: data },
      };
    }
    default:
      throw unsupported(`a part of kind ${part.kind} cannot be said in a user's turn of a chat completion`);
  }
}
