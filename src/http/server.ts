// The front door: limits, hooks and the one error handler. Promises of every answer:
//
// 1. It carries `X-Constitution-Hash` and `X-Request-ID`; a request that expects another constitution gets 412.
// 2. A refusal is problem+json with a stable code; nothing internal leaves, and bad input is never a 5xx.
// 3. Every route is a row of the list of operations; one that is not cannot be registered.
import type { Server as HttpsServer } from "node:https";
import swagger from "@fastify/swagger";
import Fastify from "fastify";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from "fastify";
import { wordsOf } from "../config/index.ts";
import { maxPackedBlobBytes } from "../kernel/limits.ts";
import { silentMeter } from "../kernel/meter.ts";
import { chatDialect } from "../models/index.ts";
import { answerBare, answerUnreadable } from "./bare-answer.ts";
import type { Fault } from "../kernel/fault.ts";
import { httpFault } from "./errors.ts";
import { errorCodes } from "./codes.ts";
import { operations } from "./operations.ts";
import { parseJson } from "./json-body.ts";
import { httpMetrics } from "./metrics.ts";
import { completeDocument, documentedRoute, openapiDocument, schemaName } from "./openapi.ts";
import { missingPaths } from "./plugins/missing-paths.ts";
import { modelPaths } from "./plugins/model-paths.ts";
import { atOnce } from "./plugins/at-once.ts";
import { collectBody } from "./plugins/body-budget.ts";
import { openFrontDoor } from "./plugins/front-door.ts";
import { cameOverTls, securityHeaders } from "./plugins/headers.ts";
import { faultOf, problemOf } from "./problem.ts";
import { rateLimits } from "./rate-limits.ts";
import { artifactRoutes } from "./routes/artifacts.ts";
import { authRoutes } from "./routes/auth.ts";
import { authorizeRoutes } from "./routes/authorize.ts";
import { bucketRoutes } from "./routes/bucket.ts";
import { breakerRoutes } from "./routes/breakers.ts";
import { budgetRoutes } from "./routes/budgets.ts";
import { chatRoutes, clientError } from "./routes/chat.ts";
import { tokenCountRoutes } from "./routes/token-counts.ts";
import { clientRoutes } from "./routes/clients.ts";
import { consciousnessRoutes } from "./routes/consciousness.ts";
import { contentRoutes } from "./routes/content.ts";
import { governanceRoutes } from "./routes/governance.ts";
import { keyRoutes } from "./routes/keys.ts";
import { ledgerRoutes } from "./routes/ledger.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { modelRoutes } from "./routes/models.ts";
import { providerRoutes } from "./routes/providers.ts";
import { responseRoutes } from "./routes/responses.ts";
import { oauthRoutes, sessionRoutes } from "./routes/oauth.ts";
import { systemRoutes } from "./routes/system.ts";
import { usageRoutes } from "./routes/usage.ts";
import { userRoutes } from "./routes/users.ts";
import { validationRoutes } from "./routes/validation.ts";
import { sharedSchemas } from "./schemas.ts";
import type { DoorServices, HttpLimits, Services } from "./services.ts";
import { answerPlainText } from "./tls.ts";
import type { Tls } from "./tls.ts";

/** Largest header block accepted, bytes; Node's own default, stated. */
const maxHeaderBytes = 16 * 1024;
/** How often Node looks for connections past their time; without it slow senders are never cut off. */
const connectionsCheckMs = 2000;
/** Longest path parameter, characters; ours are UUIDs, names and tile paths. */
const maxParamLength = 256;

