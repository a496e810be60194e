// Errors in the words of the Messages API: `{"type": "error", "error": {type, message}}`.
import type { ClientError } from "../conversation.ts";
import { clientCode } from "../openai-chat/error.ts";
import { isObject } from "../wire/fields.ts";

/** The code and sentence of an error body. */
export function readMessagesError(body: unknown): { readonly code?: string; readonly message?: string } | undefined {
  if (!isObject(body) || !isObject(body["error"])) return undefined;
  const { type, message } = body["error"];
  return {
    ...(typeof type === "string" ? { code: type } : {}),
    ...(typeof message === "string" ? { message } : {}),
  };
}

/** The API's types of errors (Anthropic's page "Errors"). */
const types = new Set(
  (
    "invalid_request_error authentication_error billing_error permission_error not_found_error request_too_large " +
    "rate_limit_error timeout_error api_error overloaded_error"
  ).split(" "),
);

const typesByCode = new Map([
  ["upstream.timeout", "timeout_error"],
  ["upstream.refused", "invalid_request_error"],
  ["upstream.context_exceeded", "invalid_request_error"],
  ["upstream.unprocessable", "invalid_request_error"],
  ["upstream.quota_exceeded", "billing_error"],
  ["upstream.key_refused", "api_error"],
  ["upstream.overloaded", "overloaded_error"],
  ["model.unavailable", "overloaded_error"],
  ["model.busy", "rate_limit_error"],
  ["model.rate_exceeded", "rate_limit_error"],
  ["budget.exhausted", "billing_error"],
  ["budget.price_unknown", "billing_error"],
  ["model.not_found", "not_found_error"],
  ["model.not_allowed", "permission_error"],
]);

const typesByStatus = new Map([
  [401, "authentication_error"],
  [402, "billing_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [413, "request_too_large"],
  [429, "rate_limit_error"],
  [503, "overloaded_error"],
  [504, "timeout_error"],
]);

/** The API's type for an error: its own type where the code is one, else the nearest by code, else by HTTP status. */
export function messagesErrorType(code: string, status?: number): string {
  if (types.has(code)) return code;
  const named = typesByCode.get(code) ?? typesByStatus.get(status ?? 500);
  return named ?? ((status ?? 500) < 500 ? "invalid_request_error" : "api_error");
}

/** An error in the form that clients of the Messages API read; `code` tells more than the API's few types. */
export function writeMessagesError(
  error: { readonly code: string; readonly message: string },
  status?: number,
): Record<string, unknown> {
  const { code, message } = error;
  return { type: "error", error: { type: messagesErrorType(code, status), message, code } };
}

/** The same next to a problem. A call that is too long is told in the words by which clients know it. */
export function writeMessagesProblem(error: ClientError): Record<string, unknown> {
  const { status, code, message, at } = error;
  const told = code === "upstream.context_exceeded" ? tooLong(message) : message;
  return {
    error: { type: messagesErrorType(code, status), message: told, code: clientCode(error), param: at ?? null },
  };
}

/** `prompt is too long: 130000 tokens > 128000 maximum`, where the provider names both numbers. */
function tooLong(message: string): string {
  const said = /prompt is too long/i.exec(message);
  if (said !== null) return message.slice(said.index);
  const numbers = [...message.matchAll(/\d[\d,]*/g)].map(([digits]) => Number(digits.replaceAll(",", "")));
  const [used = 0, most = 0] = numbers.filter((each) => each > 1).toSorted((a, b) => b - a);
  const both = most > 0 && used > most && !message.includes("+") ? `: ${used} tokens > ${most} maximum` : "";
  return `prompt is too long${both}. ${message}`;
}
