// The gateway's rules, with a stand-in for prism that lets through, refuses or complains as a test asks of it.
import { once } from "node:events";
import { createServer, request as sendRequest } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { complaintsAbout } from "../../../scripts/test-openapi.ts";
import { gatewayHeaders, startGateway } from "./prism-gateway.ts";
import type { Gateway } from "./prism-gateway.ts";

let gateway: Gateway;
let charter: Server;
let prism: Server;
/** What Charter was sent. */
let received: { url: string; headers: IncomingMessage["headers"]; body: Buffer }[];
let charterAnswers: (response: ServerResponse) => void;
let prismAnswers: (response: ServerResponse, relayed: Response | undefined) => void;
let prismForwards: boolean;
let seenByPrism: string[];

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<Server> {
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

beforeEach(async () => {
  received = [];
  seenByPrism = [];
  prismForwards = true;
  charterAnswers = (response) => response.writeHead(201, { "x-own": "1" }).end(Buffer.from([0, 255, 1]));
  prismAnswers = (response, relayed) => response.writeHead(relayed?.status ?? 500).end("as prism has it");
  charter = await serve(async (request, response) => {
    received.push({ url: request.url ?? "", headers: request.headers, body: await bodyOf(request) });
    charterAnswers(response);
  });
  gateway = await startGateway(["/tile/{level}/{path}"]);
  // Like prism it reads a body as text, and writes it anew.
  prism = await serve(async (request, response) => {
    seenByPrism.push(request.url ?? "");
    const text = (await bodyOf(request)).toString();
    const { "x-test-exchange": exchange } = request.headers;
    const relayed = prismForwards
      ? await fetch(`${gateway.relayUrl}${request.url}`, {
          method: request.method ?? "GET",
          headers: { "x-test-exchange": String(exchange) },
          ...(text === "" ? {} : { body: text }),
        }).catch(() => undefined)
      : undefined;
    prismAnswers(response, relayed);
  });
  gateway.use(urlOf(prism));
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  for (const server of [charter, prism]) {
    server.closeAllConnections();
    server.close();
  }
});

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

async function ask(path: string, method = "GET", body?: Buffer, headers: Record<string, string> = {}): Promise<Got> {
  const call = sendRequest(`${gateway.url}${path}`, {
    method,
    headers: { [gatewayHeaders.upstream]: urlOf(charter), ...headers },
  });
  call.end(body);
  const [response] = (await once(call, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await bodyOf(response) };
}

const difference = ({ headers }: Got): string => decodeURIComponent(String(headers[gatewayHeaders.difference] ?? ""));

describe("a request that prism lets through", () => {
  it("reaches Charter byte by byte, and Charter's own answer comes back", async () => {
    const bytes = Buffer.from([0, 159, 146, 150]);
    const got = await ask("/v1/things?a=1", "POST", bytes, { "content-type": "image/png" });
    expect([got.status, got.headers["x-own"], got.body]).toEqual([201, "1", Buffer.from([0, 255, 1])]);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({ url: "/v1/things?a=1", body: bytes });
    expect(Object.keys(received[0]?.headers ?? {}).filter((name) => name.startsWith("x-test-"))).toEqual([]);
    expect(difference(got)).toBe("");
    expect(gateway.counts).toMatchObject({ through: 1, restored: 1, refusedByBoth: 0 });
  });

  it("shows prism the rest of a path as one parameter", async () => {
    await ask("/tile/0/x001/067?q=a/b");
    expect([seenByPrism, received.map(({ url }) => url)]).toEqual([
      ["/tile/0/x001%2F067?q=a/b"],
      ["/tile/0/x001/067?q=a/b"],
    ]);
  });

  it("fails when prism complains about the answer, in the body or in a header", async () => {
    prismAnswers = (response) => response.writeHead(500).end('{"type":"#VIOLATIONS"}');
    expect(difference(await ask("/v1/things"))).toMatch(/GET \/v1\/things: 201: prism answers 500: .*VIOLATIONS/);
    prismAnswers = (response) => response.writeHead(201, { "sl-violations": "[undocumented]" }).end();
    expect(difference(await ask("/v1/things"))).toMatch(/undocumented/);
    expect(complaintsAbout(gateway.counts)).toHaveLength(2);
  });

  it("is taken back from Charter when its sender leaves", async () => {
    const { promise: left, resolve } = Promise.withResolvers<void>();
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    charterAnswers = (response) => {
      response.on("close", resolve);
      arrive();
    };
    const call = sendRequest(`${gateway.url}/v1/things`, { headers: { [gatewayHeaders.upstream]: urlOf(charter) } });
    call.on("error", () => {}).end();
    await arrived;
    call.destroy();
    await left;
    expect(gateway.counts.differences.size).toBe(0);
  });

  it("breaks off when Charter breaks off", async () => {
    charterAnswers = (response) => response.destroy();
    await expect(ask("/v1/things")).rejects.toThrow();
    expect(gateway.counts.differences.size).toBe(0);
  });
});

describe("a request that prism refuses", () => {
  beforeEach(() => {
    prismForwards = false;
    prismAnswers = (response) => response.writeHead(422).end('{"type":"#UNPROCESSABLE_ENTITY"}');
  });

  it("is fine when Charter refuses it too, whose answer comes back", async () => {
    charterAnswers = (response) => response.writeHead(403, { "x-own": "1" }).end("no");
    const got = await ask("/v1/things", "POST", Buffer.from("{}"), { "content-type": "application/json" });
    expect([got.status, got.headers["x-own"], got.body.toString(), difference(got)]).toEqual([403, "1", "no", ""]);
    expect(gateway.counts).toMatchObject({ through: 0, refusedByBoth: 1 });
    expect(complaintsAbout(gateway.counts)).toEqual([]);
  });

  it.each([201, 500])("fails when Charter answers %d", async (status) => {
    charterAnswers = (response) => response.writeHead(status).end();
    expect(difference(await ask("/v1/things"))).toMatch(new RegExp(`forbids it and Charter answers ${status}`));
    expect([...gateway.counts.differences.values()]).toEqual([1]);
  });
});

describe("what goes past prism", () => {
  it("streams as it comes where it has no end, until its reader leaves", async () => {
    const { promise: left, resolve } = Promise.withResolvers<void>();
    charterAnswers = (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const timer = setInterval(() => response.write("data: again\n\n"), 5);
      response.on("close", () => resolve(clearInterval(timer)));
    };
    const call = sendRequest(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { [gatewayHeaders.upstream]: urlOf(charter), "content-type": "application/json" },
    });
    call.on("error", () => {}).end('{"model":"up/endless","stream":true}');
    const [response] = (await once(call, "response")) as [IncomingMessage];
    const [piece] = (await once(response, "data")) as [Buffer];
    expect(piece.toString()).toContain("data: again");
    call.destroy();
    await left;
    expect([seenByPrism, gateway.counts.bypassed.endless]).toEqual([[], 1]);
  });

  it("is counted by class, and too much of it is a failure", async () => {
    await ask("/v1/things", "OPTIONS");
    await ask("/v1/things", "POST", Buffer.from("x"));
    await ask("/v1/artifacts?product=A&type=B", "POST", Buffer.from("{}"), { "content-type": "application/json" });
    await ask("/v1/things", "POST", Buffer.from("{"), { "content-type": "application/json" });
    await ask("/v1/things", "POST", Buffer.alloc(9_500_000), { "content-type": "text/plain" });
    await ask("/v1/v1/models");
    expect(seenByPrism).toEqual([]);
    expect(received).toHaveLength(6);
    expect(gateway.counts.bypassed).toEqual({
      large: 1,
      preflight: 1,
      untyped: 1,
      unparsable: 1,
      endless: 0,
      bodyOfGet: 0,
      jsonContent: 1,
      spelling: 1,
    });
    expect(complaintsAbout(gateway.counts)).toEqual([expect.stringMatching(/only 0\.0 %/)]);
    for (let i = 0; i < 120; i++) await ask("/v1/things");
    expect(complaintsAbout(gateway.counts)).toEqual([]);
  });
});
