// The driver that speaks HTTP/1.1 over undici's pool, one pool per upstream. Measured against `Pool.request` and fetch,
// `Pool.dispatch` costs least, and it alone lets the reader stop the socket.
import { Pool, ProxyAgent } from "undici";
import type { Dispatcher } from "undici";
import { UndiciExchange } from "./undici-exchange.ts";
import type { Upstream, UpstreamAnswer, UpstreamRequest } from "./upstream.ts";

/** How long an idle connection is kept unless the upstream says less, milliseconds; load balancers close after 60 s. */
const keepAliveMs = 30_000;

/** Longest attempt at one connection, milliseconds: what waits behind it gives up earlier, by its own `connectMs`. */
const connectAttemptMs = 10_000;

/** Largest head of an answer, bytes; providers send many limits and cookies, but nothing near this. */
const maxHeadBytes = 32 * 1024;

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

/** An upstream behind one origin. */
export class UndiciUpstream implements Upstream {
  readonly #dispatcher: Dispatcher;
  readonly #origin: string;
  readonly #basePath: string;

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
    };
    const trust = authority === undefined ? {} : { ca: authority };
    this.#dispatcher =
      proxy === undefined
        ? new Pool(url.origin, { ...terms, connect: { timeout: connectAttemptMs, ...trust } })
        : new ProxyAgent({
            uri: proxy.href,
            proxyTunnel: false,
            connectTimeout: connectAttemptMs,
            allowH2: false,
            requestTls: { servername: url.hostname, timeout: connectAttemptMs, ...trust },
            // What connects is the agent's own; all else is as without a proxy.
            factory: (origin, { connect }: Pool.Options) => new Pool(origin, { ...terms, ...(connect && { connect }) }),
          });
  }

  send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    if (request.signal.aborted) return Promise.reject(request.signal.reason);
    const exchange = new UndiciExchange(request);
    const head = exchange.head();
    const headers = {
      "content-type": "application/json",
      "user-agent": "charter",
      ...request.headers,
      "accept-encoding": "identity",
    };
    const { body } = request;
    const path = this.#basePath + request.path;
    this.#dispatcher.dispatch({ origin: this.#origin, method: "POST", path, headers, body }, exchange);
    return head;
  }

  /** Closes every connection at once; calls that are under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy();
  }
}
