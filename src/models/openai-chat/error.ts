// Errors in the words of the OpenAI dialects: what servers put into a body, and what clients read.
import type { ClientError, ProviderWords } from "../conversation.ts";
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
  // Names tell more than numbers, and a code more than a type.
  const codes = [error["code"], error["type"], error["status"]];
  const code = codes.find((value) => typeof value === "string" && value !== "");
  const number = codes.find((value) => typeof value === "number");
  if (typeof code === "string") words.code = code;
  else if (typeof number === "number") words.code = String(number);
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

/** The words of OpenAI for what Charter's codes say. */
const codeWords: ReadonlyMap<string, string> = new Map([
  ["upstream.context_exceeded", "context_length_exceeded"],
  ["upstream.quota_exceeded", "insufficient_quota"],
  ["upstream.not_found", "model_not_found"],
  ["upstream.too_large", "request_too_large"],
  ["model.busy", "rate_limit_exceeded"],
]);

/** Codes of Charter under which a provider's own code says more to a client. */
const toldCodes: ReadonlySet<string> = new Set(["upstream.refused", "upstream.unprocessable", "upstream.not_found"]);

/** The code that clients of these APIs compare: the provider's own, or OpenAI's word, or Charter's. */
export function clientCode({ code, upstream }: ClientError): string {
  const own = upstream?.code;
  if (own !== undefined && toldCodes.has(code) && /^[a-z][a-z0-9_]+$/.test(own) && !own.endsWith("_error")) return own;
  return codeWords.get(code) ?? code;
}

/** An error in the form that OpenAI's clients read. */
export function writeChatError(error: ClientError): Record<string, unknown> {
  const { status, code, message, at, upstream } = error;
  const type = code === "upstream.quota_exceeded" ? "insufficient_quota" : errorType(status);
  return { error: { type, code: clientCode(error), message, param: upstream?.param ?? at ?? null } };
}

/** Anthropic's names for kinds of errors, which OpenAI's clients do not look at. */
function errorType(status: number): string {
  const named = typesByStatus.get(status);
  return named ?? (status < 500 ? "invalid_request_error" : "api_error");
}

const typesByStatus = new Map([
  [401, "authentication_error"],
  [402, "billing_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [429, "rate_limit_error"],
  [503, "overloaded_error"],
]);
