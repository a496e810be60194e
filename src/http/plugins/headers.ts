// The headers that every answer carries, whatever became of the request: routed, refused before routing, or written to a
// bare socket because the request could not be read. They stand here as one list, and not in a plugin's hooks, because
// hooks do not run for the last two.
import type { FastifyRequest } from "fastify";

/**
 * What an answer of an API may do in a browser: nothing. No answer is a page; one that is sets its own policy
 * (OWASP REST Security Cheat Sheet, "Security Headers").
 */
const constantHeaders = {
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "strict-origin-when-cross-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cache-control": "no-store",
} as const;

/** One year with all subdomains (RFC 6797). It is ignored, and must not be sent, on an answer over plain HTTP. */
const secureHeaders = {
  ...constantHeaders,
  "strict-transport-security": "max-age=31536000; includeSubDomains",
} as const;

/** The headers of an answer that came, or did not come, over TLS. */
export function securityHeaders(isSecure: boolean): Readonly<Record<string, string>> {
  return isSecure ? secureHeaders : constantHeaders;
}

/** Whether a request came over TLS: to this server, or to a trusted proxy that says so. */
export function cameOverTls(request: FastifyRequest): boolean {
  return request.protocol === "https";
}
