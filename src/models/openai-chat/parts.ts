// Reads the content of a chat message: a string, or a list of typed parts. A part of an unknown type is one that only servers of
// this dialect can read; the guards look at its words in the body as it came.
import type { Part } from "../conversation.ts";
import type { JsonObject } from "../wire/fields.ts";
import { asObject, knownWordIn, missing, neededObjectIn, neededTextIn, textIn, unlike } from "../wire/fields.ts";
import { readMedia } from "./media.ts";

/** The neutral parts of a message's content; pointers of what has no neutral form are added to `untranslated`. */
export function readContent(content: unknown, at: string, untranslated: string[]): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content)) throw unlike(at, "text or a list of parts", content);
  const parts: Part[] = [];
  for (const [index, item] of content.entries()) {
    const place = `${at}/${index}`;
    parts.push(readPart(asObject(item, place), place, untranslated));
  }
  return parts;
}

/** A part that only this dialect can say. */
export function foreign(at: string, type: string, untranslated: string[]): Part {
  untranslated.push(at);
  return { kind: "foreign", at, type };
}

function readPart(part: JsonObject, at: string, untranslated: string[]): Part {
  const type = neededTextIn(part, "type", at);
  switch (type) {
    case "text":
      return readText(part, at);
    case "refusal":
      return { kind: "refusal", text: neededTextIn(part, "refusal", at) };
    case "image_url":
      return readImage(part, at, untranslated);
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
      return foreign(at, type, untranslated);
  }
}

/** OpenRouter, and others in front of Anthropic, let a text carry Anthropic's `cache_control`. */
function readText(part: JsonObject, at: string): Part {
  const text = neededTextIn(part, "text", at);
  const control = part["cache_control"];
  if (control === undefined || control === null) return { kind: "text", text };
  const ttl = asObject(control, `${at}/cache_control`)["ttl"];
  return { kind: "text", text, cache: ttl === "1h" ? "1h" : "5m" };
}

function readImage(part: JsonObject, at: string, untranslated: string[]): Part {
  const place = `${at}/image_url`;
  const image = neededObjectIn(part, "image_url", at);
  const source = readMedia(neededTextIn(image, "url", place), `${place}/url`);
  const detail = knownWordIn(image, "detail", place, ["auto", "low", "high"], untranslated);
  return detail === undefined ? { kind: "image", source } : { kind: "image", source, detail };
}

/** A file given by an id lies with the provider that issued the id. */
function readFile(part: JsonObject, at: string, untranslated: string[]): Part {
  const place = `${at}/file`;
  const file = neededObjectIn(part, "file", at);
  const name = textIn(file, "filename", place);
  const data = textIn(file, "file_data", place);
  if (data === undefined) {
    if (textIn(file, "file_id", place) === undefined) missing(place, "file_data");
    return foreign(at, "a file by its id", untranslated);
  }
  const source = data.startsWith("data:")
    ? readMedia(data, `${place}/file_data`)
    : ({ kind: "base64", mediaType: "application/octet-stream", data } as const);
  return name === undefined ? { kind: "file", source } : { kind: "file", source, name };
}
