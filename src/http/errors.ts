// Codes of refusals that the door itself makes, before any domain is asked.
import { faultsOf } from "../kernel/fault.ts";

/** The door's codes, each with its public meaning. */
export const httpCodes = {
  "request.malformed": "The request cannot be read: broken JSON, UTF-8, URL or header.",
  "request.invalid": "A field, header or query parameter is missing, unknown or of the wrong form.",
  "request.too_deep": "The JSON is nested too deeply.",
  "request.too_many_nodes": "The JSON holds too many values.",
  "bucket.size": "The write is larger than the depository accepts (first step of `POST /bucket/write`).",
  "request.too_large": "The body is larger than this operation accepts.",
  "request.unsupported_media_type": "This operation does not read that media type or content coding.",
  "request.timeout": "The request did not arrive in time.",
  "request.headers_too_large": "The request's headers are larger than the server accepts.",
  "request.precondition_failed": "The content is not the one that `If-Match` or `If-Unmodified-Since` expects.",
  "cursor.invalid": "The cursor was not made by this server for this listing.",
  "route.not_found": "There is no such path or method.",
  "credential.missing": "The operation needs a credential: `Authorization: Bearer <key>`.",
  "credential.invalid": "The credential is unknown, malformed or revoked.",
  "rate.exceeded": "The caller has sent more requests than its limit admits; `Retry-After` says when to come back.",
  "constitution.stale": "The request expects another constitution than the one in force.",
  "request.misdirected": "The server does not answer for the host that the request names.",
  "server.overloaded": "The server has more to do than it can and takes on nothing new for a moment.",
  "server.not_ready": "The server is starting or stopping.",
  "internal.error": "Something failed inside; the request id finds it in the server's log.",
} as const;

/** Makes one of the door's faults. */
export const httpFault = faultsOf(httpCodes);
