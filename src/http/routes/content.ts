// Storing an artifact: as a JSON envelope, or with the body as the content itself, streamed from socket to disk.
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { NotCanonicalError } from "../../kernel/canonical-json.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { plainBounds } from "../../kernel/json-bounds.ts";
import { toInner } from "../../kernel/json-case.ts";
import { canonicalInTurns, digestInTurns } from "../../kernel/json-turns.ts";
import { maxJsonBodyBytes } from "../../kernel/limits.ts";
import { bodyOf, contentFault } from "../../depository/index.ts";
import type { CreateOptions, Draft, Stored } from "../../depository/index.ts";
import { declaredDigest, refuseTrailerDigest } from "../digest-header.ts";
import { conditionHeaders, envelopeProperties, splitEnvelope, streamedDraft, streamedQuery } from "../envelope.ts";
import { httpFault } from "../errors.ts";
import { parseJson } from "../json-body.ts";
import { collectBody } from "../plugins/body-budget.ts";
import type { Query } from "../query.ts";
import { route } from "../route.ts";
import { answer, record, refusal, sharedSchema } from "../schemas.ts";
import type { Services } from "../services.ts";

const envelopeSchema = record(envelopeProperties, [
  "metadata",
  "tags",
  "derived_from",
  "retention_class",
  "media_type",
  "client_time",
]);
const readEnvelope = toInner(envelopeSchema, sharedSchema);

/** `POST /v1/artifacts`. Registered in its own scope, whose bodies are streams. */
export function contentRoutes(app: FastifyInstance, services: Services): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, body, done) => done(null, body));

  route(app, services, "artifact.create", {
    schema: {
      summary: "Store an artifact",
      description:
        "With `product` and `type` in the query, the body is the content, of any media type, and is streamed. Without them, the body is a JSON envelope.",
      querystring: record(streamedQuery, Object.keys(streamedQuery)),
      headers: conditionHeaders,
      response: {
        201: answer("Stored.", { $ref: "Stored#" }),
        200: answer("Stored before under this Idempotency-Key.", { $ref: "Stored#" }),
        404: refusal("The caller knows no such product."),
        409: refusal("The Idempotency-Key was used for another request."),
        422: refusal("The content does not hash to the declared digest."),
        507: refusal("The product's quota is used up."),
      },
    },
    documentedBody: {
      content: {
        "application/json": { schema: envelopeSchema },
        "*/*": { schema: { type: "string", format: "binary" } },
      },
    },
    handle: async (ctx, request, reply) => {
      const query = request.query as Query;
      const stored =
        query["product"] === undefined && query["type"] === undefined
          ? await storeEnvelope(services, ctx, request)
          : await storeStream(services, ctx, request);
      return sendStored(reply, stored);
    },
  });
}

/** Conditions that come in headers. */
export function optionsOf(request: FastifyRequest): CreateOptions {
  const key = request.headers["idempotency-key"];
  return {
    ...(typeof key === "string" ? { idempotencyKey: key } : {}),
    ...(request.headers["if-none-match"] === undefined ? {} : { onlyIfNew: true }),
  };
}

async function storeStream(services: Services, ctx: Ctx, request: FastifyRequest): Promise<Stored> {
  const draft = streamedDraft(request.query as Query, request.headers);
  if (draft.product === "" || draft.type === "") {
    throw httpFault("request.invalid", "a streamed artifact needs both product and type in the query", { at: "query" });
  }
  const length = request.headers["content-length"];
  refuseTrailerDigest((request.headers.trailer ?? "").split(","));
  const digest = declaredDigest(request.headers);
  return services.depository.create(
    ctx,
    draft,
    {
      body: bodyStream(request),
      ...(length === undefined ? {} : { declaredBytes: Number(length) }),
      ...(digest === undefined ? {} : { expectedDigest: digest }),
    },
    optionsOf(request),
  );
}

