// Between the tests and `prism proxy --errors`. Prism validates what it parses, but forwards what it has parsed: it reads
// every body as text and writes JSON anew. So the tests' requests enter here, prism's upstream is here too, and what is
// sent to Charter is what the test sent, once prism has let it through; and the test gets Charter's own answer, once prism
// has found nothing wrong with it.
//
//   test -> gateway -> prism -> relay -> Charter
//
// A test that leaves has its request taken back from Charter too, which prism would not do.
// What prism refuses is sent to Charter all the same, which must refuse it too: what the document forbids, Charter forbids.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Agent, createServer, request as sendRequest } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { operations } from "../../../src/http/operations.ts";
import { modelPaths } from "../../../src/http/plugins/model-paths.ts";

/** Headers between the tests and the gateway. */
export const gatewayHeaders = {
  /** URL of the Charter that a request is for. */
  upstream: "x-test-upstream",
  /** On an answer: how document and server differ, percent-encoded. */
  difference: "x-test-difference",
} as const;

/** On requests to prism: which exchange this is. */
const exchangeHeader = "x-test-exchange";

/** Requests that do not go through prism, each class with its reason. */
export const bypassReasons = {
  large: "the body is larger than the 10 MB that prism reads",
  preflight: "the door answers preflights (OPTIONS) for every path; they are no operations of the document",
  untyped: "content without a media type, which prism takes for the first type that the document names",
  unparsable: "the body is not what its media type says, which prism never answers",
  endless: "the answer is a stream without an end, and prism passes on whole answers only",
  spelling: "another spelling of the path of a model route, as base URLs make them; the document has one",
  bodyOfGet: "prism forwards no body of a GET or HEAD",
  jsonContent:
    "the body is content of type JSON: that the body is an envelope only without `product` and `type` in the query is a thing that OpenAPI cannot say",
} as const;
/** A class of bypass. */
export type Bypass = keyof typeof bypassReasons;

/** What became of the requests so far. */
export interface Counts {
  through: number;
  /** Of those, requests of which prism would have forwarded something else than was sent. */
  restored: number;
  refusedByBoth: number;
  readonly bypassed: Record<Bypass, number>;
  /** Everything in which document and server differ, with a count. */
  readonly differences: Map<string, number>;
}

/** A request or an answer, read whole. */
interface Message {
  /** Header lines as they came: name, value, name, value. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

interface Asked extends Message {
  readonly method: string;
  readonly target: string;
  readonly upstream: string;
  /** Aborts when the test has left. */
  readonly signal: AbortSignal;
}

interface Answered extends Message {
  readonly status: number;
}

/** The gateway with its relay. */
export interface Gateway extends AsyncDisposable {
  /** Where tests send to. */
  readonly url: string;
  /** What prism must have as its upstream. */
  readonly relayUrl: string;
  readonly counts: Counts;
  /** Says where prism listens; before that nothing can be asked. */
  use(prismUrl: string): void;
}

/** Largest body that goes through prism, bytes. */
const largeBytes = 9_000_000;

/** Starts the gateway. `wildcards` are the paths of the document whose last parameter takes the rest of the URL. */
export async function startGateway(wildcards: readonly string[]): Promise<Gateway> {
  const exchanges = new Map<string, Exchange>();
  // A new connection each time: one that lay idle may be closed at the moment when a loaded machine sends on it.
  const agent = new Agent({ keepAlive: false });
  const counts: Counts = {
    through: 0,
    restored: 0,
    refusedByBoth: 0,
    bypassed: {
      large: 0,
      preflight: 0,
      untyped: 0,
      unparsable: 0,
      endless: 0,
      spelling: 0,
      bodyOfGet: 0,
      jsonContent: 0,
    },
    differences: new Map(),
  };
  let prismUrl = "";

  const relay = await listening((request, response) => relayed(agent, exchanges, request, response));
  const front = await listening(async (request, response) => {
    const upstream = String(request.headers[gatewayHeaders.upstream]);
    const left = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) left.abort();
    });
    const asked: Asked = {
      method: request.method ?? "GET",
      target: request.url ?? "/",
      upstream,
      rawHeaders: withoutHeaders(request.rawHeaders, ["host", "connection", "keep-alive", gatewayHeaders.upstream]),
      body: await bytesOf(request),
      signal: left.signal,
    };
    try {
      if (bypassOf(asked) === "endless") {
        counts.bypassed.endless += 1;
        return await piped(agent, asked, response);
      }
      const { answer, difference } = await exchanged(agent, { prismUrl, exchanges, counts, wildcards }, asked);
      if (difference !== undefined) counts.differences.set(difference, (counts.differences.get(difference) ?? 0) + 1);
      passOn(response, answer, difference);
    } catch {
      // Charter went away in the middle; so does this connection.
      request.socket.destroy();
    }
  });

  return {
    url: urlOf(front),
    relayUrl: urlOf(relay),
    counts,
    use: (url) => void (prismUrl = url),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      for (const server of [front, relay]) {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      }
    },
  };
}

