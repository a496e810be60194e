// The JSON form of a new artifact, and the pieces that its streamed form carries in the query and headers.
import type { Draft } from "../depository/index.ts";
import { nearestName } from "../kernel/nearest.ts";
import { httpFault } from "./errors.ts";
import { parseHeaderJson } from "./json-body.ts";
import { many, one } from "./query.ts";
import type { Query } from "./query.ts";

/** No control, format or unassigned characters and no lone surrogates: what people read is what is stored. */
const printable = "^[^\\p{C}]+$";
const name = { type: "string", minLength: 1, maxLength: 64, pattern: printable } as const;
const uuid = { type: "string", pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" } as const;
/** RFC 6838 section 4.2, and `token` of RFC 9110 section 5.6.2. */
const mediaName = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}";
const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";

const mediaType = {
  type: "string",
  // Sent back as a header, and a reader must be able to take it. The names are those of RFC 6838 section 4.2; parameters are
  // tokens or quoted strings (RFC 9110 sections 5.6.6 and 8.3.1), of which only ASCII passes, as no one agrees on the rest.
  maxLength: 255,
  pattern: `^${mediaName}/${mediaName}([ \\t]*;([ \\t]*${token}=(${token}|"([ !#-[\\]-~\\t]|\\\\[ -~\\t])*"))?)*[ \\t]*$`,
} as const;
const tag = { type: "string", minLength: 1, maxLength: 128, pattern: printable } as const;

/** Fields of a new artifact that the caller decides, as JSON Schema properties. */
export const envelopeProperties = {
  product_id: name,
  artifact_type: name,
  payload: { description: "Any JSON; stored as its RFC 8785 bytes." },
  metadata: { type: "object", additionalProperties: true },
  tags: { type: "array", items: tag, maxItems: 64, uniqueItems: true },
  derived_from: { type: "array", items: uuid, maxItems: 64, uniqueItems: true },
  retention_class: name,
  media_type: mediaType,
  client_time: { type: "string", description: "RFC 3339: when the caller made it; more than 300 s off is a finding." },
} as const;

/** Query parameters of a streamed artifact. */
export const streamedQuery = {
  product: name,
  type: name,
  tag: { oneOf: [tag, envelopeProperties.tags] },
  derived_from: { oneOf: [uuid, envelopeProperties.derived_from] },
  retention_class: name,
  client_time: envelopeProperties.client_time,
} as const;

/** Headers under which an artifact is stored. */
export const conditionHeaders = {
  type: "object",
  properties: {
    "idempotency-key": { type: "string", pattern: "^[!-~]{1,255}$" },
    "if-none-match": { type: "string", pattern: "^\\*$" },
  },
} as const;

/** Longest metadata header, characters; the base64url of 64 KiB would not fit Node's header limit anyway. */
const maxMetadataHeader = 12 * 1024;

/** Fields that only the server sets; a caller that sends one is not refused as careless but looked at as forging. */
const serverFields: ReadonlySet<string> = new Set([
  "artifact_id",
  "created_by",
  "created_at",
  "content_hash",
  "owner",
  "owner_id",
  "intent_index",
  "retain_until",
  "legal_hold",
  "size_bytes",
]);

/**
 * Splits an envelope into the fields a caller may set and the names of those only the server may.
 * @throws `request.invalid` for a name that is neither, with the nearest known one.
 */
export function splitEnvelope(
  envelope: unknown,
  known: readonly string[],
): { fields: Record<string, unknown>; forged: readonly string[] } {
  if (typeof envelope !== "object" || envelope === null || Array.isArray(envelope)) {
    throw httpFault("request.invalid", "the body is not a JSON object", { at: "body" });
  }
  const fields: Record<string, unknown> = {};
  const forged: string[] = [];
  for (const [key, value] of Object.entries(envelope)) {
    if (known.includes(key)) fields[key] = value;
    else if (serverFields.has(key)) forged.push(key);
    else {
      const meant = nearestName(key, known);
      throw httpFault("request.invalid", `the body has an unknown field${meant ? `; did you mean "${meant}"?` : ""}`, {
        at: `body/${key.slice(0, 64)}`,
      });
    }
  }
  return { fields, forged };
}

/** The draft of a streamed artifact, from its query and headers. */
export function streamedDraft(
  query: Query,
  headers: { readonly [name: string]: string | string[] | undefined },
): Draft {
  const declared = headers["content-type"];
  const media = typeof declared === "string" ? declared : "application/octet-stream";
  if (media.length > mediaType.maxLength || !new RegExp(mediaType.pattern).test(media)) {
    throw httpFault("request.unsupported_media_type", "Content-Type is not a media type", { at: "Content-Type" });
  }
  const retentionClass = one(query, "retention_class");
  const clientTime = one(query, "client_time");
  return {
    product: one(query, "product") ?? "",
    type: one(query, "type") ?? "",
    mediaType: media,
    tags: many(query, "tag"),
    derivedFrom: many(query, "derived_from"),
    metadata: metadataHeader(headers["charter-metadata"]),
    ...(retentionClass === undefined ? {} : { retentionClass }),
    ...(clientTime === undefined ? {} : { clientTime }),
  };
}

function metadataHeader(value: string | string[] | undefined): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value !== "string" || value.length > maxMetadataHeader || !/^[A-Za-z0-9_-]*={0,2}$/.test(value)) {
    throw httpFault("request.invalid", "Charter-Metadata is not the base64url of a JSON object", {
      at: "Charter-Metadata",
    });
  }
  const metadata = parseHeaderJson("Charter-Metadata", Buffer.from(value, "base64url"));
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    throw httpFault("request.invalid", "Charter-Metadata is not a JSON object", { at: "Charter-Metadata" });
  }
  return metadata as Record<string, unknown>;
}
