// The exchanges under way: every request that has been begun and whose answer has not ended. Slow clients are found among
// them, and a server that stops asks each to be the last of its connection.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { Bag } from "../../kernel/bag.ts";
import type { Baggable } from "../../kernel/bag.ts";

/** One request and its answer. */
export interface Exchange extends Baggable {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The exchanges of one server. */
export class Exchanges implements Iterable<Exchange> {
  readonly #running = new Bag<Exchange>();
  /** Connections that have had no request, each with the bytes that opening it took. */
  readonly #unused = new Map<Socket, number>();
  #isLast = false;
  #count = 0;

  /** Watches a server; the first to hear of each of its requests. */
  constructor(server: Server) {
    server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
      this.#unused.set(socket, socket.bytesRead);
      socket.once("close", () => this.#unused.delete(socket));
    });
    server.prependListener("request", (request, response) => {
      const exchange: Exchange = { request, response, place: -1 };
      this.#count += 1;
      this.#running.put(exchange);
      this.#unused.delete(request.socket);
      response.on("close", () => this.#running.take(exchange));
      if (this.#isLast) response.shouldKeepAlive = false;
    });
  }

  /** How many requests have been begun, ever. */
  get count(): number {
    return this.#count;
  }

  /** How many are under way. */
  get running(): number {
    return this.#running.size;
  }

  /** From now on every answer that has not begun says `Connection: close`. */
  endConnections(): void {
    this.#isLast = true;
    for (const { response } of this.#running) response.shouldKeepAlive = false;
  }

  /** Closes connections on which nothing was ever sent: clients open such ones ahead, and Node does not call them idle. */
  closeUnused(): void {
    for (const [socket, openedBytes] of this.#unused) if (socket.bytesRead === openedBytes) socket.destroy();
  }

  [Symbol.iterator](): Iterator<Exchange> {
    return this.#running[Symbol.iterator]();
  }
}
