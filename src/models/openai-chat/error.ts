// Reads what servers of the OpenAI dialects put into the body of an error.
import type { ProviderWords } from "../conversation.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";

/**
 * What an error body says: OpenAI's `{"error": {message, type, param, code}}`, the same in a list (Google) or without its
 * frame (Mistral), `error` as a sentence (Ollama), `{"object": "error", message, code}` (vLLM), and `{"detail": ...}`
 * (FastAPI), which is a sentence, a record or a list of what is wrong where.
 */
export function readChatError(body: unknown): ProviderWords | undefined {
  const found = Array.isArray(body) ? (body[0] as unknown) : body;
  if (!isObject(found)) return undefined;
  const isBare = found["object"] === "error" || typeof found["message"] === "string";
  const error = found["error"] ?? found["detail"] ?? (isBare ? found : undefined);
  if (typeof error === "string") return { message: error };
  if (Array.isArray(error)) return complaintsOf(error);
  if (isObject(error)) return wordsOf(error);
  return undefined;
}

function wordsOf(error: JsonObject): ProviderWords {
  const words: Draft<ProviderWords> = {};
  for (const value of [error["status"], error["type"], error["code"]]) {
    if (typeof value === "number" || (typeof value === "string" && value !== "")) words.code = `${value}`;
  }
  for (const name of ["message", "type", "param"] as const) {
    const value = error[name];
    if (typeof value === "string" && value !== "") words[name] = value;
  }
  return words;
}

/** Most complaints that are told. */
const maxComplaints = 8;

/** A list of complaints, each with its place: `body.top_k: must be positive`. */
function complaintsOf(list: readonly unknown[]): ProviderWords | undefined {
  const told = list.slice(0, maxComplaints).flatMap((each) => {
    if (typeof each === "string") return [each];
    if (!isObject(each) || typeof each["msg"] !== "string") return [];
    const place = Array.isArray(each["loc"]) ? each["loc"].join(".") : "";
    return [place === "" ? each["msg"] : `${place}: ${each["msg"]}`];
  });
  return told.length === 0 ? undefined : { message: told.join("; ") };
}
