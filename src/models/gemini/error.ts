// Errors of Google's APIs: `{"error": {code, message, status}}`, in a list where a stream was asked for without SSE.
import { isObject } from "../wire/fields.ts";

/** The code and sentence of an error body; the code is the status's name, such as RESOURCE_EXHAUSTED. */
export function readGeminiError(body: unknown): { readonly code?: string; readonly message?: string } | undefined {
  const found: unknown = Array.isArray(body) ? body[0] : body;
  if (!isObject(found) || !isObject(found["error"])) return undefined;
  const { status, message } = found["error"];
  return {
    ...(typeof status === "string" ? { code: status } : {}),
    ...(typeof message === "string" ? { message } : {}),
  };
}
