// Browsers: which sites may call the API from a page. None may until an operator names their origins; then the preflight
// of every path is answered without a credential, and answers tell the page's script what it may read.
//
// Credentials mode stays off: a caller sends its token in a header, and cookies never authenticate.
import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";

/** Headers of answers that scripts of other origins may read. */
const exposedHeaders = [
  "X-Request-ID",
  "X-Constitution-Hash",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "Location",
  "ETag",
  "Last-Modified",
  "Content-Range",
  "Accept-Ranges",
  "Content-Digest",
  "Repr-Digest",
  "Content-Disposition",
  "WWW-Authenticate",
];

/** Headers of requests that scripts of other origins may send. */
const allowedHeaders = [
  "Authorization",
  "Content-Type",
  "Content-Digest",
  "Repr-Digest",
  "Charter-Metadata",
  "Idempotency-Key",
  "If-Match",
  "If-None-Match",
  "If-Modified-Since",
  "If-Unmodified-Since",
  "If-Range",
  "Range",
  "X-Constitution-Hash",
  "X-Request-ID",
];

/** How long a browser may remember a preflight, seconds; more than Chromium's 7200 is cut to that anyway. */
const preflightSeconds = 600;

/** Lets pages of the named origins call the API. An OPTIONS request that is not a preflight of theirs stays a 404. */
export async function allowOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  await app.register(cors, {
    origin: async (origin: string | undefined) => origin !== undefined && allowed.has(origin),
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders,
    allowedHeaders,
    maxAge: preflightSeconds,
    // A preflight that says no method gets the same answer as one that does; the library's own refusal is plain text.
    strictPreflight: false,
  });
}
