// What openapi.json says beyond the routes' own schemas: its head, who may call an operation, and the refusals and headers
// that the door gives for every operation. An operation answers with no status that the document does not name; a
// fuzzer and a proxy hold the server to that.
import type { SwaggerTransform, SwaggerTransformObject } from "@fastify/swagger";
import { modules } from "../app.ts";
import { keyHeaders } from "../models/index.ts";
import { operations } from "./operations.ts";
import type { Operation, OperationName } from "./operations.ts";

/** What the operations of a tag are about; the tag is the first part of their names. */
const tags: Readonly<Record<string, string>> = Object.assign(
  {},
  ...modules.map((module) => ("nouns" in module ? module.nouns : {})),
);

/** The head of the OpenAPI 3.1 document. */
export function openapiDocument(version: string) {
  return {
    openapi: "3.1.0",
    info: {
      title: "Charter",
      version,
      description:
        "The governed control plane for AI agents. Every change passes one gate and leaves an intent and an outcome in a tamper-evident ledger. Every answer carries X-Constitution-Hash and X-Request-ID; send X-Constitution-Hash to be refused (412) when it is stale.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://127.0.0.1:8000" }],
    components: {
      securitySchemes: {
        key: {
          type: "http" as const,
          scheme: "bearer",
          description: "An API key; on the routes of models also in x-api-key, api-key or x-goog-api-key.",
        },
        ...Object.fromEntries(
          keyHeaders.map((name) => [name, { type: "apiKey" as const, in: "header" as const, name }]),
        ),
      },
    },
  };
}

/** A route as the document shows it: a streamed body has a description though no schema checks it, `*` has a name. */
export const documentedRoute: SwaggerTransform = ({ schema, url, route }) => {
  // A GET is a HEAD as well (RFC 9110 section 9.3.2); the document names those that are operations of their own.
  const { operation } = (route.config ?? {}) as { operation?: OperationName };
  const isHeadOfGet = route.method === "HEAD" && operation !== undefined && operations[operation].method === "GET";
  if (isHeadOfGet) return { schema: { hide: true }, url };
  const { params, ...rest } = schema as { params?: { properties: Record<string, object>; required: string[] } };
  const documented: Record<string, unknown> = { ...rest };
  const { documentedBody } = (route.config ?? {}) as { documentedBody?: object };
  if (documentedBody) documented["body"] = documentedBody;
  if (params) documented["params"] = namedWildcard(params);
  return { schema: documented, url: url.replace("*", ":path") };
};

function namedWildcard(params: { properties: Record<string, object>; required: string[] }): object {
  const named = (name: string): string => (name === "*" ? "path" : name);
  const properties = Object.fromEntries(
    Object.entries(params.properties).map(([name, schema]) => [named(name), schema]),
  );
  return { ...params, properties, required: params.required.map(named) };
}

/** Names a shared schema by its `$id`, where the generator would count. */
export const schemaName = {
  buildLocalReference: (json: { $id?: unknown }, _base: unknown, _fragment: unknown, index: number): string =>
    typeof json.$id === "string" ? json.$id : `def-${index}`,
};

/** An operation in the document, as far as it is completed here. */
interface Described {
  operationId: string;
  description?: string;
  parameters?: readonly { readonly in: string }[];
  requestBody?: { required?: boolean; readonly content: object };
  tags: readonly string[];
  responses: Record<string, DescribedResponse>;
}

interface DescribedResponse {
  readonly $ref?: string;
  readonly description?: string;
  readonly headers?: Record<string, object>;
  readonly content?: object;
}

/** Completes the document that was read off the routes. */
export const completeDocument: SwaggerTransformObject = (given) => {
  if (!("openapiObject" in given)) throw new Error("the document is not OpenAPI 3");
  const document = given.openapiObject as {
    paths: Record<string, Record<string, Described>>;
    tags?: object[];
    components: Record<string, object>;
  };
  const named = new Set<string>();
  for (const item of Object.values(document.paths)) {
    for (const [method, described] of Object.entries(item)) {
      complete(method, described);
      for (const tag of described.tags) named.add(tag);
    }
  }
  document.tags = [...named].map((name) => ({ name, description: tags[name] ?? `Operations named \`${name}.\`.` }));
  document.components["headers"] = headers;
  document.components["responses"] = Object.fromEntries(
    Object.entries(refusals).map(([status, description]) => {
      const content = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
      return [`Refusal${status}`, { description, headers: headersOf(status), content }];
    }),
  );
  return given.openapiObject;
};

