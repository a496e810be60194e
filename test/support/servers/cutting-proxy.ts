// A proxy in front of PostgreSQL that loses connections around commits: before the server hears of one, or before its answer
// comes back.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** Loses connections when it is told to. */
export interface CuttingProxy extends AsyncDisposable {
  /** The database through the proxy. */
  readonly url: string;
  /**
   * Loses the connection on which the next commit is asked for, or the next statement with these words, which is one of its own:
   * the commit with it, or only its answer.
   */
  cut(what: "answer" | "commit", words?: string): void;
}

/** Starts a proxy in front of a database. */
export async function startCuttingProxy(databaseUrl: string): Promise<CuttingProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let next: { readonly what: "answer" | "commit"; readonly words: string } | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const drop = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", drop);
      socket.on("close", () => {
        sockets.delete(socket);
        drop();
      });
    }
    let answersAreLost = false;
    client.on("data", (bytes) => {
      if (next !== undefined && bytes.includes(next.words)) {
        if (next.what === "commit") drop();
        else answersAreLost = true;
        next = undefined;
      }
      if (!upstream.destroyed) upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      // The server answers a commit when it is done.
      if (answersAreLost) drop();
      else client.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    // A commit is a simple query: its text and a NUL.
    cut: (what, words = "commit\0") => void (next = { what, words }),
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
