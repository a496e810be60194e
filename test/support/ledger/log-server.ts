// The resources of a log over HTTP, with an answer made per request.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A server of one log. */
export interface LogServer extends AsyncDisposable {
  /** `http://HOST:PORT`. */
  readonly url: string;
  /** The log's prefix, `/ledger` below the URL; everything beside it is 404. */
  readonly prefix: string;
}

/** Serves what `answer` gives for a path below the prefix: bytes, or a status without a body. */
export async function serveLog(
  answer: (path: string, authorization: string | undefined) => Buffer | number,
): Promise<LogServer> {
  const server = createServer((request, response) => {
    const [, path] = /^\/ledger\/(.*)$/.exec(request.url ?? "") ?? [];
    const result = path === undefined ? 404 : answer(path, request.headers.authorization);
    if (typeof result === "number") response.writeHead(result, { "retry-after": "0" }).end();
    else response.end(result);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    prefix: `${url}/ledger`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
