// Writes turns as the messages of a chat completion.
import type { Part, Turn } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import { lastWords, resultTurn } from "../wire/losses.ts";
import type { Losses } from "../wire/losses.ts";
import { writeMedia } from "./media.ts";

type Message = Record<string, unknown>;

/**
 * The messages that say the turns. Reasoning of the turn that the model is still working on goes back where the server may be
 * given it; that of earlier turns is left out, since most servers of this dialect refuse or ignore it. Marks for the provider's
 * cache are left out too, since caching is automatic here. Media that a tool returned follow its results in a user's message.
 * @throws `dialect.unsupported` for what no message can hold.
 */
export function writeMessages(turns: readonly Turn[], losses: Losses, reasons: boolean): Message[] {
  const messages: Message[] = [];
  const newest = lastWords(turns);
  for (const [i, turn] of turns.entries()) {
    if (turn.role === "assistant") {
      const message = assistantMessage(turn, losses, reasons && i > newest);
      // Of a turn that held only what cannot be said nothing is left, and many servers refuse a message without words.
      if (message["content"] !== "" || turn.parts.length === 0) messages.push(message);
    } else if (turn.role === "system") {
      messages.push({ role: "system", content: textContent(turn.parts, turn, losses, "instructions") });
    } else userMessages(turn, losses, messages);
  }
  return messages;
}

/** Results of tools are messages of their own, and stay where they stood among the other parts. */
function userMessages(turn: Turn, losses: Losses, messages: Message[]): void {
  let pending: Message[] = [];
  const flush = (): void => {
    const [only] = pending;
    const isPlain = pending.length === 1 && only?.["type"] === "text";
    if (pending.length > 0) messages.push({ role: "user", content: isPlain ? only["text"] : pending });
    pending = [];
  };
  let moved: Message[] = [];
  for (const part of turn.parts) {
    if (part.kind !== "tool_result") {
      pending.push(...moved, losses.say(part, turn, { say: userPart, note: textPart }));
      moved = [];
      continue;
    }
    flush();
    const texts: Part[] = [];
    for (const inner of part.parts) {
      const saying = { say: (each: Part): Message => resultPart(each), note: textPart };
      const written = losses.say(inner, resultTurn, saying);
      if (written["type"] === "text") texts.push({ kind: "text", text: String(written["text"]) });
      else moved.push(written);
    }
    if (texts.length === 0 && moved.length > 0) texts.push({ kind: "text", text: "What the tool returned follows." });
    const content = textContent(texts, turn, losses, "the result of a tool");
    messages.push({ role: "tool", tool_call_id: part.id, content: part.isError === true ? failed(content) : content });
  }
  pending.push(...moved);
  if (turn.parts.length === 0) messages.push({ role: "user", content: "" });
  flush();
}

function resultPart(part: Part): Message {
  if (part.kind === "text" || part.kind === "refusal") return textPart(part.text);
  return userPart(part);
}

function textPart(text: string): Message {
  return { type: "text", text };
}

/** There is no field that says that a tool failed, so the words say it. */
function failed(content: string | Message[]): string | Message[] {
  return typeof content === "string" ? `Error: ${content}` : [{ type: "text", text: "Error:" }, ...content];
}

function assistantMessage(turn: Turn, losses: Losses, reasons: boolean): Message {
  const message: Message = { role: "assistant", content: null };
  const texts: Part[] = [];
  const calls: Message[] = [];
  let reasoning = "";
  for (const part of turn.parts) {
    if (part.kind === "tool_call") {
      calls.push({ id: part.id, type: "function", function: { name: part.name, arguments: part.arguments } });
    } else if (part.kind === "refusal") {
      message["refusal"] = `${(message["refusal"] as string | undefined) ?? ""}${part.text}`;
    } else if (part.kind === "reasoning") reasoning += part.text;
    else if (part.kind !== "foreign") texts.push(part);
    else losses.refuse(part);
  }
  if (texts.length > 0) message["content"] = textContent(texts, turn, losses, "an assistant's turn");
  else if (calls.length === 0 && message["refusal"] === undefined) message["content"] = "";
  if (calls.length > 0) message["tool_calls"] = calls;
  if (reasons && calls.length > 0 && reasoning !== "") message["reasoning_content"] = reasoning;
  return message;
}

/** A plain string where there is one text, because many servers know no other form. */
function textContent(parts: readonly Part[], turn: Turn, losses: Losses, where: string): string | Message[] {
  const written = parts.map((part) =>
    losses.say(part, turn, {
      say: (each) => {
        if (each.kind === "text") return textPart(each.text);
        throw unsupported(`a part of kind ${each.kind} cannot be said in ${where} of a chat completion`);
      },
      note: textPart,
    }),
  );
  const [only] = written;
  if (only === undefined) return "";
  return written.length === 1 ? String(only["text"]) : written;
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
      if (part.source.kind === "base64" && part.source.mediaType.startsWith("text/")) return textPart(textOf(part));
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

/** The words of a file of text, under its name: a chat completion takes documents that are no text. */
function textOf({ name, source }: Extract<Part, { kind: "file" }>): string {
  const text = source.kind === "base64" ? Buffer.from(source.data, "base64").toString("utf8") : "";
  return name === undefined ? text : `${name}:\n${text}`;
}
