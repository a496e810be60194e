// The front door: limits, hooks and the one error handler. Promises of every answer:
//
// 1. It carries `X-Constitution-Hash` and `X-Request-ID`; a request that expects another constitution gets 412.
// 2. A refusal is problem+json with a stable code; nothing internal leaves, and bad input is never a 5xx.
// 3. Every route is a row of the list of operations; one that is not cannot be registered.
import type { Socket } from "node:net";
import swagger from "@fastify/swagger";
import Fastify from "fastify";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { maxPackedBlobBytes } from "../kernel/limits.ts";
import { newRequestId } from "./context.ts";
import { httpFault } from "./errors.ts";
import type { httpCodes } from "./errors.ts";
import { parseJson } from "./json-body.ts";
import { documentedRoute, openapiDocument } from "./openapi.ts";
import { faultOf, problemOf } from "./problem.ts";
import { artifactRoutes } from "./routes/artifacts.ts";
import { bucketRoutes } from "./routes/bucket.ts";
import { contentRoutes } from "./routes/content.ts";
import { governanceRoutes } from "./routes/governance.ts";
import { keyRoutes } from "./routes/keys.ts";
import { ledgerRoutes } from "./routes/ledger.ts";
import { systemRoutes } from "./routes/system.ts";
import { sharedSchemas } from "./schemas.ts";
import type { HttpLimits, Services } from "./services.ts";

/** Largest header block accepted, bytes; Node's own default, stated. */
const maxHeaderBytes = 16 * 1024;
/** How often Node looks for connections past their time; without it slow senders are never cut off. */
const connectionsCheckMs = 2000;
/** Longest path parameter, characters; ours are UUIDs, names and tile paths. */
const maxParamLength = 256;

