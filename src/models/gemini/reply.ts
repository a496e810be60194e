// Reads a whole reply of the Gemini API.
import type { Choice, Part, Reply } from "../conversation.ts";
import { garbled } from "../wire/faults.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import { isObject, put } from "../wire/fields.ts";
import { readFinishReason } from "./finish.ts";
import { madeCallId, readParts } from "./parts.ts";

/** Reads a reply. @throws `upstream.garbled` for a body without candidates that names no reason for it. */
export function readGeminiReply(body: unknown): Reply {
  if (!isObject(body)) throw garbled("the provider's reply is not an object");
  const id = textOf(body["responseId"]);
  const candidates = body["candidates"];
  const usage = body["usageMetadata"];
  let choices: Choice[];
  if (Array.isArray(candidates) && candidates.length > 0) choices = readCandidates(candidates, id);
  else if (isBlocked(body)) choices = [{ parts: [], finish: "content_filter" }];
  else throw garbled("the provider's reply has no candidates");
  return {
    id,
    model: textOf(body["modelVersion"]),
    choices,
    rawUsage: isObject(usage) ? usage : null,
    usage: null,
  };
}

/** Whether the provider refused the prompt. */
export function isBlocked(body: JsonObject): boolean {
  const feedback = body["promptFeedback"];
  return isObject(feedback) && typeof feedback["blockReason"] === "string";
}

/** A text, empty when there is none. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The number of a candidate; the first has none in some replies. */
export function indexOf(candidate: JsonObject): number {
  return typeof candidate["index"] === "number" ? candidate["index"] : 0;
}

function readCandidates(candidates: readonly unknown[], replyId: string): Choice[] {
  const read = candidates.map((candidate) => {
    if (!isObject(candidate)) throw garbled("a candidate of the provider's reply is not an object");
    return { index: indexOf(candidate), choice: readCandidate(candidate, replyId) };
  });
  return read.toSorted((a, b) => a.index - b.index).map(({ choice }) => choice);
}

function readCandidate(candidate: JsonObject, replyId: string): Choice {
  const parts: Part[] = [];
  let calls = 0;
  for (const part of readParts(candidate["content"])) {
    const last = parts.at(-1);
    if (part.kind === "text") parts.push({ kind: "text", text: part.text });
    else if (part.kind === "thought") parts.push({ kind: "reasoning", text: part.text });
    else if (part.kind === "image") parts.push({ kind: "image", source: part.source });
    else if (part.kind === "call") {
      const id = part.id === "" ? madeCallId(replyId, indexOf(candidate), calls) : part.id;
      parts.push({ kind: "tool_call", id, name: part.name, arguments: part.arguments });
      calls++;
    } else if (last?.kind === "reasoning" && last.signature === undefined) {
      // The seal is on the thought before it, or on the call after it: both stand together.
      parts[parts.length - 1] = { ...last, signature: part.signature };
    } else parts.push({ kind: "reasoning", text: "", signature: part.signature });
  }
  const choice: Draft<Choice> = { parts, finish: readFinishReason(candidate["finishReason"], calls > 0) };
  const mean = candidate["avgLogprobs"];
  put(choice, "meanLogprob", typeof mean === "number" ? mean : undefined);
  return choice;
}
