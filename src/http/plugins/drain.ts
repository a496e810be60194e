// Stopping without losing a request. In this order:
//
// 1. /ready answers 503 and every answer ends its connection, so that balancers and clients go elsewhere. With a notice
//    time the server goes on accepting for that long.
// 2. No new connections. Requests on connections that are open are still served until none has come for a moment.
// 3. Idle connections are closed, requests and uploads under way end, and what has not ended by the time allowed is cut.
import { Server as NetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";

/** How long no request must have come before idle connections are closed, milliseconds. */
const quietMs = 100;

/** Longest wait for that, milliseconds: a client that never pauses is told 503 after it. */
const longestQuietMs = 2000;

/** How a server stops. */
export interface DrainOptions {
  /** How long /ready says so before connections are refused, milliseconds. */
  readonly noticeMs: number;
  /** When what has not ended is cut off, milliseconds from the beginning. */
  readonly timeoutMs: number;
}

/** Closes a server; resolves when all connections are closed. */
export async function drainServer(app: FastifyInstance, { noticeMs, timeoutMs }: DrainOptions): Promise<void> {
  const { frontDoor, server } = app;
  const cutOff = setTimeout(() => server.closeAllConnections(), timeoutMs);
  try {
    frontDoor.beginStop();
    if (noticeMs > 0) await sleep(Math.min(noticeMs, timeoutMs));
    // Node's http.Server.close also closes idle connections, among them those whose request is on its way.
    NetServer.prototype.close.call(server);
    const endMs = performance.now() + Math.min(longestQuietMs, timeoutMs);
    let seen = -1;
    while (seen !== frontDoor.exchanges.count && performance.now() < endMs && (await connectionsOf(app)) > 0) {
      seen = frontDoor.exchanges.count;
      await sleep(quietMs);
    }
    frontDoor.exchanges.closeUnused();
    await app.close();
  } finally {
    clearTimeout(cutOff);
  }
}

function connectionsOf({ server }: FastifyInstance): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count ?? 0)));
}
