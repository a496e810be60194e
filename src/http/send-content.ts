// Sends an artifact's bytes: conditional, ranged, with the digests of RFC 9530. HEAD gets the headers of the whole and no
// bytes; ranges are defined for GET alone (RFC 9110 section 14.2).
//
// What describes the content is set only on an answer that is about it: a refusal carries none of these headers.
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { depositoryFault } from "../depository/index.ts";
import type { Artifact, ArtifactReader } from "../depository/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { endOf, throwIfEnded } from "../kernel/credential.ts";
import { conditionOf } from "./conditions.ts";
import { digestHeader } from "./digest-header.ts";
import { httpFault } from "./errors.ts";
import { rangeOf } from "./range-header.ts";

/** Answers a GET or HEAD of the content of the artifact that the path names. */
export async function sendContent(
  reader: ArtifactReader,
  ctx: Ctx,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const artifact = await reader.read(ctx, (request.params as { id: string }).id);
  const condition = conditionOf(request.headers, etagOf(artifact), Date.parse(artifact.created_at));
  if (condition === "failed") {
    throw httpFault("request.precondition_failed", "the content is not the one that the request expects", {
      at: request.headers["if-match"] === undefined ? "If-Unmodified-Since" : "If-Match",
    });
  }
  if (condition === "not_modified") return reply.headers(validatorsOf(artifact)).code(304).send();
  if (request.method === "HEAD") return reply.headers(wholeHeadersOf(artifact)).send();

  const range = rangeOf(applicableRange(request, artifact), artifact.sizeBytes);
  if (range.kind === "unsatisfiable") {
    void reply.header("content-range", `bytes */${artifact.sizeBytes}`);
    throw depositoryFault("range.not_satisfiable", `the content is ${artifact.sizeBytes} bytes long`, { at: "Range" });
  }
  const part = range.kind === "part" ? { first: range.first, last: range.last } : undefined;
  const body = await reader.content(ctx, artifact.artifact_id, () => part);
  // From here on nothing is waited for before the listener below is there.
  throwIfEnded(ctx.signal);
  void reply.headers(wholeHeadersOf(artifact));
  if (part) {
    void reply
      .code(206)
      .header("content-length", part.last - part.first + 1)
      .header("content-range", `bytes ${part.first}-${part.last}/${artifact.sizeBytes}`)
      .removeHeader("content-digest");
  }
  const sent = Readable.from(body, { objectMode: false });
  // The headers have gone: all that is left is to break the answer off.
  const onStop = (): void => void (endOf(ctx.signal) && sent.destroy(endOf(ctx.signal)));
  ctx.signal.addEventListener("abort", onStop, { once: true });
  return reply.send(sent);
}

function etagOf(artifact: Artifact): string {
  return `"${artifact.content_hash}"`;
}

/** What a cache keeps and compares. */
function validatorsOf(artifact: Artifact): Record<string, string> {
  return {
    // A private cache that serves several credentials keeps their answers apart.
    "cache-control": "private, max-age=31536000, immutable",
    vary: "Authorization",
    etag: etagOf(artifact),
    "last-modified": new Date(artifact.created_at).toUTCString(),
  };
}

function wholeHeadersOf(artifact: Artifact): Record<string, string | number> {
  return {
    ...validatorsOf(artifact),
    "accept-ranges": "bytes",
    "content-type": artifact.mediaType,
    "content-length": artifact.sizeBytes,
    "content-disposition": "attachment",
    "content-security-policy": "sandbox",
    "repr-digest": digestHeader(artifact.content_hash),
    "content-digest": digestHeader(artifact.content_hash),
  };
}

/** The Range header, unless `If-Range` names other content. A date there is not exact enough, and all of it is sent. */
function applicableRange(request: FastifyRequest, artifact: Artifact): string | undefined {
  const condition = request.headers["if-range"];
  return condition === undefined || condition === etagOf(artifact) ? request.headers.range : undefined;
}
