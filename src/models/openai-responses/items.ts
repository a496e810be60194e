// Reads the input of a call in the Responses dialect: a text, or a list of items. Items of the assistant that follow each
// other make one turn, and so do results of tools.
import type { Part, Turn, TurnRole } from "../conversation.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import {
  asObject,
  knownWordIn,
  listIn,
  missing,
  neededNameIn,
  neededTextIn,
  put,
  textIn,
  unlike,
} from "../wire/fields.ts";
import { readMedia } from "../openai-chat/media.ts";
import { readOwnCall, readOwnResult } from "./own-tools.ts";
import { unsealReasoning } from "./seal.ts";

const roles = ["user", "assistant", "system", "developer"] as const;

/** The turns of `instructions` and `input`; pointers of what has no neutral form are added to `untranslated`. */
export function readInput(body: JsonObject, untranslated: string[]): Turn[] {
  const turns: Turn[] = [];
  const instructions = textIn(body, "instructions", "");
  if (instructions !== undefined && instructions !== "") {
    turns.push({ role: "system", parts: [{ kind: "text", text: instructions }] });
  }
  if (typeof body["input"] === "string") {
    turns.push({ role: "user", parts: [{ kind: "text", text: body["input"] }] });
    return turns;
  }
  const reader = new ItemReader(turns, untranslated);
  for (const [index, item] of (listIn(body, "input", "") ?? missing("", "input")).entries()) {
    const at = `/input/${index}`;
    reader.read(asObject(item, at), at);
  }
  return turns;
}

function readToolCall(item: JsonObject, at: string, type: "function_call" | "custom_tool_call"): Part {
  const namespace = textIn(item, "namespace", at);
  return {
    kind: "tool_call",
    id: neededTextIn(item, "call_id", at),
    name: neededTextIn(item, "name", at),
    arguments: neededTextIn(item, type === "function_call" ? "arguments" : "input", at),
    ...(namespace === undefined ? {} : { namespace }),
    ...(type === "custom_tool_call" && { isFree: true }),
  };
}

class ItemReader {
  readonly #turns: Turn[];
  readonly #untranslated: string[];
  /** The ids of calls of tools with a form of their own. */
  readonly #ownCalls = new Set<string>();
  /** The parts of the last turn where the next item may join it. */
  #open: { readonly role: TurnRole; readonly of: "assistant" | "results"; readonly parts: Part[] } | undefined;

  constructor(turns: Turn[], untranslated: string[]) {
    this.#turns = turns;
    this.#untranslated = untranslated;
  }

  read(item: JsonObject, at: string): void {
    const type = textIn(item, "type", at) ?? "message";
    switch (type) {
      case "message":
        this.#message(item, at);
        return;
      case "function_call":
      case "custom_tool_call":
        this.#join("assistant", readToolCall(item, at, type));
        return;
      case "function_call_output":
      case "custom_tool_call_output": {
        const id = neededTextIn(item, "call_id", at);
        if (item["output"] === undefined || item["output"] === null) missing(at, "output");
        this.#join("results", { kind: "tool_result", id, parts: this.#content(item["output"], `${at}/output`) });
        return;
      }
      case "reasoning":
        this.#reasoning(item, at);
        return;
      default:
        this.#other(item, at, type);
    }
  }

  #other(item: JsonObject, at: string, type: string): void {
    const call = readOwnCall(item);
    if (call !== undefined) this.#ownCalls.add(call.id);
    const result = call === undefined ? readOwnResult(item, at, this.#ownCalls) : undefined;
    if (result !== undefined) this.#join("results", result);
    else this.#join("assistant", call ?? this.#foreign(at, type));
  }

  #message(item: JsonObject, at: string): void {
    neededNameIn(item, "role", at);
    const role = knownWordIn(item, "role", at, roles, this.#untranslated) ?? "user";
    if (item["content"] === undefined || item["content"] === null) missing(at, "content");
    const parts = this.#content(item["content"], `${at}/content`);
    if (role === "assistant") {
      this.#join("assistant", ...parts);
      return;
    }
    this.#open = undefined;
    this.#turns.push({ role: role === "user" ? "user" : "system", parts });
  }

  /** Reasoning comes back as the caller received it: words to read, and perhaps the provider's seal. */
  #reasoning(item: JsonObject, at: string): void {
    const texts = (listIn(item, "summary", at) ?? []).map((part, index) => {
      const place = `${at}/summary/${index}`;
      return neededTextIn(asObject(part, place), "text", place);
    });
    const seal = unsealReasoning(textIn(item, "encrypted_content", at));
    const text = texts.join("\n\n");
    if (text !== "" || seal !== undefined) this.#join("assistant", { kind: "reasoning", text, ...seal });
  }

  #join(of: "assistant" | "results", ...parts: Part[]): void {
    if (this.#open?.of !== of) {
      this.#open = { role: of === "assistant" ? "assistant" : "user", of, parts: [] };
      this.#turns.push({ role: this.#open.role, parts: this.#open.parts });
    }
    this.#open.parts.push(...parts);
  }

  #content(content: unknown, at: string): Part[] {
    if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
    if (!Array.isArray(content)) throw unlike(at, "text or a list of parts", content);
    const parts: Part[] = [];
    for (const [index, part] of (content as unknown[]).entries()) {
      const place = `${at}/${index}`;
      parts.push(this.#part(asObject(part, place), place));
    }
    return parts;
  }

  #part(part: JsonObject, at: string): Part {
    const type = neededTextIn(part, "type", at);
    switch (type) {
      case "input_text":
      case "output_text":
      case "text":
        return { kind: "text", text: neededTextIn(part, "text", at) };
      case "refusal":
        return { kind: "refusal", text: neededTextIn(part, "refusal", at) };
      case "input_image":
        return this.#image(part, at);
      case "input_file":
        return this.#file(part, at);
      default:
        return this.#foreign(at, type);
    }
  }

  #image(part: JsonObject, at: string): Part {
    const url = textIn(part, "image_url", at);
    if (url === undefined) return this.#byId(part, at, "image_url");
    const image: Draft<Extract<Part, { kind: "image" }>> = { kind: "image", source: readMedia(url, `${at}/image_url`) };
    put(image, "detail", knownWordIn(part, "detail", at, ["auto", "low", "high"] as const, this.#untranslated));
    return image;
  }

  #file(part: JsonObject, at: string): Part {
    const data = textIn(part, "file_data", at);
    const url = data === undefined ? textIn(part, "file_url", at) : undefined;
    if (data === undefined && url === undefined) return this.#byId(part, at, "file_data");
    const source =
      data === undefined || data.startsWith("data:")
        ? readMedia(data ?? url ?? "", `${at}/file_data`)
        : ({ kind: "base64", mediaType: "application/octet-stream", data } as const);
    const file: Draft<Extract<Part, { kind: "file" }>> = { kind: "file", source };
    put(file, "name", textIn(part, "filename", at));
    return file;
  }

  /** What an id names lies with the provider that issued the id. */
  #byId(part: JsonObject, at: string, otherwise: string): Part {
    if (textIn(part, "file_id", at) === undefined) missing(at, otherwise);
    return this.#foreign(at, "a file by its id");
  }

  #foreign(at: string, type: string): Part {
    this.#untranslated.push(at);
    return { kind: "foreign", at, type };
  }
}
