// A refusal in the form of RFC 6749 section 5.2, which is what OAuth clients read. The stable code goes with it.
import type { FastifyReply } from "fastify";
import type { Log } from "../kernel/ctx.ts";
import { faultOf } from "./problem.ts";
import { statusOf } from "./codes.ts";
import type { ErrorCode } from "./codes.ts";

/** The body of a refusal. */
export const oauthRefusalSchema = {
  type: "object",
  required: ["error", "error_description", "code"],
  properties: {
    error: { type: "string", description: "RFC 6749's name for what is wrong." },
    error_description: { type: "string" },
    code: { type: "string", description: "Charter's stable code." },
  },
} as const;

/** Answers an error on an OAuth endpoint. */
export function sendOAuthRefusal(thrown: unknown, reply: FastifyReply, log: Log): void {
  const fault = faultOf(thrown);
  const code = fault.code as ErrorCode;
  const ours = statusOf[code];
  // What refused a password is an invalid grant to the protocol; only "come back later" keeps its own status.
  const status = code.startsWith("auth.") && ours !== 429 && ours < 500 ? 400 : ours;
  if (status >= 500) log.error({ err: fault.cause ?? fault, code, requestId: reply.request.charterId }, "failed");
  if (status === 401) void reply.header("www-authenticate", 'Basic realm="charter"');
  if (fault.facts.retryAfterSeconds !== undefined) void reply.header("retry-after", fault.facts.retryAfterSeconds);
  void reply
    .code(status)
    .headers({ "cache-control": "no-store", "content-type": "application/json" })
    .serializer(JSON.stringify)
    .send({ error: nameOf(code, status), error_description: describable(fault.message), code });
}

function nameOf(code: string, status: number): string {
  if (code.startsWith("oauth.")) return code.slice("oauth.".length);
  if (status === 429 || status === 503) return "temporarily_unavailable";
  if (code.startsWith("auth.")) return "invalid_grant";
  if (status >= 500) return "server_error";
  return status === 403 ? "access_denied" : "invalid_request";
}

/** The characters that RFC 6749 allows in a description: printable ASCII without quotation marks and backslashes. */
function describable(text: string): string {
  return text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'");
}
