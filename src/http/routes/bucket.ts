// `POST /bucket/write`, the predecessor's name for the same write. Its order is size (400), governance (403), threats
// (403), then the write, and its fields keep their old names.
import type { FastifyInstance } from "fastify";
import { isDigest } from "../../kernel/hash.ts";
import { digestInTurns } from "../../kernel/json-turns.ts";
import { maxJsonBodyBytes } from "../../kernel/limits.ts";
import { bodyOf } from "../../depository/index.ts";
import { conditionHeaders, envelopeProperties } from "../envelope.ts";
import { httpFault } from "../errors.ts";
import { route } from "../route.ts";
import { answer, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";
import { draftOf, optionsOf, payloadBytes, sendStored } from "./content.ts";

const { payload, product_id, artifact_type, metadata, tags } = envelopeProperties;
const fieldSchemas = {
  product_id,
  artifact_type,
  data: payload,
  metadata,
  tags,
  created_by: { type: "string", maxLength: 256, description: "If given, must be the caller's own id." },
  created_at: { type: "string", maxLength: 64, description: "If given, at most 300 s from the server's time." },
  content_hash: { type: "string", pattern: "^sha256:[0-9a-f]{64}$", description: "If given, must match the data." },
};

/** The first step of the old order answers 400, where the newer route answers 413. */
const tooLarge: ReadonlySet<string> = new Set(["content.too_large", "request.too_large"]);

/** `/bucket/write`. */
export function bucketRoutes(app: FastifyInstance, services: Services): void {
  route(app, services, "bucket.write", {
    schema: {
      summary: "Store an artifact, as the predecessor named it",
      body: record(fieldSchemas, [
        "product_id",
        "artifact_type",
        "metadata",
        "tags",
        "created_by",
        "created_at",
        "content_hash",
      ]),
      headers: conditionHeaders,
      response: {
        201: answer("Stored.", { $ref: "Stored#" }),
        200: answer("Stored before under this Idempotency-Key.", { $ref: "Stored#" }),
        404: refusal("The caller knows no such product."),
        409: refusal("The Idempotency-Key was used for another request."),
        507: refusal("The product's quota is used up."),
      },
    },
    bodyLimit: maxJsonBodyBytes,
    translate: (fault) =>
      tooLarge.has(fault.code) ? httpFault("bucket.size", fault.message, fault.facts, fault.cause) : fault,
    handle: async (ctx, request, reply) => {
      const fields = request.body as Record<string, unknown>;
      const content = await payloadBytes(fields["data"]);
      const owner = fields["createdBy"];
      const claimed = fields["contentHash"];
      const time = fields["createdAt"];
      const stored = await services.depository.create(
        ctx,
        {
          ...draftOf({ ...fields, productId: fields["productId"] ?? ctx.principal.product ?? "" }),
          ...(typeof time === "string" ? { clientTime: time } : {}),
          suppliedServerFields: owner === undefined || owner === ctx.principal.id ? [] : ["created_by"],
          complete: fields["productId"] !== undefined && fields["artifactType"] !== undefined,
        },
        {
          body: bodyOf(content),
          declaredBytes: content.length,
          knownDigest: await digestInTurns(content),
          ...(typeof claimed === "string" && isDigest(claimed) ? { claimedDigest: claimed } : {}),
        },
        optionsOf(request),
      );
      return sendStored(reply, stored);
    },
  });
}