const text = { type: "string" };
const headers = {
  "X-Request-ID": { description: "Id of this request.", required: true, schema: { ...text, format: "uuid" } },
  "X-Constitution-Hash": {
    description: "Hash of the constitution in force.",
    required: true,
    schema: { ...text, pattern: "^[0-9a-f]{16}$" },
  },
  "WWW-Authenticate": { description: "How to authenticate.", required: true, schema: text },
  "Retry-After": {
    description: "Seconds after which a repeat may pass.",
    schema: { ...text, pattern: "^[0-9]{1,6}$" },
  },
  "RateLimit-Policy": {
    description: "The limit that counted the request: requests `q` in `w` seconds. Absent where nothing is counted.",
    schema: text,
    example: '"control";q=100;w=60',
  },
  RateLimit: {
    description: "Requests `r` that are left of it, and the seconds `t` for which they have to last.",
    schema: text,
    example: '"control";r=99;t=60',
  },
};

/** What operations are refused with, by status. */
const refusals = {
  400: "The request cannot be read, or does not fit its schema.",
  401: "The credential is missing, unknown, malformed or revoked.",
  403: "The constitution, a permission or a threat detector forbids it.",
  404: "There is no such thing, or the caller may not know of it.",
  408: "The body did not arrive in time.",
  412: "The request expects another constitution than the one in force, or another state of the resource.",
  413: "The body is larger than this operation accepts.",
  415: "The body has a media type or a content coding that the operation does not read.",
  431: "The request's headers are larger than the server accepts.",
  421: "This server does not answer for the host that the request names.",
  429: "Too many requests; `Retry-After` says when to come back.",
  500: "Something failed inside; the request id finds it in the server's log.",
  503: "The server cannot do it now: it is starting, stopping, full or halted.",
} as const;

function complete(method: string, described: Described): void {
  // The generator marks the HEAD of a path; ours have names of their own.
  described.operationId = described.operationId.replace(/-head$/, "");
  const operation: Operation | undefined = (operations as Record<string, Operation>)[described.operationId];
  if (!operation) throw new Error(`${described.operationId} is not a listed operation`);
  described.description = [described.description, accessOf(operation)].filter(Boolean).join("\n\n");
  // Content may be empty, and then there is no body.
  if (described.requestBody && "*/*" in described.requestBody.content) described.requestBody.required = false;
  // What the generator calls 4XX and 5XX would allow any status; those that are possible are named instead.
  const { "4XX": _, "5XX": __, ...own } = described.responses;
  const responses: Described["responses"] = {};
  // An operation that words one refusal in its own form, as OAuth and a browser want it, does so for all.
  const form = own["400"]?.content;
  const isOwnForm = form !== undefined && !("application/problem+json" in form);
  for (const status of refusalsOf(operation, described)) {
    const bare = { description: refusals[status], headers: headersOf(`${status}`) };
    const shared = { $ref: `#/components/responses/Refusal${status}` };
    responses[status] = method === "head" ? bare : isOwnForm ? { ...bare, content: form } : shared;
  }
  for (const [status, response] of Object.entries(own)) {
    const { content, ...rest } = response;
    const empty = method === "head" || status.startsWith("3");
    responses[status] = {
      ...rest,
      headers: { ...headersOf(status), ...response.headers },
      ...(content && !empty && { content }),
    };
  }
  described.responses = responses;
}

function headersOf(status: string): Record<string, object> {
  const names: (keyof typeof headers)[] = ["X-Request-ID", "X-Constitution-Hash", "RateLimit-Policy", "RateLimit"];
  if (status === "401") names.push("WWW-Authenticate");
  if (status === "429" || status === "503") names.push("Retry-After");
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function accessOf({ access, permission, why }: Operation): string {
  if (access === "public") return `Anyone may call it: ${why ?? ""}.`;
  if (access === "self") return `Needs a credential, and concerns its bearer only${why ? `: ${why}` : ""}.`;
  return `Needs a credential whose role has the permission \`${permission ?? ""}\`.`;
}

/** What any operation of its kind may be refused with; what is peculiar to one stands in its route. */
function refusalsOf(operation: Operation, { parameters, requestBody }: Described): (keyof typeof refusals)[] {
  const credential = operation.access !== "public";
  // The credential can also stand in the body.
  const proof = credential || operation.rate === "auth";
  const place = parameters?.some((parameter) => parameter.in === "path") === true;
  const body = requestBody !== undefined || operation.effect === "mutation";
  return [
    400,
    ...(proof ? [401 as const] : []),
    ...(credential || operation.effect === "mutation" ? [403 as const] : []),
    ...(place ? [404 as const] : []),
    ...(body ? [408 as const] : []),
    412,
    ...(body ? [413 as const] : []),
    415,
    // Probes answer for every host.
    ...(operation.rate === "probe" ? [] : [421 as const]),
    429,
    431,
    500,
    503,
  ];
}
