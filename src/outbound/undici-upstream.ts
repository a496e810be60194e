// The driver that speaks HTTP/1.1 over undici's pool, one pool per upstream. Measured against `Pool.request` and fetch,
// `Pool.dispatch` costs least, and it alone lets the reader stop the socket.
//
// A connection that is used again may have been closed by the upstream a moment ago, so that a request on it is reset without
// having been read. Such a request is sent once more on a connection of its own; one that breaks on a new connection, or
// after the upstream had time to begin its work, is not.
import type { Socket } from "node:net";
import { buildConnector, Client, Pool, ProxyAgent } from "undici";
import type { Dispatcher } from "undici";
import { UndiciExchange } from "./undici-exchange.ts";
import type { Line } from "./undici-exchange.ts";
import type { Upstream, UpstreamAnswer, UpstreamRequest } from "./upstream.ts";

/** How long an idle connection is kept unless the upstream says less, milliseconds; load balancers close after 60 s. */
const keepAliveMs = 30_000;

/** Longest attempt at one connection, milliseconds: what waits behind it gives up earlier, by its own `connectMs`. */
const connectAttemptMs = 10_000;

/** Largest head of an answer, bytes; providers send many limits and cookies, but nothing near this. */
const maxHeadBytes = 32 * 1024;

/** Most redirects that are followed for one call. */
const maxRedirects = 3;

/** Where an upstream is and how it is spoken to. */
export interface UndiciUpstreamOptions {
  /** Set by the operator, never by a caller; so loopback and private addresses are allowed. http or https, with any path. */
  readonly baseUrl: string;
  /** Most connections at a time. */
  readonly connections: number;
  /** Certificates, PEM, that are trusted instead of the machine's own; for upstreams of the operator. */
  readonly authority?: string;
  /** The proxy on the way there: an https upstream is reached through a tunnel, an http one is asked for by its whole URL. */
  readonly proxy?: URL;
}

/** How long a reset may take to arrive on top of two round trips, milliseconds: as long as a busy process may be late. */
const resetGraceMs = 100;
/** Longest round trip that is reckoned with, milliseconds. */
const maxRoundTripMs = 500;

/** One connection of a pool, and what is known of its socket. */
class Connection extends Client implements Line {
  readonly #now: { socket?: Socket; served: number; roundTripMs: number };

  constructor(origin: URL, { connect, ...options }: Client.Options & { readonly connect: buildConnector.connector }) {
    const now: { socket?: Socket; served: number; roundTripMs: number } = { served: 0, roundTripMs: 0 };
    super(origin, {
      ...options,
      connect: (to, callback) => {
        const beganMs = performance.now();
        connect(to, (...args) => {
          const [error, socket] = args;
          // Making a connection takes a round trip or two.
          now.roundTripMs = Math.min(maxRoundTripMs, performance.now() - beganMs);
          now.served = 0;
          if (error === null) now.socket = socket;
          callback(...args);
        });
      },
    });
    this.#now = now;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof UndiciExchange) handler.line = this;
    return super.dispatch(options, handler);
  }

  begin(): boolean {
    return this.#now.served++ > 0;
  }

  whenLeft(then: () => void): void {
    const { socket } = this.#now;
    if (socket?.writableNeedDrain === true) socket.once("drain", then);
    else then();
  }

  get graceMs(): number {
    return resetGraceMs + 2 * this.#now.roundTripMs;
  }
}

/** An upstream behind one origin. */
export class UndiciUpstream implements Upstream {
  readonly #pool: Dispatcher;
  /** For requests that were reset: each has a connection of its own. */
  readonly #fresh: Dispatcher;
  readonly #basePath: string;
  readonly #origin: string;

  /** @throws TypeError for a base URL that is none, or that is neither http nor https. */
  constructor({ baseUrl, connections, authority, proxy }: UndiciUpstreamOptions) {
    const url = new URL(baseUrl);
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw new TypeError("the base URL must be http or https");
    this.#origin = url.origin;
    this.#basePath = url.pathname.replace(/\/+$/, "");
    const terms: Pool.Options = {
      connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: maxHeadBytes,
      // The exchange has its own clocks, which stand still for slow readers.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: buildConnector({ timeout: connectAttemptMs, ...(authority === undefined ? {} : { ca: authority }) }),
      factory: (origin, of) =>
        new Connection(origin, of as Client.Options & { readonly connect: buildConnector.connector }),
    };
    const trust = authority === undefined ? {} : { ca: authority };
    const dispatcher = (): Dispatcher =>
      proxy === undefined
        ? new Pool(url.origin, terms)
        : new ProxyAgent({
            uri: proxy.href,
            proxyTunnel: false,
            connectTimeout: connectAttemptMs,
            allowH2: false,
            requestTls: { servername: url.hostname, timeout: connectAttemptMs, ...trust },
            // What connects is the agent's own; all else is as without a proxy.
            factory: (origin, { connect }: Pool.Options) => new Pool(origin, { ...terms, ...(connect && { connect }) }),
          });
    this.#pool = dispatcher();
    this.#fresh = dispatcher();
  }

  send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const path = this.#basePath + request.path;
    return this.#send(path, request).then((answer) =>
      answer.status === 307 || answer.status === 308 ? this.#follow(path, answer, request) : answer,
    );
  }

  /** Asks again where the upstream says, as long as that is the same origin; otherwise the redirect is the answer. */
  async #follow(path: string, redirect: UpstreamAnswer, request: UpstreamRequest): Promise<UpstreamAnswer> {
    const beganMs = performance.now();
    let answer = redirect;
    let here = path;
    for (let hops = 0; hops < maxRedirects && (answer.status === 307 || answer.status === 308); hops++) {
      const { location } = answer.headers;
      const next = location === undefined ? null : URL.parse(location, this.#origin + here);
      if (next?.origin !== this.#origin) return answer;
      answer.cancel();
      here = next.pathname + next.search;
      const { deadlines } = request;
      const totalMs = Math.max(1, deadlines.totalMs - (performance.now() - beganMs));
      answer = await this.#send(here, { ...request, deadlines: { ...deadlines, totalMs } });
    }
    return answer;
  }

  #send(path: string, request: UpstreamRequest): Promise<UpstreamAnswer> {
    if (request.signal.aborted) return Promise.reject(request.signal.reason);
    const exchange = new UndiciExchange(request);
    return this.#dispatch(this.#pool, path, request, exchange).catch((error: unknown) => {
      if (!exchange.isStale || request.signal.aborted) throw error;
      return this.#dispatch(this.#fresh, path, request, new UndiciExchange(request), true);
    });
  }

  #dispatch(
    pool: Dispatcher,
    path: string,
    { method = "POST", headers, body }: UpstreamRequest,
    exchange: UndiciExchange,
    reset = false,
  ): Promise<UpstreamAnswer> {
    const head = exchange.head();
    const all = {
      "content-type": "application/json",
      "user-agent": "charter",
      ...headers,
      "accept-encoding": "identity",
    };
    const sent = method === "GET" ? {} : { body };
    const asked = { origin: this.#origin, method, path, headers: all, ...sent, ...(reset && { reset }) } as const;
    pool.dispatch(asked, exchange);
    return head;
  }

  /** Closes every connection at once; calls that are under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#fresh.destroy()]);
  }
}
