// A process that forwards and does nothing else: Node's HTTP server in front of undici's pool, the least that any gateway
// between a caller and a model can cost. `node bench/load/model-proxy.ts URL` prints one line, {"url"}, and serves.
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";

/** Headers that belong to one connection (RFC 9110, 7.6.1), and the host, which the pool sets. */
const ownHeaders: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "host"]);

const upstream = process.argv[2];
if (upstream === undefined) throw new Error("whom it forwards to is its argument");
const pool = new Pool(upstream, { connections: 4096, pipelining: 1 });

function kept(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !ownHeaders.has(name)) out[name] = value;
  }
  return out;
}

async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "GET", url: path = "/" } = request;
  const left = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) left.abort();
  });
  const asked = { method, path, headers: kept(request.headers), body: request, signal: left.signal };
  await pool.stream(asked, ({ statusCode, headers }) => response.writeHead(statusCode, kept(headers)));
}

const server = createServer((request, response) => {
  forward(request, response).catch(() => response.destroy());
});
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
});
