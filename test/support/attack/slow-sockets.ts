// Clients that are slow on purpose, on bare sockets: each begins something and then hardly goes on.
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** One such client. */
export interface SlowSocket {
  /** The first bytes that came back. */
  readonly heard: () => string;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  readonly isClosed: () => boolean;
  /** Reads what is left as fast as it can; resolves with the number of bytes read in all, when the server has closed. */
  rest(): Promise<number>;
  destroy(): void;
}

/** How a slow client behaves. */
export interface SlowHabit {
  /** What it sends at once. */
  readonly first: string | Buffer;
  /** What it sends again and again. */
  readonly drip?: string;
  readonly dripMs?: number;
  /** How often it does that; without end when absent. */
  readonly drips?: number;
  /** Reads so many bytes each time, and not at all when 0; as fast as it can when absent. */
  readonly readBytes?: number;
}

/** Most characters of an answer that are kept. */
const maxHeard = 4096;

/** Opens a slow client. */
export function openSlow(
  url: string,
  { first, drip, dripMs = 50, drips = Infinity, readBytes }: SlowHabit,
): SlowSocket {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let heard = "";
  let isClosed = false;
  let slowBytes = 0;
  let dripped = 0;
  const closed = new Promise<void>((resolve) =>
    socket.once("close", () => {
      isClosed = true;
      clearInterval(dripping);
      resolve();
    }),
  );
  socket.on("error", () => {});
  if (first.length > 0) socket.write(first);
  const dripping = setInterval(() => {
    if (drip !== undefined && socket.writable && dripped < drips) {
      socket.write(drip);
      dripped += 1;
    }
    if (readBytes !== undefined && readBytes > 0) slowBytes += (socket.read(readBytes) as Buffer | null)?.length ?? 0;
  }, dripMs);
  if (readBytes === undefined) {
    socket.on("data", (piece: Buffer) => {
      if (heard.length < maxHeard) heard += piece.toString("latin1", 0, maxHeard - heard.length);
    });
    socket.on("end", () => socket.end());
  }
  return {
    heard: () => heard,
    closed,
    isClosed: () => isClosed,
    async rest() {
      clearInterval(dripping);
      let bytes = slowBytes;
      socket.on("data", (piece: Buffer) => (bytes += piece.length));
      socket.on("end", () => socket.end());
      socket.resume();
      await closed;
      return bytes;
    },
    destroy: () => socket.destroy(),
  };
}

/** Opens many of one kind. */
export function openManySlow(url: string, count: number, habit: SlowHabit): SlowSocket[] {
  return Array.from({ length: count }, () => openSlow(url, habit));
}

/** Established connections at a server's side, as the kernel counts them: a client that does not read never hears of an end. */
export async function establishedAt(url: string): Promise<number> {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  // Fields of /proc/net/tcp: number, local address, remote address, state; 01 is ESTABLISHED (man 5 proc).
  const lines = (await readFile("/proc/net/tcp", "utf8")).split("\n");
  return lines.filter((line) => new RegExp(`^\\s*\\d+: [0-9A-F]{8}:${port} \\S+ 01 `).test(line)).length;
}
