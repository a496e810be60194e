// Registers one operation: path and method from the list, authentication from its row, schemas from the route.
//
// Schemas spell names as they are outside (`size_bytes`), handlers as they are inside (`sizeBytes`): what a body and an answer
// hold is renamed here, by the schemas. Queries and path parameters are read by their names outside.
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  preSerializationHookHandler,
} from "fastify";
import type { Ctx } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import type { JsonBounds } from "../kernel/json-bounds.ts";
import { toInner, toPublic } from "../kernel/json-case.ts";
import type { Renaming } from "../kernel/json-case.ts";
import { keyHeaders } from "../models/index.ts";
import { contextOf, ctxOf } from "./context.ts";
import { permitModelCaller } from "./model-callers.ts";
import { operations } from "./operations.ts";
import type { Operation, OperationName } from "./operations.ts";
import { faultOf } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { countCaller } from "./rate-limits.ts";
import { sharedSchema } from "./schemas.ts";
import type { Services } from "./services.ts";

/** What a route is apart from its name: its schema and one call. */
export interface RouteDefinition {
  readonly schema: FastifySchema & { readonly summary: string };
  readonly handle: (ctx: Ctx, request: FastifyRequest, reply: FastifyReply) => unknown;
  /** What the body is, for the document, where the route reads it as a stream. */
  readonly documentedBody?: object;
  /** Largest body in bytes where the operation takes more than the ordinary. */
  readonly bodyLimit?: number;
  /** What its JSON may hold where that is not the ordinary. */
  readonly jsonBounds?: JsonBounds;
  /** What its refusals add, for clients that look for it there. */
  readonly alsoSays?: (problem: Problem) => object;
  /** Says a fault in this operation's own words; the fault itself when it has none. */
  readonly translate?: (fault: Fault) => Fault;
}

/** A route that anyone may call. */
export interface PublicRouteDefinition extends Pick<RouteDefinition, "schema" | "documentedBody" | "bodyLimit"> {
  readonly answer: (request: FastifyRequest, reply: FastifyReply) => unknown;
}

/** Registers an operation that needs a credential, or a public one that changes something. */
export function route(app: FastifyInstance, services: Services, name: OperationName, route: RouteDefinition): void {
  const { translate } = route;
  const readBody = toInner(route.schema.body ?? {}, sharedSchema);
  const operation: Operation = operations[name];
  if (operation.access === "public" && operation.effect === "read") throw new Error(`${name} is a public read`);
  app.route({
    method: operation.method,
    url: fastifyPath(operation.path),
    exposeHeadRoute: isAlsoHead(operation),
    config: {
      operation: name,
      ...(route.documentedBody && { documentedBody: route.documentedBody }),
      ...(route.jsonBounds && { jsonBounds: route.jsonBounds }),
      ...(route.alsoSays && { alsoSays: route.alsoSays }),
    },
    schema: schemaOf(name, operation, route.schema),
    onRequest: async (request, reply) => {
      const identify = () => contextOf(services, name, request, reply);
      // What anyone may call is counted before the route is reached.
      request.ctx = await (operation.access === "public"
        ? identify()
        : countCaller(services, operation.rate, request, reply, identify));
      request.server.frontDoor.load.saw(request, request.ctx);
      // A change is judged by `act`, which puts the refusal on record.
      if (operation.effect === "read") services.gate.enter(request.ctx);
      if (operation.forModelCallers === true) permitModelCaller(services.gate, request.ctx);
    },
    ...publicAnswers(route.schema),
    handler: (request, reply) => {
      if (readBody) request.body = readBody(request.body);
      return route.handle(ctxOf(request), request, reply);
    },
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
    ...(translate && {
      errorHandler: (error) => {
        throw translate(faultOf(error));
      },
    }),
  });
}

/** Registers a read that anyone may call. */
export function publicRoute(app: FastifyInstance, name: OperationName, route: PublicRouteDefinition): void {
  const operation: Operation = operations[name];
  if (operation.access !== "public" || operation.effect !== "read") throw new Error(`${name} is not a public read`);
  app.route({
    method: operation.method,
    url: fastifyPath(operation.path),
    exposeHeadRoute: isAlsoHead(operation),
    config: { operation: name, ...(route.documentedBody && { documentedBody: route.documentedBody }) },
    schema: schemaOf(name, operation, route.schema),
    ...publicAnswers(route.schema),
    handler: (request, reply) => route.answer(request, reply),
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
  });
}

/** The hook that gives answers their names outside, where these differ. */
function publicAnswers({ response }: RouteDefinition["schema"]): { preSerialization?: preSerializationHookHandler } {
  const renamings = new Map<number, Renaming>();
  for (const [status, answer] of Object.entries((response ?? {}) as Record<string, DescribedAnswer>)) {
    const schema = answer.content?.["application/json"]?.schema;
    const rename = schema && toPublic(schema, sharedSchema);
    if (rename) renamings.set(Number(status), rename);
  }
  if (renamings.size === 0) return {};
  return {
    preSerialization: (_request, reply, answer, done) => {
      const rename = renamings.get(reply.statusCode);
      done(null, rename ? rename(answer) : answer);
    },
  };
}

interface DescribedAnswer {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

const heads = new Set(Object.values(operations).flatMap(({ method, path }) => (method === "HEAD" ? [path] : [])));

/** Whether HEAD is answered as GET is, without the body (RFC 9110 section 9.3.2): wherever it is no operation of its own. */
function isAlsoHead({ method, path }: Operation): boolean {
  return method === "GET" && !heads.has(path);
}

/** `{id}` in OpenAPI is `:id` in the router; `{path}` takes the rest of the URL. */
function fastifyPath(path: string): string {
  return path.replace("{path}", "*").replaceAll(/\{(\w+)\}/g, ":$1");
}

function schemaOf(name: OperationName, operation: Operation, schema: RouteDefinition["schema"]): FastifySchema {
  const { response, ...rest } = schema as FastifySchema & { response?: object };
  const problem = {
    description: "A refusal, explained.",
    content: { "application/problem+json": { schema: { $ref: "Problem#" } } },
  };
  return {
    operationId: name,
    tags: [name.split(".")[0]],
    ...(operation.access === "public" ? { security: [] } : { security: securityOf(operation) }),
    ...rest,
    response: { ...response, "4xx": problem, "5xx": problem },
  } as FastifySchema;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Which row of the list of operations this route is. */
    operation?: OperationName;
    /** What its streamed body is. */
    documentedBody?: object;
    /** What its JSON may hold; the ordinary where absent. */
    jsonBounds?: JsonBounds;
    /** What its refusals add. */
    alsoSays?: (problem: Problem) => object;
  }
}

/** Where the document says that a caller may show a key. */
function securityOf({ takesApiKey }: Operation): readonly Readonly<Record<string, readonly string[]>>[] {
  const headers = takesApiKey === true ? keyHeaders : [];
  return ["key", ...headers].map((name) => ({ [name]: [] }));
}
