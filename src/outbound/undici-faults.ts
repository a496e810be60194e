// What undici's and Node's errors mean for a call. The error itself is never kept: a parser's error holds bytes of the
// answer, in which an upstream may have repeated a credential.
import { UpstreamFault } from "./upstream.ts";

/** How far a call had come when it failed. */
export type CallStage = "connecting" | "sent" | "answered";

/** Headers whose values are secrets. */
const secretHeaders = new Set(["authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key"]);

/** An error as it may be logged: its code and message, without any credential of the request. */
export function safeCause(error: Error, headers: Readonly<Record<string, string>>): Error {
  let message = error instanceof AggregateError ? aggregated(error) : error.message;
  for (const [name, value] of Object.entries(headers)) {
    if (!secretHeaders.has(name.toLowerCase())) continue;
    // A scheme such as Bearer stands before the secret itself.
    for (const secret of [value, value.slice(value.lastIndexOf(" ") + 1)]) {
      if (secret !== "") message = message.replaceAll(secret, "[secret]");
    }
  }
  const code = codeOf(error);
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** Connecting to a name with several addresses fails with one error for each and no message of its own. */
function aggregated(error: AggregateError): string {
  return error.errors.map((inner) => (inner instanceof Error ? inner.message : "unknown")).join("; ");
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The fault for an error of the connection. A parser's error has no code that could be relied on, but a name. */
export function connectionFault(
  error: Error,
  stage: CallStage,
  headers: Readonly<Record<string, string>>,
  isAccepted: boolean,
): UpstreamFault {
  const code = codeOf(error) ?? "";
  const cause = safeCause(error, headers);
  const reachedUpstream = stage !== "connecting";
  if (code === "UND_ERR_INVALID_ARG") {
    const retryability = { retryable: false, reachedUpstream };
    return new UpstreamFault("upstream.failed", "The request to the provider cannot be sent.", retryability, {}, cause);
  }
  const retryability = { retryable: true, reachedUpstream, hasAnswered: stage === "answered", isAccepted };
  if (code === "UND_ERR_CONNECT_TIMEOUT") {
    const detail = "No connection to the provider could be had in time.";
    return new UpstreamFault("upstream.timeout", detail, retryability, { limit: "connectMs" }, cause);
  }
  if (error.name === "HTTPParserError" || code === "UND_ERR_HEADERS_OVERFLOW") {
    return new UpstreamFault("upstream.garbled", "The provider's answer is not HTTP.", retryability, {}, cause);
  }
  return new UpstreamFault("upstream.failed", details[stage], retryability, {}, cause);
}

const details: Readonly<Record<CallStage, string>> = {
  connecting: "The provider cannot be reached.",
  sent: "The connection to the provider broke before it answered.",
  answered: "The connection to the provider broke in the middle of its answer.",
};
