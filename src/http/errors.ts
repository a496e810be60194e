// Codes of refusals that the door itself makes, before any domain is asked.
import { faultsOf } from "../kernel/fault.ts";

/** The HTTP layer's codes, each with its HTTP status and its public meaning. */
export const httpCodes = {
  "request.malformed": [
    400,
    "The request cannot be read: broken JSON, a key twice in one record, broken UTF-8, URL or header.",
  ],
  "request.invalid": [400, "A field, header or query parameter is missing, unknown or of the wrong form."],
  "request.too_deep": [400, "The JSON is nested too deeply."],
  "request.too_many_nodes": [400, "The JSON holds too many values."],
  "bucket.size": [400, "The write is larger than the depository accepts (first step of `POST /bucket/write`)."],
  "request.too_large": [413, "The body is larger than this operation accepts."],
  "request.unsupported_media_type": [415, "This operation does not read that media type or content coding."],
  "request.timeout": [408, "The request did not arrive in time."],
  "request.headers_too_large": [431, "The request's headers are larger than the server accepts."],
  "request.precondition_failed": [412, "The content is not the one that `If-Match` or `If-Unmodified-Since` expects."],
  "cursor.invalid": [400, "The cursor was not made by this server for this listing."],
  "route.not_found": [404, "There is no such path."],
  "method.not_allowed": [405, "The path does not take that method; `Allow` says which it takes."],
  "credential.missing": [401, "The operation needs a credential: `Authorization: Bearer <key>`."],
  "credential.invalid": [401, "The credential is unknown, malformed or revoked."],
  "rate.exceeded": [
    429,
    "The caller has sent more requests than its limit admits; `Retry-After` says when to come back.",
  ],
  "constitution.stale": [412, "The request expects another constitution than the one in force."],
  "request.misdirected": [421, "The server does not answer for the host that the request names."],
  "server.overloaded": [503, "The server has more to do than it can and takes on nothing new for a moment."],
  "server.not_ready": [503, "The server is starting or stopping."],
  "internal.error": [500, "Something failed inside; the request id finds it in the server's log."],
} as const;

/** Makes one of the door's faults. */
export const httpFault = faultsOf(httpCodes);
