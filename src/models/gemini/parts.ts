// Reads the parts of what Gemini says, the same way from whole replies and from pieces of a stream.
import type { MediaSource } from "../conversation.ts";
import { garbled } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { tagSeal } from "./seal.ts";

/** What one part says. */
export type ContentPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "thought"; readonly text: string }
  | { readonly kind: "image"; readonly source: MediaSource }
  /** Gemini's seal, tagged. */
  | { readonly kind: "seal"; readonly signature: string }
  | { readonly kind: "call"; readonly id: string; readonly name: string; readonly arguments: string };

/**
 * What a candidate's content says, in order. A seal on a tool call comes before the call, a seal on a text after it. Parts
 * that only the provider's own tools make are passed over, since Charter never offers those.
 * @throws `upstream.garbled` for media that are no pictures, which have no place in a reply.
 */
export function readParts(content: unknown): ContentPart[] {
  if (!isObject(content)) return [];
  const parts = content["parts"];
  if (!Array.isArray(parts)) return [];
  const read: ContentPart[] = [];
  for (const part of parts) {
    if (!isObject(part)) throw garbled("a part of the provider's reply is not an object");
    readPart(part, read);
  }
  return read;
}

function readPart(part: JsonObject, read: ContentPart[]): void {
  const { text, thoughtSignature, functionCall } = part;
  const seal: ContentPart | undefined =
    typeof thoughtSignature === "string" && thoughtSignature !== ""
      ? { kind: "seal", signature: tagSeal(thoughtSignature) }
      : undefined;
  if (isObject(functionCall)) {
    const { id, name, args } = functionCall;
    if (typeof name !== "string") throw garbled("a function call of the provider's reply has no name");
    if (seal !== undefined) read.push(seal);
    const known = typeof id === "string" ? id : "";
    read.push({ kind: "call", id: known, name, arguments: JSON.stringify(args ?? {}) });
    return;
  }
  // Pictures among the thoughts are drafts of the one that follows.
  const medium = part["inlineData"] ?? part["inline_data"];
  if (medium !== undefined && part["thought"] !== true) read.push({ kind: "image", source: readPicture(medium) });
  if (typeof text === "string" && text !== "") read.push({ kind: part["thought"] === true ? "thought" : "text", text });
  if (seal !== undefined) read.push(seal);
}

function readPicture(medium: unknown): MediaSource {
  const { data, mimeType, mime_type: older } = isObject(medium) ? medium : {};
  const mediaType = mimeType ?? older;
  if (typeof data === "string" && typeof mediaType === "string" && /^image\//i.test(mediaType)) {
    return { kind: "base64", mediaType, data };
  }
  throw garbled("the provider's reply holds media that are no pictures");
}

/**
 * An id for a tool call that Gemini gave none: unlike those of other replies where the reply has an id, and within the 40
 * characters that OpenAI allows.
 */
export function madeCallId(replyId: string, choice: number, slot: number): string {
  const tail = replyId.replaceAll(/[^\w-]/g, "").slice(-24);
  return `call_${tail}_${choice}_${slot}`;
}
