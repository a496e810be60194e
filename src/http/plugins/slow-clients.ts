// Clients that are slow on purpose. Three of their ways are closed by timeouts of Node (headers that trickle, silence, a
// whole request that takes too long); here are the other two, and a limit on how many connections one of them may have:
//
// 1. A body that arrives more slowly than the least rate is answered 408 and cut off, so that it cannot hold a writer's
//    place or memory for the whole time that an honest upload may take.
// 2. A reader that takes its answer more slowly than that is cut off.
// 3. Slowness of our own is never blamed on the client: a body that waits for us, or an answer we have not made yet.
import { BlockList, isIPv6 } from "node:net";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Exchange, Exchanges } from "./exchanges.ts";
import { countedAddress } from "../../identity/index.ts";
import { plainAddress } from "./proxies.ts";

/** What a client must keep to. */
export interface Pace {
  /** Least rate of a body or of an answer, bytes per second; 0 for none. */
  readonly minBytesPerSecond: number;
  /** Time over which the rate is measured, milliseconds. */
  readonly windowMs: number;
}

/** Looks at exchanges in one window: enough to see a client that is slow throughout it. */
const looksPerWindow = 5;

/** Where one direction of an exchange stood when its window began. */
interface Mark {
  readonly sinceMs: number;
  readonly bytes: number;
}

/** What is remembered of an exchange from one look to the next. */
interface Marks {
  up: Mark | undefined;
  down: Mark | undefined;
}

/** Cuts off slow clients until it is disposed of; `late` answers 408 to one whose body does not arrive. */
export function cutOffSlowClients(exchanges: Exchanges, pace: Pace, late: (exchange: Exchange) => void): Disposable {
  const { minBytesPerSecond, windowMs } = pace;
  if (minBytesPerSecond === 0) return { [Symbol.dispose]() {} };
  const marks = new WeakMap<Exchange, Marks>();
  const leastBytes = (minBytesPerSecond * windowMs) / 1000;

  /** Whether a direction that waits for the client has moved too little since its window began. */
  const isSlow = (mark: Mark | undefined, bytes: number, nowMs: number): boolean =>
    mark !== undefined && nowMs - mark.sinceMs >= windowMs && bytes - mark.bytes < leastBytes;
  /** The mark for the next look: the same until its window has passed. */
  const next = (mark: Mark | undefined, bytes: number, nowMs: number): Mark =>
    mark !== undefined && nowMs - mark.sinceMs < windowMs ? mark : { sinceMs: nowMs, bytes };

  const look = (exchange: Exchange, nowMs: number): void => {
    const { request, response } = exchange;
    const { socket } = request;
    const known = marks.get(exchange) ?? { up: undefined, down: undefined };
    marks.set(exchange, known);
    if (!request.complete && request.readableLength === 0) {
      if (isSlow(known.up, socket.bytesRead, nowMs)) {
        if (response.headersSent) socket.destroy();
        else late(exchange);
        return;
      }
      known.up = next(known.up, socket.bytesRead, nowMs);
    } else known.up = undefined;
    if (response.headersSent && socket.writableLength > 0) {
      const sentBytes = socket.bytesWritten - socket.writableLength;
      if (isSlow(known.down, sentBytes, nowMs)) return void socket.destroy();
      known.down = next(known.down, sentBytes, nowMs);
    } else known.down = undefined;
  };

  const timer = setInterval(() => {
    const nowMs = performance.now();
    for (const exchange of exchanges) look(exchange, nowMs);
  }, windowMs / looksPerWindow).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Closes connections of an address that has too many; those of trusted proxies are many clients' and are not counted. */
export function limitConnections(server: Server, most: number, trustedProxies: readonly string[]): void {
  const trusted = blockList(trustedProxies);
  const open = new Map<string, number>();
  server.prependListener("connection", (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress);
    if (address === "" || trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4")) return;
    const client = countedAddress(address);
    const count = (open.get(client) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    open.set(client, count);
    socket.once("close", () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left > 0) open.set(client, left);
      else open.delete(client);
    });
  });
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
