// Writes turns as the `systemInstruction` and `contents` of the Gemini API.
import type { MediaSource, Part, Turn } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { resultTurn } from "../wire/losses.ts";
import type { Losses } from "../wire/losses.ts";
import { isThirdGeneration } from "./model.ts";
import { absentSeal, ownSeal } from "./seal.ts";
import { parseArguments } from "../wire/tool-arguments.ts";

/** Turns in the words of the API. */
export interface WrittenContents {
  readonly system: readonly JsonObject[];
  readonly contents: readonly JsonObject[];
}

/**
 * Instructions are hoisted out of the conversation, and turns of one role that follow each other become one content.
 * Thoughts are not sent back, only Gemini's seals on them. Empty texts are left out.
 * @throws `dialect.unsupported` for what no part can hold.
 */
export function writeContents(turns: readonly Turn[], model: string, losses: Losses): WrittenContents {
  const writer = new ContentsWriter(model, losses);
  for (const turn of turns) writer.add(turn);
  if (writer.contents.length === 0) {
    throw unsupported("a conversation without a user's turn cannot be said to this provider");
  }
  return writer;
}

class ContentsWriter implements WrittenContents {
  readonly system: JsonObject[] = [];
  readonly contents: { readonly role: string; readonly parts: JsonObject[] }[] = [];
  readonly #newer: boolean;
  /** The names of the tools that were called, because Gemini's results go by name. */
  readonly #names = new Map<string, string>();

  readonly #losses: Losses;

  constructor(model: string, losses: Losses) {
    this.#newer = isThirdGeneration(model);
    this.#losses = losses;
  }

  add(turn: Turn): void {
    if (turn.role === "system") {
      for (const part of turn.parts) this.#instruct(part, turn);
      return;
    }
    const role = turn.role === "assistant" ? "model" : "user";
    const parts = role === "model" ? this.#modelParts(turn) : this.#userParts(turn);
    if (parts.length === 0) return;
    const last = this.contents.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else this.contents.push({ role, parts });
  }

  #instruct(part: Part, turn: Turn): void {
    const say = (each: Part): JsonObject => {
      if (each.kind === "text") return { text: each.text };
      throw unsupported(`a part of kind ${each.kind} cannot be said in a system instruction`);
    };
    const said = this.#losses.say(part, turn, { say, note: wordsPart });
    if (said["text"] !== "") this.system.push(said);
  }

  #userParts(turn: Turn): JsonObject[] {
    const written: JsonObject[] = [];
    for (const part of turn.parts) {
      if (part.kind === "tool_result") written.push(...this.#result(part));
      else if (part.kind !== "text" || part.text !== "") written.push(this.#plain(part, turn));
    }
    return written;
  }

  #plain(part: Part, turn: Turn): JsonObject {
    return this.#losses.say(part, turn, { say: plainPart, note: wordsPart });
  }

  /** A seal belongs to the tool call that follows it, else it stands in its own empty text. */
  #modelParts(turn: Turn): JsonObject[] {
    const written: JsonObject[] = [];
    let seal: string | undefined;
    let called = false;
    const flush = (): void => {
      if (seal !== undefined) written.push({ text: "", thoughtSignature: seal });
      seal = undefined;
    };
    for (const part of turn.parts) {
      if (part.kind === "foreign") {
        this.#losses.refuse(part);
        continue;
      }
      if (part.kind === "tool_call") {
        // Only the first of several parallel calls is sealed.
        if (!called && this.#newer) seal ??= absentSeal;
        called = true;
        written.push(this.#call(part, seal));
        seal = undefined;
        continue;
      }
      if (part.kind === "reasoning") {
        const own = ownSeal(part.signature);
        if (own === undefined) continue;
        flush();
        seal = own;
        continue;
      }
      flush();
      const empty = (part.kind === "text" || part.kind === "refusal") && part.text === "";
      if (!empty) written.push(this.#plain(part, turn));
    }
    flush();
    return written;
  }

  #call(part: Extract<Part, { kind: "tool_call" }>, seal: string | undefined): JsonObject {
    this.#names.set(part.id, part.name);
    const functionCall = { id: part.id, name: part.name, args: parseArguments(part.arguments) };
    return seal === undefined ? { functionCall } : { functionCall, thoughtSignature: seal };
  }

  /** Media that the model cannot take inside the result follow it. A call that the history has lost names the tool no more. */
  #result(part: Extract<Part, { kind: "tool_result" }>): JsonObject[] {
    const name = this.#names.get(part.id) ?? "tool";
    const texts: string[] = [];
    const media: JsonObject[] = [];
    for (const inner of part.parts) {
      const said = this.#plain(inner, resultTurn);
      if (typeof said["text"] === "string") texts.push(said["text"]);
      else media.push(said);
    }
    const response = { [part.isError === true ? "error" : "output"]: texts.join("\n") };
    const isInside = this.#newer && media.every((one) => one["inlineData"] !== undefined);
    const parts = media.length === 0 || !isInside ? {} : { parts: media };
    return [{ functionResponse: { id: part.id, name, response, ...parts } }, ...(isInside ? [] : media)];
  }
}

function wordsPart(text: string): JsonObject {
  return { text };
}

function plainPart(part: Part): JsonObject {
  switch (part.kind) {
    case "text":
    case "refusal":
      return { text: part.text };
    case "image":
    case "file":
      return mediaPart(part.source);
    case "audio":
      return { inlineData: { mimeType: `audio/${part.format}`, data: part.data } };
    default:
      throw unsupported(`a part of kind ${part.kind} cannot be said in this place to this provider`);
  }
}

/** What Gemini reads, by the ending of a URL's path; its `fileData` has to name the type. */
const typesByEnding = new Map([
  ["png", "image/png"],
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["webp", "image/webp"],
  ["gif", "image/gif"],
  ["heic", "image/heic"],
  ["heif", "image/heif"],
  ["pdf", "application/pdf"],
  ["txt", "text/plain"],
  ["html", "text/html"],
  ["csv", "text/csv"],
  ["md", "text/markdown"],
]);

function mediaPart(source: MediaSource): JsonObject {
  if (source.kind === "base64") return { inlineData: { mimeType: source.mediaType, data: source.data } };
  const [path = ""] = source.url.split(/[?#]/, 1);
  const mimeType = typesByEnding.get(path.slice(path.lastIndexOf(".") + 1).toLowerCase());
  if (mimeType === undefined) throw unsupported("this provider needs the type of a file, and its URL does not tell it");
  return { fileData: { fileUri: source.url, mimeType } };
}
