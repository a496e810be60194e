// openapi.json as a contract that answers are held to: status, media type, headers and body. Objects whose properties the
// document lists are closed unless it says otherwise, so that an undocumented property is a difference.
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";
import type { Schema } from "./schema-arbitrary.ts";

/** A parameter of an operation. */
export interface Parameter {
  readonly in: "path" | "query" | "header" | "cookie";
  readonly name: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

interface Media {
  readonly schema?: Schema;
}

interface Response {
  readonly $ref?: string;
  readonly headers?: Readonly<
    Record<string, { readonly $ref?: string; readonly required?: boolean; readonly schema?: Schema }>
  >;
  readonly content?: Readonly<Record<string, Media>>;
}

/** An operation as the document has it. */
export interface DescribedOperation {
  readonly operationId: string;
  readonly method: string;
  /** The path with its parameters in braces. */
  readonly path: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Response>>;
}

/** openapi.json. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly components: object;
}

/** An answer as it came. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

const methods: ReadonlySet<string> = new Set(["get", "head", "post", "put", "patch", "delete", "options", "trace"]);

/** Every operation of a document. */
export function operationsOf(document: ApiDocument): DescribedOperation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => methods.has(method))
      .map(([method, operation]) => ({ ...(operation as DescribedOperation), method: method.toUpperCase(), path })),
  );
}

/** What a JSON pointer of the document names. @throws Error when it names nothing. */
export function referred(document: ApiDocument, ref: string): unknown {
  const parts = ref
    .replace(/^#\//, "")
    .split("/")
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
  let found: unknown = document;
  for (const part of parts) found = (found as Record<string, unknown> | undefined)?.[part];
  if (found === undefined) throw new Error(`${ref} names nothing in the document`);
  return found;
}

/** Holds answers to a document. */
export interface Contract {
  /** What is wrong with an answer to an operation, one sentence each; empty when nothing is. */
  differences(operation: DescribedOperation, answer: PlainAnswer): string[];
}

/** The contract of a document. */
export function contractOf(document: ApiDocument): Contract {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
  for (const [name, form] of Object.entries(formats)) ajv.addFormat(name, form);
  for (const keyword of ["example", "discriminator", "xml", "externalDocs"]) ajv.addKeyword(keyword);
  const { schemas = {} } = document.components as { schemas?: object };
  ajv.addSchema({ $id: documentId, $defs: anchored(closed(schemas)) });
  const compiled = new WeakMap<Schema, ValidateFunction>();

  const resolved = <T extends { readonly $ref?: string }>(value: T): T =>
    value.$ref === undefined ? value : resolved(referred(document, value.$ref) as T);

  const violations = (schema: Schema, value: unknown): string[] => {
    const validate = compiled.get(schema) ?? ajv.compile(anchored(closed(schema)) as Schema);
    compiled.set(schema, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message ?? "is wrong"} ${JSON.stringify(params)}`,
    );
  };

  return {
    differences(operation, answer) {
      const found = responseFor(operation, answer.status);
      if (!found) return [`status ${answer.status} is not documented`];
      const response = resolved(found);
      return [
        ...headerDifferences(response, answer, resolved, violations),
        ...bodyDifferences(operation, response, answer, violations),
      ];
    },
  };
}

function responseFor({ responses }: DescribedOperation, status: number): Response | undefined {
  return responses[status] ?? responses[`${Math.floor(status / 100)}XX`] ?? responses["default"];
}

function headerDifferences(
  response: Response,
  { headers }: PlainAnswer,
  resolved: <T extends { readonly $ref?: string }>(value: T) => T,
  violations: (schema: Schema, value: unknown) => string[],
): string[] {
  return Object.entries(response.headers ?? {}).flatMap(([name, described]) => {
    const { required, schema } = resolved(described);
    const value = headers[name.toLowerCase()];
    if (value === undefined) return required === true ? [`header ${name} is missing`] : [];
    return schema ? violations(schema, headerValue(schema, value)).map((each) => `header ${name}: ${each}`) : [];
  });
}

/** A header as its schema sees it. */
function headerValue(schema: Schema, value: string | string[]): unknown {
  const text = Array.isArray(value) ? value.join(", ") : value;
  return schema.type === "integer" || schema.type === "number" ? Number(text) : text;
}

function bodyDifferences(
  { method }: DescribedOperation,
  { content = {} }: Response,
  { status, headers, body }: PlainAnswer,
  violations: (schema: Schema, value: unknown) => string[],
): string[] {
  const type = String(headers["content-type"] ?? "");
  if (Object.keys(content).length === 0) {
    return body.length > 0 ? [`a body of ${body.length} bytes is not documented`] : [];
  }
  if (method === "HEAD" || status === 304 || status === 204) return body.length > 0 ? ["the body should be empty"] : [];
  const media = Object.entries(content).find(([pattern]) => matchesMedia(pattern, type))?.[1];
  if (!media) return [`media type ${type || "(none)"} is not documented for status ${status}`];
  if (!media.schema || !/[/+]json *(;|$)/.test(type) || media.schema.format === "binary") return [];
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return ["the body is not JSON"];
  }
  return violations(media.schema, value).map((each) => `body: ${each}`);
}

/** Whether a media type falls under one of the document; parameters count where the document has them. */
function matchesMedia(pattern: string, type: string): boolean {
  const [wanted = "", ...parameters] = pattern.toLowerCase().split(/ *; */);
  const [given = "", ...own] = type.toLowerCase().split(/ *; */);
  const [main, sub] = wanted.split("/");
  const fits = wanted === "*/*" || wanted === given || (sub === "*" && given.startsWith(`${main}/`));
  return fits && parameters.every((parameter) => own.includes(parameter));
}

/** The same schema, with objects closed whose properties are listed. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(value))
    copy[name] = name === "enum" || name === "const" ? each : closed(each);
  const listsProperties = typeof copy["properties"] === "object" && copy["type"] !== undefined;
  return listsProperties && !("additionalProperties" in copy) ? { ...copy, additionalProperties: false } : copy;
}

const documentId = "urn:charter:openapi";

/** The same schema, with references to the document's schemas as the validator knows them. */
function anchored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(anchored);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, each]): [string, unknown] => {
    if (name !== "$ref" || typeof each !== "string") return [name, anchored(each)];
    return [name, each.replace("#/components/schemas/", `${documentId}#/$defs/`)];
  });
  return Object.fromEntries(entries);
}

const formats: Readonly<Record<string, RegExp | true>> = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  "date-time": /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/,
  date: /^\d{4}-\d{2}-\d{2}$/,
  email: /^[^@\s]+@[^@\s]+$/,
  uri: /^[a-z][a-z0-9+.-]*:\S+$/i,
  binary: true,
  password: true,
};
