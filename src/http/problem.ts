// The one place where a fault becomes an HTTP answer: RFC 9457 problem details, with a stable code, what decided, and
// what would make the request pass. What happened inside is logged and never sent.
import type { FastifyError } from "fastify";
import { Fault } from "../kernel/fault.ts";
import { errorCodes } from "./codes.ts";
import type { ErrorCode } from "./codes.ts";
import { httpFault } from "./errors.ts";
import { statusOf } from "./codes.ts";

/** A problem details object (RFC 9457) as Charter sends it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly constitution_hash: string;
  readonly [fact: string]: unknown;
}

/** The problem and status for a fault, in the circumstances of one request. */
export function problemOf(fault: Fault, requestId: string, constitutionHash: string): Problem {
  const code = fault.code as ErrorCode;
  const { retryAfterSeconds: _, intentIndex, outcomeIndex, ...facts } = fault.facts;
  return {
    type: `urn:charter:error:${code}`,
    title: errorCodes[code],
    status: statusOf[code],
    code,
    detail: sentence(fault.message),
    ...facts,
    ...(facts.remedy === undefined ? {} : { remedy: sentence(facts.remedy) }),
    ...(intentIndex === undefined ? {} : { intent_index: intentIndex }),
    ...(outcomeIndex === undefined ? {} : { outcome_index: outcomeIndex }),
    request_id: requestId,
    constitution_hash: constitutionHash,
  };
}

/** Text as a sentence: domains word their details as they like, a reader meets one form. */
function sentence(text: string): string {
  const ended = /[.!?]$/.test(text) ? text : `${text}.`;
  // A name, such as that of an operation or a model, stays as it is written.
  if (/^\S*(?:[._/]\w|\d)/.test(ended)) return ended;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}

/** Turns whatever was thrown into a fault; what is not ours and not the framework's refusal is an internal error. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault && error.code in errorCodes) return error;
  return frameworkFault(error) ?? httpFault("internal.error", "something failed inside", {}, error);
}

/** Most characters of an unknown name that a sentence repeats. */
const maxNamed = 64;

function frameworkFault(error: unknown): Fault | undefined {
  const { code, validation, validationContext, message } = error as Partial<FastifyError>;
  if (validation) {
    const [first] = validation;
    const unknownName = first?.params["additionalProperty"];
    const at = `${validationContext ?? "body"}${first?.instancePath ?? ""}${typeof unknownName === "string" ? `/${unknownName}` : ""}`;
    const detail =
      typeof unknownName === "string"
        ? `there is no field ${JSON.stringify(unknownName.slice(0, maxNamed))} here`
        : message;
    return httpFault("request.invalid", detail ?? "the request does not fit its schema", { at });
  }
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return httpFault("request.too_large", "the body is larger than this operation accepts", { limit: "body" });
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return httpFault(
        "request.unsupported_media_type",
        "this operation reads another media type; openapi.json says which",
        { at: "Content-Type" },
      );
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
    case "FST_ERR_ROUTE_MISSING_CONTENT_TYPE":
    case "FST_ERR_BAD_URL":
    case "FST_ERR_MAX_PARAM_LENGTH":
      return httpFault("request.malformed", "the request line, a header or the body's length cannot be read");
    case "FST_ERR_NOT_FOUND":
      return httpFault("route.not_found", "there is no such path");
    case "ECONNRESET":
      // The body's stream; the sockets of drivers are told in their own domains' words.
      return httpFault("request.malformed", "the body ended before it was complete");
    case "FST_ERR_HANDLER_TIMEOUT":
      return httpFault("request.timeout", "the request took too long");
    default:
      return undefined;
  }
}
