// The driver that speaks HTTP/1.1 over undici's pool, one pool per upstream. Measured against `Pool.request` and fetch,
// `Pool.dispatch` costs least, and it alone lets the reader stop the socket.
import { Pool } from "undici";
import { UndiciExchange } from "./undici-exchange.ts";
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
  /** Certificates, PEM, that are trusted instead of the machine's own; for upstreams of the house. */
  readonly authority?: string;
}

/** An upstream behind one origin. */
export class UndiciUpstream implements Upstream {
  readonly #pool: Pool;
  readonly #basePath: string;
  readonly #origin: string;

  /** @throws TypeError for a base URL that is none, or that is neither http nor https. */
  constructor({ baseUrl, connections, authority }: UndiciUpstreamOptions) {
    const url = new URL(baseUrl);
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw new TypeError("the base URL must be http or https");
    this.#origin = url.origin;
    this.#basePath = url.pathname.replace(/\/+$/, "");
    this.#pool = new Pool(url.origin, {
      connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: maxHeadBytes,
      // The exchange has its own clocks, which stand still for slow readers.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: connectAttemptMs, ...(authority === undefined ? {} : { ca: authority }) },
    });
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
    const head = exchange.head();
    const headers = {
      "content-type": "application/json",
      "user-agent": "charter",
      ...request.headers,
      "accept-encoding": "identity",
    };
    this.#pool.dispatch({ method: "POST", path, headers, body: request.body }, exchange);
    return head;
  }

  /** Closes every connection at once; calls that are under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}