interface Exchange {
  readonly asked: Asked;
  answer?: Answered;
  /** Why Charter gave no answer. */
  failure?: Error;
  /** Prism would have sent something else. */
  restored: boolean;
}

interface Surroundings {
  readonly prismUrl: string;
  readonly exchanges: Map<string, Exchange>;
  readonly counts: Counts;
  readonly wildcards: readonly string[];
}

interface Outcome {
  readonly answer: Answered;
  readonly difference?: string;
}

async function exchanged(
  agent: Agent,
  { prismUrl, exchanges, counts, wildcards }: Surroundings,
  asked: Asked,
): Promise<Outcome> {
  const bypass = bypassOf(asked);
  if (bypass !== undefined) {
    counts.bypassed[bypass] += 1;
    return { answer: await sent(agent, asked.upstream, asked) };
  }
  const id = randomUUID();
  const exchange: Exchange = { asked, restored: false };
  exchanges.set(id, exchange);
  const shown = {
    ...asked,
    target: withEncodedSlashes(asked.target, wildcards),
    rawHeaders: [...asked.rawHeaders, exchangeHeader, id],
  };
  const verdict = await sent(agent, prismUrl, shown);
  exchanges.delete(id);
  if (exchange.failure) throw exchange.failure;
  const name = `${asked.method} ${asked.target.replace(/\?.*$/, "")}`;
  if (exchange.answer === undefined) {
    const answer = await sent(agent, asked.upstream, asked);
    if (answer.status >= 400 && answer.status < 500) counts.refusedByBoth += 1;
    else
      return {
        answer,
        difference: `${name}: the document forbids it and Charter answers ${answer.status}: ${reasonOf(verdict)}`,
      };
    return { answer };
  }
  counts.through += 1;
  if (exchange.restored) counts.restored += 1;
  const violation = violationOf(verdict, exchange.answer);
  return violation === undefined
    ? { answer: exchange.answer }
    : { answer: exchange.answer, difference: `${name}: ${exchange.answer.status}: ${violation}` };
}

const meantPath = modelPaths(Object.values(operations));

function bypassOf({ method, target, rawHeaders, body }: Asked): Bypass | undefined {
  if (body.length > largeBytes) return "large";
  if (meantPath(target) !== target) return "spelling";
  if ((method === "GET" || method === "HEAD") && body.length > 0) return "bodyOfGet";
  if (method === "OPTIONS") return "preflight";
  if (streamsEndlessly(target, body)) return "endless";
  const type = headerOf(rawHeaders, "content-type");
  if (body.length > 0 && type === undefined) return "untyped";
  const claimsJson = /^application\/(json|[\w.-]+\+json)\b/.test(type ?? "");
  if (claimsJson && body.length > 0 && (!isJson(body) || /charset=(?!utf-8)/i.test(type ?? ""))) return "unparsable";
  return claimsJson && /^\/v1\/artifacts\?(.*&)?(product|type)=/.test(target) ? "jsonContent" : undefined;
}

/** Whether a stream is asked for that goes on until its reader leaves, reads, or ends what it tells of with another request. */
function streamsEndlessly(target: string, body: Buffer): boolean {
  if (/^\/v1\/responses\/[^/?]+\?(.*&)?stream=true/.test(target)) return true;
  return body.includes('"stream":true') && /\/(endless|paced)"|"background":true/.test(body.toString("latin1"));
}

/** What prism found wrong with an answer; undefined when nothing. */
function violationOf(verdict: Answered, answer: Answered): string | undefined {
  const found = headerOf(verdict.rawHeaders, "sl-violations");
  if (found !== undefined) return found;
  if (verdict.status !== answer.status) return `prism answers ${verdict.status}: ${reasonOf(verdict)}`;
  return undefined;
}

