// A relay between an attacking program and the server it attacks that changes nothing and counts: requests by their line
// and answers by their status. What a program says it has tried is its own word; this is what really went over the wire.
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

/** A running relay. */
export interface Tap extends AsyncDisposable {
  /** Where programs go in place of the server. */
  readonly url: string;
  /** Number of requests so far. */
  readonly requests: number;
  /** Number of answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Request lines that were answered with an unwanted status, the first few. */
  readonly broken: readonly string[];
}

/** Most request lines that are kept. */
const mostBroken = 20;
const requestLine = /([A-Z]{3,12} \S{1,4000}) HTTP\/1\.[01]\r\n/g;
const statusLine = /HTTP\/1\.[01] (\d{3}) /g;

/** Statuses of 500 and above are wanted from nobody. */
const isBroken = (status: number): boolean => status >= 500;

/** Starts a relay to a server on loopback. */
export async function startTap(target: string): Promise<Tap> {
  const { hostname, port } = new URL(target);
  const statuses = new Map<number, number>();
  const broken: string[] = [];
  const open = new Set<Socket>();
  let requests = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let last = "";
    const asked = scanner(requestLine, (line) => {
      requests += 1;
      last = line;
    });
    const answered = scanner(statusLine, (text) => {
      const status = Number(text);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (isBroken(status) && broken.length < mostBroken) broken.push(`${last} -> ${status}`);
    });
    client.on("data", asked);
    upstream.on("data", answered);
    client.pipe(upstream);
    upstream.pipe(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.once("error", () => other.destroy());
      socket.once("close", () => {
        open.delete(socket);
        other.end();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    statuses,
    broken,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Finds a pattern in pieces of a stream, also where a match lies across two of them. */
function scanner(pattern: RegExp, found: (text: string) => void): (piece: Buffer) => void {
  let rest = "";
  return (piece) => {
    const text = rest + piece.toString("latin1");
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      found(match[1] ?? "");
      end = match.index + match[0].length;
    }
    rest = text.slice(Math.max(end, text.length - 5000));
  };
}

/** Answers by status, as one phrase. */
export function statusText(statuses: ReadonlyMap<number, number>): string {
  const rows = [...statuses].toSorted(([a], [b]) => a - b);
  return rows.map(([status, count]) => `${count} x ${status}`).join(", ");
}

/** Answers whose status lies in a class, such as 2 for 200 to 299. */
export function countOf(statuses: ReadonlyMap<number, number>, hundreds: number): number {
  return [...statuses].reduce((sum, [status, count]) => sum + (Math.floor(status / 100) === hundreds ? count : 0), 0);
}
