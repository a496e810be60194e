// Browsers: which sites may call the API from a page. None may until an operator names their origins; then the preflight
// of every path is answered without a credential, and answers tell the page's script what it may read.
//
// Credentials mode stays off: a caller sends its token in a header, and cookies never authenticate. So a script can send nothing
// that its page does not have, and every header that it asks for is allowed: clients of model APIs send many, and new ones.
import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";

/** Headers of answers that scripts of other origins may read. */
const exposedHeaders = [
  "X-Request-ID",
  "Request-Id",
  "X-Constitution-Hash",
  "X-Should-Retry",
  "X-Charter-Decision",
  "X-Charter-Intent",
  "X-Charter-Outcome",
  "X-Charter-Tier",
  "X-Charter-Deployment",
  "X-Charter-Model",
  "X-Charter-Cost-Microdollars",
  "X-Charter-Cache",
  "X-Charter-Overhead-Microseconds",
  "X-Charter-Schema",
  "X-Charter-Dropped",
  "Allow",
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
    maxAge: preflightSeconds,
    // A preflight that says no method gets the same answer as one that does; the library's own refusal is plain text.
    strictPreflight: false,
  });
}
