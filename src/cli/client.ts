// The HTTP client of the command line.
//
// 1. Bodies are streamed both ways: memory does not depend on their size.
// 2. An answer of 400 or more rejects with `RefusalError`, a missing one with `UnreachableError`.
// 3. The key travels in the Authorization header and appears in no message.
import http from "node:http";
import https from "node:https";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream";
import type { Readable } from "node:stream";
import { UsageError } from "./syntax.ts";
import { recordOf } from "./record.ts";
import { ForeignServerError, RefusalError, UnreachableError } from "./refusal.ts";

/** Longest silence on a connection, milliseconds: a durable write of 500 MiB may be quiet for a while, a dead server for ever. */
const silenceMs = 120_000;

/** Longest Retry-After that is obeyed, seconds; beyond it the caller had better come back. */
export const longestWaitSeconds = 60;

/** One request. */
export interface Send {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE" | "HEAD";
  /** Path below the server's URL, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
  readonly signal?: AbortSignal;
}

/** An accepted answer whose body is still to be read. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: http.IncomingMessage;
}

/** The key or token that a request carries, asked for with each: a session's token is renewed while a command runs. */
export type Credential = () => Promise<string | undefined>;

/** A server and the key to it. */
export class Client {
  /** The server's URL without a slash at its end. */
  readonly url: string;
  readonly #credential: Credential;
  readonly #base: URL;
  readonly #agent: http.Agent;

  /** @param credential A key, or how the token of the moment is got; without one, calls are anonymous. */
  constructor(url: string, credential?: string | Credential) {
    this.#base = serverUrl(url);
    this.url = this.#base.href.replace(/\/$/, "");
    if (typeof credential === "string" && !/^[\x21-\x7e]+$/.test(credential)) {
      throw new UsageError("--key holds characters no key has");
    }
    this.#credential = typeof credential === "function" ? credential : () => Promise.resolve(credential);
    const options = { keepAlive: true, maxSockets: 16 };
    this.#agent = this.#base.protocol === "https:" ? new https.Agent(options) : new http.Agent(options);
  }