/** Builds the HTTP server, or with a certificate the HTTPS server, over the parts of the application; the caller listens and closes. */
export async function buildServer(parts: Services, limits: HttpLimits, tls?: Tls): Promise<FastifyInstance> {
  const counts = httpMetrics(parts.meter ?? silentMeter, {
    operations: Object.keys(operations),
    codes: Object.keys(errorCodes),
    running: () => app.frontDoor.exchanges.running,
    connections: () => connectionsOf(app.server),
  });
  const services: DoorServices = { ...parts, counts };
  const nodeOptions = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    connectionsCheckingInterval: connectionsCheckMs,
    // Checked in a hook instead, so that this refusal too says what it is.
    requireHostHeader: false,
  };
  const trustedProxies = wordsOf(limits.trustedProxies);
  const meant = modelPaths(Object.values(operations));
  const app = Fastify({
    logger: false,
    bodyLimit: maxPackedBlobBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength, ignoreTrailingSlash: false },
    requestIdHeader: false,
    rewriteUrl: ({ url = "/" }) => meant(url),
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    forceCloseConnections: "idle",
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    return503OnClosing: false,
    ...(tls === undefined ? { http: nodeOptions } : { https: { ...nodeOptions, ...tls.options } }),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
    clientErrorHandler: (error, socket) => answerUnreadable(services, error, socket),
    frameworkErrors: (error, request, reply) => sendProblem(services, error, request, reply),
  } as FastifyServerOptions);
  if (tls !== undefined) serveTls(app, services, tls);
  app.server.maxConnections = limits.maxConnections;
  app.server.setTimeout(limits.bodyTimeoutMs, (socket) => socket.destroy());
  // Expectations other than 100-continue may be ignored (RFC 9110 section 10.1.1); Node would answer a bare 417.
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  app.decorateRequest("charterId");
  app.decorateRequest("ctx", null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", async (request: FastifyRequest, body: FastifyRequest["raw"]) =>
    parseJson(
      await collectBody(request, body, request.routeOptions.bodyLimit, bodyTooLarge),
      request.routeOptions.config.jsonBounds,
      request.ctx?.signal,
    ),
  );
  let stopping = false;
  app.addHook("preClose", async () => {
    stopping = true;
  });
  app.addHook(
    "onRequest",
    atOnce((request, reply) => identify(services, request, reply)),
  );
  app.addHook(
    "onRequest",
    atOnce((request, reply) => counts.follow(request, reply)),
  );
  await openFrontDoor(app, services, limits);
  const check = (request: FastifyRequest, reply: FastifyReply): void => {
    if (stopping) throw httpFault("server.not_ready", "the server is stopping", { retryAfterSeconds: 1 });
    if (request.raw.httpVersion === "1.1" && request.headers.host === undefined) {
      throw httpFault("request.malformed", "an HTTP/1.1 request names its host", { at: "Host" });
    }
    if (request.url.includes("%00")) throw httpFault("request.malformed", "a NUL character is not text", { at: "URL" });
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
  };
  app.addHook("onRequest", atOnce(check));
  const refuseMissing = missingPaths(Object.values(operations));
  app.addHook(
    "onRequest",
    atOnce((request, reply) => (request.is404 ? refuseMissing(request, reply) : undefined)),
  );
  rateLimits(app, services);
  app.addHook("onRoute", (route) => {
    if (route.config?.operation === undefined)
      throw new Error(`${String(route.method)} ${route.url} is not a listed operation`);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => sendProblem(services, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(services, httpFault("route.not_found", "there is no such path"), request, reply),
  );
  for (const schema of sharedSchemas) app.addSchema(schema);
  await app.register(swagger, {
    openapi: openapiDocument(services.version),
    hideUntagged: true,
    exposeHeadRoutes: true,
    transform: documentedRoute,
    transformObject: completeDocument,
    refResolver: schemaName,
  });
  await app.register(async (scope) => {
    systemRoutes(scope, services);
    ledgerRoutes(scope, services);
    governanceRoutes(scope, services);
    keyRoutes(scope, services);
    authRoutes(scope, services);
    userRoutes(scope, services);
    sessionRoutes(scope, services);
    clientRoutes(scope, services);
    await scope.register(async (forms) => oauthRoutes(forms, services));
    await scope.register(async (forms) => authorizeRoutes(forms, services));
    chatRoutes(scope, services, limits);
    tokenCountRoutes(scope, services, limits);
    modelRoutes(scope, services);
    providerRoutes(scope, services);
    responseRoutes(scope, services, limits);
    breakerRoutes(scope, services);
    metricsRoutes(scope, services);
    validationRoutes(scope, services);
    consciousnessRoutes(scope, services);
    budgetRoutes(scope, services);
    usageRoutes(scope, services);
    artifactRoutes(scope, services);
    bucketRoutes(scope, services);
    await scope.register(async (streamed) => contentRoutes(streamed, services));
  });
  await app.ready();
  return app;
}

/** The OpenAPI document of the API. It is read off the routes, so no part of the application needs to be open. */
export async function describeApi(version: string): Promise<object> {
  const unopened = { version } as Services;
  const app = await buildServer(unopened, {
    headersTimeoutMs: 0,
    bodyTimeoutMs: 0,
    requestTimeoutMs: 0,
    keepAliveTimeoutMs: 0,
    maxConnections: 1,
    maxConnectionsPerAddress: 1,
    minBytesPerSecond: 0,
    slowClientWindowMs: 0,
    maxEventLoopDelayMs: 0,
    maxRssBytes: 0,
    jsonBodyBudgetBytes: 0,
    maxModelRequestBytes: 1,
    corsOrigins: "",
    trustedProxies: "",
    allowedHosts: "",
  });
  const document = app.swagger();
  await app.close();
  return document;
}

/** Gives a request its id and the headers that every answer carries. */
function identify(services: Services, request: FastifyRequest, reply: FastifyReply): void {
  request.charterId ??= request.server.frontDoor.requestIds.take(request.raw);
  void reply.headers({
    ...securityHeaders(cameOverTls(request)),
    "x-request-id": request.charterId,
    // Clients of the Messages API read this one.
    "request-id": request.charterId,
    "x-constitution-hash": services.constitution.hash,
  });
}

/** Serves the pair that is on the disk, whichever that is, and answers those who speak plain HTTP. */
function serveTls(app: FastifyInstance, services: DoorServices, tls: Tls): void {
  const server = app.server as unknown as HttpsServer;
  const fault = httpFault("request.malformed", "this port speaks TLS; use https", { remedy: "use an https URL" });
  answerPlainText(server, (socket) => answerBare(services, socket, "Bad Request", fault));
  const following = tls.follow(server);
  app.addHook("onClose", async () => following[Symbol.dispose]());
}

/** How many connections of a server are open. */
function connectionsOf(server: FastifyInstance["server"]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  return promise;
}

function bodyTooLarge(): Error {
  return httpFault("request.too_large", "the body is larger than this operation accepts", { limit: "body" });
}

function sendProblem(services: DoorServices, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const fault = lackingRight(services, error, request) ?? faultOf(error);
  services.counts.refused(fault.code);
  identify(services, request, reply);
  const plain = problemOf(fault, request.charterId, services.constitution.hash);
  const { alsoSays = request.is404 ? clientError(chatDialect) : undefined } = request.routeOptions.config;
  const problem = alsoSays === undefined ? plain : { ...plain, ...alsoSays(plain) };
  if (problem.status >= 500) {
    const { operation } = request.routeOptions.config;
    services.log.error(
      { err: fault.cause ?? fault, code: fault.code, requestId: request.charterId, operation },
      "failed",
    );
  }
  // Clients of model APIs try again by themselves, even where waiting does not help, or only a long wait does.
  const waitSeconds = fault.facts.retryAfterSeconds ?? (problem.status < 500 ? Number.POSITIVE_INFINITY : 0);
  if (plain !== problem && waitSeconds > longestWaitSeconds) void reply.header("x-should-retry", "false");
  if (fault.facts.retryAfterSeconds !== undefined) void reply.header("retry-after", fault.facts.retryAfterSeconds);
  if (problem.status === 401) void reply.header("www-authenticate", 'Bearer realm="charter"');
  if (!request.raw.complete) letFinish(request);
  void reply.code(problem.status).type("application/problem+json").serializer(JSON.stringify).send(problem);
}

/** What is wrong with the form of a request is no concern of a caller who may not make it at all: the right comes first. */
function lackingRight({ gate }: DoorServices, error: unknown, { ctx }: FastifyRequest): Fault | undefined {
  if (ctx === null || (error as Partial<FastifyError>).validation === undefined) return undefined;
  try {
    gate.enter(ctx);
    return undefined;
  } catch (denied) {
    return faultOf(denied);
  }
}

/** Longest wait for which a client of a model API is let try again by itself, seconds: those clients wait no longer anyway. */
const longestWaitSeconds = 60;

/** How long a client that was refused in the middle of its upload may go on sending before it is cut off, milliseconds. */
const lingerMs = 10_000;

/** Discards the rest of a refused body: a connection that is closed at once would be reset before the answer is read. */
function letFinish({ raw }: FastifyRequest): void {
  raw.resume();
  const cutOff = setTimeout(() => raw.destroy(), lingerMs).unref();
  raw.once("close", () => clearTimeout(cutOff)).once("end", () => clearTimeout(cutOff));
}