/** Builds the HTTP server over the parts of the house; the caller listens and closes. */
export async function buildServer(services: Services, limits: HttpLimits): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: maxPackedBlobBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength, ignoreTrailingSlash: false },
    requestIdHeader: false,
    trustProxy: false,
    forceCloseConnections: "idle",
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    return503OnClosing: false,
    http: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: connectionsCheckMs,
      // Checked in a hook instead, so that this refusal too says what it is.
      requireHostHeader: false,
    },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
    clientErrorHandler: (error, socket) => answerUnreadable(services, error, socket),
    frameworkErrors: (error, request, reply) => sendProblem(services, error, request, reply),
  });
  app.server.maxConnections = limits.maxConnections;
  app.server.setTimeout(limits.bodyTimeoutMs, (socket) => socket.destroy());
  // Expectations other than 100-continue may be ignored (RFC 9110 section 10.1.1); Node would answer a bare 417.
  app.server.on("checkExpectation", (request, response) => app.routing(request, response));
  app.decorateRequest("charterId");
  app.decorateRequest("ctx", null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: FastifyRequest, body: Buffer) =>
    parseJson(body),
  );
  let stopping = false;
  app.addHook("preClose", async () => {
    stopping = true;
  });
  app.addHook("onRequest", async (request, reply) => {
    identify(services, request, reply);
    if (stopping) throw httpFault("server.not_ready", "the server is stopping", { retryAfterSeconds: 1 });
    if (request.raw.httpVersion === "1.1" && request.headers.host === undefined) {
      throw httpFault("request.malformed", "an HTTP/1.1 request names its host", { at: "Host" });
    }
    if (request.url.includes("%00")) throw httpFault("request.malformed", "a NUL character is no text", { at: "URL" });
    const coding = request.headers["content-encoding"];
    if (coding !== undefined && coding.toLowerCase() !== "identity") {
      void reply.header("accept-encoding", "identity");
      throw httpFault("request.unsupported_media_type", "no operation reads a coded body", {
        at: "Content-Encoding",
        remedy: "send the body without a content coding",
      });
    }
    const expected = request.headers["x-constitution-hash"];
    const { hash, digest } = services.constitution;
    if (expected !== undefined && expected !== hash && expected !== digest) {
      throw httpFault("constitution.stale", `the constitution in force is ${hash}`, {
        at: "X-Constitution-Hash",
        remedy: "read the constitution in force and send its hash, or none",
      });
    }
  });
  app.addHook("onRoute", (route) => {
    if (route.config?.operation === undefined)
      throw new Error(`${String(route.method)} ${route.url} is no listed operation`);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => sendProblem(services, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(services, httpFault("route.not_found", "there is no such path or method"), request, reply),
  );
  for (const schema of sharedSchemas) app.addSchema(schema);
  await app.register(swagger, {
    openapi: openapiDocument(services.version),
    hideUntagged: true,
    exposeHeadRoutes: true,
    transform: documentedRoute,
  });
  await app.register(async (scope) => {
    systemRoutes(scope, services);
    ledgerRoutes(scope, services);
    governanceRoutes(scope, services);
    keyRoutes(scope, services);
    artifactRoutes(scope, services);
    bucketRoutes(scope, services);
    await scope.register(async (streamed) => contentRoutes(streamed, services));
  });
  await app.ready();
  return app;
}

/** The OpenAPI document of the API. It is read off the routes, so no part of the house needs to be open. */
export async function describeApi(version: string): Promise<object> {
  const unopened = { version } as Services;
  const app = await buildServer(unopened, {
    headersTimeoutMs: 0,
    bodyTimeoutMs: 0,
    requestTimeoutMs: 0,
    keepAliveTimeoutMs: 0,
    maxConnections: 1,
  });
  const document = app.swagger();
  await app.close();
  return document;
}

/** Gives a request its id and the headers that every answer carries. */
function identify(services: Services, request: FastifyRequest, reply: FastifyReply): void {
  request.charterId ??= newRequestId(services);
  void reply.headers({
    "x-request-id": request.charterId,
    "x-constitution-hash": services.constitution.hash,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
}

function sendProblem(services: Services, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const fault = faultOf(error);
  identify(services, request, reply);
  const problem = problemOf(fault, request.charterId, services.constitution.hash);
  if (problem.status >= 500) {
    const { operation } = request.routeOptions.config;
    services.log.error(
      { err: fault.cause ?? fault, code: fault.code, requestId: request.charterId, operation },
      "failed",
    );
  }
  if (fault.facts.retryAfterSeconds !== undefined) void reply.header("retry-after", fault.facts.retryAfterSeconds);
  if (problem.status === 401) void reply.header("www-authenticate", 'Bearer realm="charter"');
  if (!request.raw.complete) letFinish(request);
  void reply.code(problem.status).type("application/problem+json").serializer(JSON.stringify).send(problem);
}

/** How long a client that was refused in the middle of its upload may go on sending before it is cut off, milliseconds. */
const lingerMs = 10_000;

/** Discards the rest of a refused body: a connection that is closed at once would be reset before the answer is read. */
function letFinish({ raw }: FastifyRequest): void {
  raw.resume();
  const cutOff = setTimeout(() => raw.destroy(), lingerMs).unref();
  raw.once("close", () => clearTimeout(cutOff)).once("end", () => clearTimeout(cutOff));
}

/** What Node's parser could not read never becomes a request; it is answered on the bare socket and closed. */
function answerUnreadable(services: Services, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [status, code]: [string, keyof typeof httpCodes] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? ["431 Request Header Fields Too Large", "request.headers_too_large"]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? ["408 Request Timeout", "request.timeout"]
        : ["400 Bad Request", "request.malformed"];
  const fault = httpFault(code, "the server could not read the request and closed the connection");
  const requestId = newRequestId(services);
  const { hash } = services.constitution;
  const body = JSON.stringify(problemOf(fault, requestId, hash));
  const headers = [
    `HTTP/1.1 ${status}`,
    "Connection: close",
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-ID: ${requestId}`,
    `X-Constitution-Hash: ${hash}`,
  ];
  socket.end(`${headers.join("\r\n")}\r\n\r\n${body}`);
}