async function storeEnvelope(services: Services, ctx: Ctx, request: FastifyRequest): Promise<Stored> {
  if (!/^application\/json *(;|$)/i.test(request.headers["content-type"] ?? "")) {
    throw httpFault(
      "request.unsupported_media_type",
      "without product and type in the query the body is application/json",
      {
        at: "Content-Type",
        remedy: "name product and type in the query to store the body as it is",
      },
    );
  }
  const bytes = await readWhole(request);
  refuseTrailerDigest(Object.keys(request.raw.trailers));
  const declared = declaredDigest(request.headers);
  if (declared !== undefined && (await digestInTurns(bytes)) !== declared) {
    throw contentFault("content.digest_mismatch", "the body does not hash to the declared digest");
  }
  const { fields: sent, forged } = splitEnvelope(
    await parseJson(bytes, plainBounds, ctx.signal),
    Object.keys(envelopeProperties),
  );
  const validate = request.compileValidationSchema(envelopeSchema);
  if (!validate(sent)) {
    const [first] = validate.errors ?? [];
    throw httpFault("request.invalid", `the body ${first?.message ?? "does not fit its schema"}`, {
      at: `body${first?.instancePath ?? ""}`,
    });
  }
  const fields = (readEnvelope ? readEnvelope(sent) : sent) as Record<string, unknown>;
  const content = await payloadBytes(fields["payload"]);
  return services.depository.create(
    ctx,
    { ...draftOf(fields), suppliedServerFields: forged },
    { body: bodyOf(content), declaredBytes: content.length },
    optionsOf(request),
  );
}

/** The draft that a checked envelope describes, its names spelled as they are inside. */
export function draftOf(fields: Record<string, unknown>): Draft {
  return {
    product: fields["productId"] as string,
    type: fields["artifactType"] as string,
    mediaType: (fields["mediaType"] as string | undefined) ?? "application/json",
    tags: (fields["tags"] as string[] | undefined) ?? [],
    derivedFrom: (fields["derivedFrom"] as string[] | undefined) ?? [],
    metadata: (fields["metadata"] as Record<string, unknown> | undefined) ?? {},
    ...(typeof fields["retentionClass"] === "string" ? { retentionClass: fields["retentionClass"] } : {}),
    ...(typeof fields["clientTime"] === "string" ? { clientTime: fields["clientTime"] } : {}),
  };
}

/** A payload's bytes: its RFC 8785 text, so that the same JSON has the same digest for every sender. */
export async function payloadBytes(payload: unknown): Promise<Buffer> {
  try {
    return await canonicalInTurns(payload);
  } catch (error) {
    if (!(error instanceof NotCanonicalError)) throw error;
    throw httpFault("request.invalid", `the payload cannot be stored faithfully: ${error.message}`, {
      at: "body/payload",
      remedy: "send large integers as strings",
    });
  }
}

/** The body as it arrives. A reader that stops leaves the connection as it is, so that the answer can be sent. */
async function* bodyStream(request: FastifyRequest): AsyncGenerator<Uint8Array> {
  const body = request.body as Readable | undefined;
  if (body !== undefined) yield* body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  refuseTrailerDigest(Object.keys(request.raw.trailers));
}

function readWhole(request: FastifyRequest): Promise<Buffer> {
  const tooLarge = (): Error =>
    httpFault("request.too_large", `a JSON envelope is at most ${maxJsonBodyBytes} bytes`, {
      limit: "maxJsonBodyBytes",
      remedy: "stream the content with product and type in the query",
    });
  const body = (request.body as Readable | undefined) ?? Readable.from([]);
  return collectBody(request, body, maxJsonBodyBytes, tooLarge);
}

/** Sends a stored artifact: 201, or 200 when it was stored before. */
export function sendStored(reply: FastifyReply, stored: Stored): FastifyReply {
  return reply
    .code(stored.replayed ? 200 : 201)
    .header("location", `/v1/artifacts/${stored.artifact.artifact_id}`)
    .header("etag", `"${stored.artifact.content_hash}"`)
    .send(stored);
}
