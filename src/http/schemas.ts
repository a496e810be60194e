// JSON Schemas that several routes share; they become the components of openapi.json. Names are spelled as they are outside.

const text = { type: "string" } as const;
const integer = { type: "integer", minimum: 0 } as const;
const strings = { type: "array", items: text } as const;

/** A JSON object of fixed properties, all required unless named in `optional`. */
export function record(properties: Record<string, object>, optional: readonly string[] = []): object {
  return {
    type: "object",
    additionalProperties: false,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    properties,
  };
}

/** An answer with a JSON body. */
export function answer(description: string, schema: object): object {
  return { description, content: { "application/json": { schema } } };
}

/** An answer with a body of another media type. */
export function content(description: string, mediaType: string): object {
  return {
    description,
    content: { [mediaType]: { schema: mediaType === "*/*" ? {} : { type: "string", format: "binary" } } },
  };
}

/** A refusal that an operation gives in addition to those that every operation of its kind may give. */
export function refusal(description: string): object {
  return { description, content: { "application/problem+json": { schema: { $ref: "Problem#" } } } };
}

const decision = record({ allow: { type: "boolean" }, articles: strings, policies: strings });

const artifact = {
  artifact_id: { type: "string", format: "uuid" },
  product_id: text,
  artifact_type: text,
  created_by: { type: "string", description: "Public id of the credential that created it." },
  created_at: { type: "string", format: "date-time" },
  content_hash: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
  size_bytes: integer,
  media_type: text,
  tags: strings,
  metadata: { type: "object", additionalProperties: true },
  derived_from: strings,
  retention_class: text,
  retain_until: { type: "string", format: "date-time" },
  legal_hold: { type: "boolean" },
  intent_index: { ...integer, description: "Ledger index of the intent that created it." },
};

/** Schemas by `$id`. */
export const sharedSchemas: readonly object[] = [
  { $id: "Artifact", ...record(artifact) },
  {
    $id: "Receipt",
    ...record({ decision, intent_index: integer, outcome_index: integer, constitution_hash: text }),
  },
  {
    $id: "Stored",
    ...record({
      artifact: { $ref: "Artifact#" },
      receipt: { $ref: "Receipt#" },
      replayed: {
        type: "boolean",
        description: "True when an Idempotency-Key was seen before and nothing was stored.",
      },
      warnings: { type: "array", items: record({ code: text, detail: text }) },
    }),
  },
  {
    $id: "Problem",
    type: "object",
    description: "RFC 9457 problem details; `code` is stable, `remedy` says what would make the request pass.",
    additionalProperties: true,
    required: ["type", "title", "status", "code", "detail", "request_id", "constitution_hash"],
    properties: {
      type: text,
      title: text,
      status: { type: "integer", minimum: 400, maximum: 599 },
      code: text,
      detail: text,
      articles: strings,
      policies: strings,
      limit: text,
      remedy: text,
      at: text,
      findings: { type: "array", items: record({ threat: text, severity: text, detail: text }) },
      intent_index: integer,
      outcome_index: integer,
      request_id: text,
      constitution_hash: text,
    },
  },
];

/** The shared schema that a `$ref` names. */
export function sharedSchema(reference: string): object {
  const found = sharedSchemas.find((schema) => `${(schema as { readonly $id: string }).$id}#` === reference);
  if (found === undefined) throw new Error(`there is no schema ${reference}`);
  return found;
}

/** `next` of a page: the cursor of the following page, or null on the last one. */
export const nextCursor = { type: ["string", "null"], description: "Cursor of the next page; null on the last." };

/** Query parameters that every listing takes. */
export const pageQuery = {
  limit: { type: "string", pattern: "^[1-9][0-9]{0,3}$", description: "Rows per page, 1 to 1000; 100 when absent." },
  cursor: { type: "string", maxLength: 1024, description: "`next` of the page before." },
};

/** An instant in a query. */
export const instantQuery = {
  type: "string",
  pattern: "^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,3})?)?(Z|[+-]\\d{2}:\\d{2}))?$",
  description: "RFC 3339 instant, or a date meaning its first instant in UTC.",
};

/** Why an operator decides something: words of their own, without the characters that no database keeps. */
export const reasonText = { type: "string", minLength: 10, maxLength: 2000, pattern: "^[^\\u0000\\p{Cs}]+$" };