function reasonOf({ body }: Answered): string {
  return body.toString().slice(0, 1500);
}

/** Prism knows no parameter that holds a slash; encoded, it is part of one. */
function withEncodedSlashes(target: string, wildcards: readonly string[]): string {
  const [path = "", ...query] = target.split("?");
  for (const wildcard of wildcards) {
    const start = wildcard.replace(/\{\w+\}$/, "");
    const match = new RegExp(`^(${start.replaceAll(/\{\w+\}/g, "[^/]+")})(.+)$`).exec(path);
    if (match) return [`${match[1]}${match[2]?.replaceAll("/", "%2F")}`, ...query].join("?");
  }
  return target;
}

/** Prism's upstream: sends what the test sent, and shows prism what came back. */
async function relayed(
  agent: Agent,
  exchanges: ReadonlyMap<string, Exchange>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const exchange = exchanges.get(String(request.headers[exchangeHeader]));
  const forwarded = await bytesOf(request);
  if (!exchange) return void response.writeHead(500).end();
  const { asked } = exchange;
  exchange.restored = request.url !== asked.target || !forwarded.equals(asked.body);
  try {
    exchange.answer = await sent(agent, asked.upstream, asked);
    passOn(response, { ...exchange.answer, rawHeaders: shownHeaders(asked, exchange.answer) });
  } catch (error) {
    exchange.failure = error as Error;
    request.socket.destroy();
  }
}

/** The headers of an answer as prism can read them. */
function shownHeaders({ method }: Asked, { rawHeaders, body }: Answered): readonly string[] {
  // Prism would parse the body that an answer to HEAD has not.
  if (method === "HEAD") return withoutHeaders(rawHeaders, ["content-type", "content-length"]);
  // Stored content is sent back as the type that its owner gave it, be it that or not. Where the document promises JSON
  // it does not promise this type, and prism says so.
  if (/[/+]json\b/.test(headerOf(rawHeaders, "content-type") ?? "") && !isJson(body)) {
    return [...withoutHeaders(rawHeaders, ["content-type"]), "content-type", "application/octet-stream"];
  }
  return rawHeaders;
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}

/** Sends a request as it is and reads the answer whole. */
async function sent(agent: Agent, url: string, asked: Omit<Asked, "upstream">): Promise<Answered> {
  const response = await begun(agent, url, asked);
  return { status: response.statusCode ?? 0, rawHeaders: response.rawHeaders, body: await bytesOf(response) };
}

/** Sends a request as it is and passes its answer on as it comes, until either side leaves. */
async function piped(agent: Agent, asked: Asked, response: ServerResponse): Promise<void> {
  const answer = await begun(agent, asked.upstream, asked);
  response.writeHead(answer.statusCode ?? 0, withoutHeaders(answer.rawHeaders, hopHeaders));
  await pipeline(answer, response);
}

/** Sends a request; resolves with the head of its answer. */
function begun(
  agent: Agent,
  url: string,
  { method, target, rawHeaders, body, signal }: Omit<Asked, "upstream">,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { host, hostname, port } = new URL(url);
  // A flat list of headers goes out as it is, duplicates and all.
  const headers = ["host", host, ...rawHeaders];
  const call = sendRequest({ agent, hostname, port, method, path: target, headers, signal });
  call.on("error", reject).on("response", resolve);
  call.end(body.length > 0 ? body : undefined);
  return promise;
}

const hopHeaders = ["connection", "keep-alive", "transfer-encoding"];

function passOn(response: ServerResponse, { status, rawHeaders, body }: Answered, difference?: string): void {
  const kept = withoutHeaders(rawHeaders, hopHeaders);
  const told =
    difference === undefined ? [] : [gatewayHeaders.difference, encodeURIComponent(difference.slice(0, 2000))];
  response.writeHead(status, [...kept, ...told]).end(body);
}

async function listening(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Server> {
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function withoutHeaders(rawHeaders: readonly string[], names: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => !names.includes(rawHeaders[i - (i % 2)]?.toLowerCase() ?? ""));
}

function headerOf(rawHeaders: readonly string[], name: string): string | undefined {
  const at = rawHeaders.findIndex((each, i) => i % 2 === 0 && each.toLowerCase() === name);
  return at < 0 ? undefined : rawHeaders[at + 1];
}
