// Reads the content of a chat message: a string, or a list of typed parts. A part of an unknown type is refused rather than
// passed on, because what Charter cannot read no guard has looked at.
import type { Part } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { asObject, missing, neededObjectIn, neededTextIn, textIn, unlike, wordIn } from "../wire/fields.ts";
import { readMedia } from "./media.ts";

/** The neutral parts of a message's content; pointers of what has no neutral form are added to `untranslated`. */
export function readContent(content: unknown, at: string, untranslated: string[]): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content)) throw unlike(at, "text or a list of parts", content);
  const parts: Part[] = [];
  for (const [index, item] of content.entries()) {
    const place = `${at}/${index}`;
    const part = readPart(asObject(item, place), place, untranslated);
    if (part !== undefined) parts.push(part);
  }
  return parts;
}

function readPart(part: JsonObject, at: string, untranslated: string[]): Part | undefined {
  const type = neededTextIn(part, "type", at);
  switch (type) {
    case "text":
      return readText(part, at);
    case "refusal":
      return { kind: "refusal", text: neededTextIn(part, "refusal", at) };
    case "image_url":
      return readImage(part, at);
    case "input_audio": {
      const audio = neededObjectIn(part, "input_audio", at);
      const place = `${at}/input_audio`;
      return {
        kind: "audio",
        format: neededTextIn(audio, "format", place),
        data: neededTextIn(audio, "data", place),
      };
    }
    case "file":
      return readFile(part, at, untranslated);
    default:
      throw unsupported(`${at}/type names a kind of part that Charter cannot read`, `${at}/type`);
  }
}

/** OpenRouter, and others in front of Anthropic, let a text carry Anthropic's `cache_control`. */
function readText(part: JsonObject, at: string): Part {
  const text = neededTextIn(part, "text", at);
  const control = part["cache_control"];
  if (control === undefined || control === null) return { kind: "text", text };
  const ttl = wordIn(asObject(control, `${at}/cache_control`), "ttl", `${at}/cache_control`, ["5m", "1h"]);
  return { kind: "text", text, cache: ttl ?? "5m" };
}

function readImage(part: JsonObject, at: string): Part {
  const place = `${at}/image_url`;
  const image = neededObjectIn(part, "image_url", at);
  const source = readMedia(neededTextIn(image, "url", place), `${place}/url`);
  const detail = wordIn(image, "detail", place, ["auto", "low", "high"]);
  return detail === undefined ? { kind: "image", source } : { kind: "image", source, detail };
}

/** A file given by an id lies with the provider that issued the id. */
function readFile(part: JsonObject, at: string, untranslated: string[]): Part | undefined {
  const place = `${at}/file`;
  const file = neededObjectIn(part, "file", at);
  const name = textIn(file, "filename", place);
  const data = textIn(file, "file_data", place);
  if (data === undefined) {
    if (textIn(file, "file_id", place) === undefined) missing(place, "file_data");
    untranslated.push(`${place}/file_id`);
    return undefined;
  }
  const source = data.startsWith("data:")
    ? readMedia(data, `${place}/file_data`)
    : ({ kind: "base64", mediaType: "application/octet-stream", data } as const);
  return name === undefined ? { kind: "file", source } : { kind: "file", source, name };
}