  /** Headers that identify the caller. */
  async credentials(): Promise<Record<string, string>> {
    const key = await this.#credential();
    return key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  /** Whether a URL lies on this server, below its path: only there may the key be sent. */
  owns(url: string): boolean {
    const parsed = URL.parse(url);
    const below = `${this.#base.pathname.replace(/\/$/, "")}/`;
    return parsed !== null && parsed.origin === this.#base.origin && `${parsed.pathname}/`.startsWith(below);
  }

  /** Sends a request and resolves when the head of an accepted answer is there. */
  async open(send: Send): Promise<Answer> {
    const body = await this.#exchange(send);
    const status = body.statusCode ?? 0;
    if (status >= 400) throw await refusalOf(status, body);
    return { status, headers: body.headers, body };
  }

  /** Sends an optional JSON document and resolves with the one that answers; undefined for an empty answer. */
  async json(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, value?: unknown): Promise<unknown> {
    const headers: Record<string, string> = { accept: "application/json" };
    const text = value === undefined ? undefined : JSON.stringify(value);
    if (text !== undefined) headers["content-type"] = "application/json";
    const answer = await this.open({ method, path, headers, ...(text === undefined ? {} : { body: text }) });
    // Every answer of a Charter names the constitution in force; what another server says would look like an empty one's.
    if (answer.headers["x-constitution-hash"] === undefined) {
      answer.body.destroy();
      throw new ForeignServerError(this.url, answer.status);
    }
    const bytes = await buffer(answer.body);
    return bytes.length === 0 ? undefined : JSON.parse(bytes.toString("utf8"));
  }

  /** The whole of an answer as bytes. */
  async bytes(path: string): Promise<Buffer> {
    return buffer((await this.open({ path })).body);
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  async #exchange(send: Send): Promise<http.IncomingMessage> {
    const credentials = await this.credentials();
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const { protocol, hostname, port } = this.#base;
    const request = (protocol === "https:" ? https : http).request({
      protocol,
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port,
      agent: this.#agent,
      method: send.method ?? "GET",
      path: this.#base.pathname.replace(/\/$/, "") + send.path,
      headers: { ...credentials, ...send.headers },
      timeout: silenceMs,
      ...(send.signal === undefined ? {} : { signal: send.signal }),
    });
    request.on("timeout", () => request.destroy(Object.assign(new Error("silence"), { code: "ETIMEDOUT" })));
    request.on("response", resolve);
    request.on("error", (error) => reject(this.#unreachable(error)));
    if (typeof send.body !== "object") request.end(send.body);
    else {
      // A source that fails must not leave a request waiting for bytes; a server that answers early ends the source.
      pipeline(send.body, request, (error) => {
        if (error) reject(this.#unreachable(error));
      });
    }
    return promise;
  }

  #unreachable(error: NodeJS.ErrnoException): Error {
    const code = error.code ?? "";
    if (
      this.#base.protocol === "https:" &&
      /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/.test(code)
    ) {
      return new UnreachableError(this.url, `it does not speak HTTPS; try http://${this.#base.host}`, error);
    }
    return /^(E[A-Z]+|ERR_STREAM_PREMATURE_CLOSE|ERR_TLS_[A-Z_]+|[A-Z_]*CERT[A-Z_]*)$/.test(code) &&
      error.syscall !== "open"
      ? new UnreachableError(this.url, code === "ERR_STREAM_PREMATURE_CLOSE" ? "ECONNRESET" : code, error)
      : error;
  }
}

/** Sends again after a broken connection, a 429 or a 503, waiting as long as the server asks; a few times only. */
export async function withRetries<T>(attempt: () => Promise<T>, onRetry: (reason: string) => void): Promise<T> {
  const attempts = 6;
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      const waitSeconds = tried < attempts ? retryWaitSeconds(error, tried) : undefined;
      if (waitSeconds === undefined) throw error;
      onRetry(`${(error as Error).message}; trying again in ${waitSeconds.toFixed(1)} s`);
      await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1000));
    }
  }
}

/** How long to wait before another attempt, seconds; undefined when another attempt is no use. */
export function retryWaitSeconds(error: unknown, tried: number): number | undefined {
  // Full jitter spreads clients that were refused together.
  const backoff = Math.random() * Math.min(10, 0.2 * 2 ** tried);
  if (error instanceof UnreachableError) {
    return ["ECONNRESET", "EPIPE", "ETIMEDOUT"].includes(error.code) ? backoff : undefined;
  }
  if (!(error instanceof RefusalError) || (error.status !== 429 && error.status !== 503)) return undefined;
  const asked = error.retryAfterSeconds ?? 0;
  return asked > longestWaitSeconds ? undefined : asked + backoff;
}

/** Path and query from parts; undefined values are left out, lists repeat their name. */
export function pathOf(
  path: string,
  query: Readonly<Record<string, string | readonly string[] | undefined>> = {},
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === "string" ? [value] : (value ?? [])) search.append(name, one);
  }
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

function serverUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`--url must be an http or https URL, not ${JSON.stringify(text)}`);
  }
  if (url.username !== "" || url.password !== "")
    throw new UsageError("--url must not hold a user name or password; use --key");
  url.search = "";
  url.hash = "";
  return url;
}

async function refusalOf(status: number, body: http.IncomingMessage): Promise<RefusalError> {
  const text = (await buffer(body).catch(() => Buffer.alloc(0))).toString("utf8");
  let problem = recordOf(undefined);
  try {
    problem = recordOf(JSON.parse(text));
  } catch {
    // Not a problem document: a proxy's page, or nothing. The status has to do.
  }
  if (!("title" in problem)) problem = { ...problem, title: http.STATUS_CODES[status] ?? "refused", status };
  return new RefusalError(status, problem, retryAfter(body.headers["retry-after"]));
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
