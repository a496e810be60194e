// Reads the content blocks of a message of the Messages API. A block that the neutral form cannot hold is noted as
// untranslated, and a foreign part stands for it; text inside it that is known to be said is read all the same. The guards look at
// the words of every block in the body as it came.
import type { MediaSource, Part } from "../conversation.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import {
  asObject,
  flagIn,
  missing,
  neededObjectIn,
  neededTextIn,
  objectIn,
  put,
  textIn,
  unlike,
} from "../wire/fields.ts";

/** The neutral parts of a content; pointers of what has no neutral form are added to `untranslated`. */
export function readBlocks(content: unknown, at: string, untranslated: string[]): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  if (!Array.isArray(content)) throw unlike(at, "text or a list of blocks", content);
  const parts: Part[] = [];
  for (const [index, item] of content.entries()) {
    const place = `${at}/${index}`;
    readBlock(asObject(item, place), place, parts, untranslated);
  }
  return parts;
}

function readBlock(block: JsonObject, at: string, parts: Part[], untranslated: string[]): void {
  const type = neededTextIn(block, "type", at);
  switch (type) {
    case "text":
      parts.push(readText(block, at));
      return;
    case "image":
      readImage(block, at, parts, untranslated);
      return;
    case "document":
      readDocument(block, at, parts, untranslated);
      return;
    case "search_result":
      untranslated.push(at);
      parts.push(...readBlocks(block["content"], `${at}/content`, untranslated));
      return;
    case "tool_use":
      parts.push(readToolUse(block, at, untranslated));
      return;
    case "tool_result":
      parts.push(readToolResult(block, at, untranslated));
      return;
    case "thinking": {
      // Other servers of this API sign nothing.
      const thought: Draft<Extract<Part, { kind: "reasoning" }>> = {
        kind: "reasoning",
        text: neededTextIn(block, "thinking", at),
      };
      put(thought, "signature", textIn(block, "signature", at));
      parts.push(thought);
      return;
    }
    case "redacted_thinking":
      parts.push({ kind: "reasoning", text: "", redacted: neededTextIn(block, "data", at) });
      return;
    default:
      parts.push(foreign(at, type, untranslated));
  }
}

function foreign(at: string, type: string, untranslated: string[]): Part {
  untranslated.push(at);
  return { kind: "foreign", at, type };
}

function readText(block: JsonObject, at: string): Part {
  const text = neededTextIn(block, "text", at);
  const cache = readCacheControl(block, at);
  return cache === undefined ? { kind: "text", text } : { kind: "text", text, cache };
}

/** A mark of the end of a prefix worth caching; five minutes where no time is said. */
export function readCacheControl(block: JsonObject, at: string): "5m" | "1h" | undefined {
  const control = objectIn(block, "cache_control", at);
  if (control === undefined) return undefined;
  if (control["type"] === undefined || control["type"] === null) missing(`${at}/cache_control`, "type");
  return control["ttl"] === "1h" ? "1h" : "5m";
}

/** Bytes or a URL; a source of another type lies with the provider, or is read by the caller of this. */
function readSource(source: JsonObject, at: string): MediaSource | undefined {
  switch (neededTextIn(source, "type", at)) {
    case "base64":
      return {
        kind: "base64",
        mediaType: neededTextIn(source, "media_type", at),
        data: neededTextIn(source, "data", at),
      };
    case "url":
      return { kind: "url", url: neededTextIn(source, "url", at) };
    case "text": {
      const text = neededTextIn(source, "data", at);
      return { kind: "base64", mediaType: "text/plain", data: Buffer.from(text, "utf8").toString("base64") };
    }
    default:
      return undefined;
  }
}

function readImage(block: JsonObject, at: string, parts: Part[], untranslated: string[]): void {
  readCacheControl(block, at);
  const source = readSource(neededObjectIn(block, "source", at), `${at}/source`);
  parts.push(source === undefined ? foreign(at, "an image", untranslated) : { kind: "image", source });
}

function readDocument(block: JsonObject, at: string, parts: Part[], untranslated: string[]): void {
  readCacheControl(block, at);
  const from = neededObjectIn(block, "source", at);
  const source = readSource(from, `${at}/source`);
  const citations = objectIn(block, "citations", at);
  if (citations !== undefined && flagIn(citations, "enabled", `${at}/citations`) === true) {
    untranslated.push(`${at}/citations`);
  }
  if (textIn(block, "context", at) !== undefined) untranslated.push(`${at}/context`);
  const name = textIn(block, "title", at);
  if (source === undefined) {
    if (from["type"] === "content") {
      untranslated.push(`${at}/source`);
      parts.push(...readBlocks(from["content"], `${at}/source/content`, untranslated));
    } else parts.push(foreign(at, "a document", untranslated));
    return;
  }
  parts.push(name === undefined ? { kind: "file", source } : { kind: "file", source, name });
}

function readToolUse(block: JsonObject, at: string, untranslated: string[]): Part {
  readCacheControl(block, at);
  if (textIn(block, "toolset_name", at) !== undefined) untranslated.push(`${at}/toolset_name`);
  return {
    kind: "tool_call",
    id: neededTextIn(block, "id", at),
    name: neededTextIn(block, "name", at),
    arguments: JSON.stringify(neededObjectIn(block, "input", at)),
  };
}

function readToolResult(block: JsonObject, at: string, untranslated: string[]): Part {
  readCacheControl(block, at);
  if (textIn(block, "toolset_name", at) !== undefined) untranslated.push(`${at}/toolset_name`);
  const content = block["content"];
  const absent = content === undefined || content === null;
  const result: Draft<Extract<Part, { kind: "tool_result" }>> = {
    kind: "tool_result",
    id: neededTextIn(block, "tool_use_id", at),
    parts: absent ? [] : readBlocks(content, `${at}/content`, untranslated),
  };
  put(result, "isError", flagIn(block, "is_error", at));
  return result;
}
