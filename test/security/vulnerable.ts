// Servers that are weak on purpose, each weakness in a few lines, so that every program can be seen to find one before
// its silence about Charter means anything. They listen on loopback, hold nothing, and live as long as the run.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { makeDevCertificates } from "../../src/cli/dev-certificates.ts";

/** The weak servers. */
export interface WeakServers extends AsyncDisposable {
  /** Pages with holes: injectable statements, a reflected script, hidden files, a guard that can be walked around. */
  readonly pages: string;
  /** A server without time-outs and with few connections. */
  readonly patient: string;
  /** TLS 1.0 and an expired certificate. */
  readonly tls: string;
}

/** Places of the pages that a statement takes its text from, by how the operation is called. */
export const injectable = { query: "/items?name=", path: "/items/by-name/", body: "/items", header: "/items/mine" };
/** What is hidden, and where the guard stands. */
export const hidden = { file: "/.env", guarded: "/vault" };
/** How long ago the certificate was made, milliseconds: longer than any server certificate is good for. */
const expiredMs = 3 * 365 * 24 * 3_600_000;
/** Connections that the patient server admits; fewer than any attack opens. */
const patientConnections = 100;

/** Starts all of them. */
export async function startWeakServers(): Promise<WeakServers> {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE items (name TEXT, price INTEGER); INSERT INTO items VALUES ('tea', 3), ('milk', 1)");
  const pages = createServer((request, response) => {
    page(database, request, response).catch(() => response.writeHead(400).end());
  });
  const patient = createServer(
    { headersTimeout: 0, requestTimeout: 0, connectionsCheckingInterval: 2 ** 31 - 1 },
    slow,
  );
  patient.timeout = 0;
  patient.maxConnections = patientConnections;
  const { serverCert: cert, serverKey: key } = await makeDevCertificates([], Date.now() - expiredMs);
  const answer: RequestListener = (_request, response) => void response.end("weak");
  const tls = createTlsServer({ cert, key, minVersion: "TLSv1", ciphers: "ALL:@SECLEVEL=0" }, answer);
  const servers = [pages, patient, tls];
  const ports: number[] = [];
  for (const server of servers) ports.push(await listening(server));
  return {
    pages: `http://127.0.0.1:${ports[0]}`,
    patient: `http://127.0.0.1:${ports[1]}`,
    tls: `https://127.0.0.1:${ports[2]}`,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      }
      database.close();
    },
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function page(database: DatabaseSync, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { "content-type": type }).end(body);
  };
  const rows = (name: string): void => {
    try {
      const found = database.prepare(`SELECT name, price FROM items WHERE name = '${name}'`).all();
      send(found.length > 0 ? 200 : 404, "application/json", JSON.stringify({ found }));
    } catch (error) {
      send(500, "text/plain", `[SQLITE_ERROR] SQL error: ${(error as Error).message}`);
    }
  };
  if (isLetIn(request, path)) return send(200, "text/plain", "gold");
  if (path === injectable.body && request.method === "POST") {
    return rows(String((JSON.parse((await bodyOf(request)) || "{}") as { name?: unknown }).name));
  }
  if (path === injectable.header) return rows(Buffer.from(headerOf(request, "x-name"), "latin1").toString());
  if (path.startsWith(injectable.path)) {
    return rows(decodeURIComponent(path.slice(injectable.path.length)));
  }
  const parameters = new URLSearchParams(query);
  const name = parameters.get("name") ?? "";
  switch (path) {
    case "/":
      return send(200, "text/html", `<a href="/hello?name=you">hello</a> <a href="/items?name=tea">tea</a>`);
    case "/go":
      return void response.writeHead(302, { location: encodeURI(parameters.get("to") ?? "/") }).end();
    case "/fetch":
      return send(200, "text/plain", await fetched(parameters.get("url") ?? ""));
    case "/items":
      return rows(name);
    case "/hello":
      return send(200, "text/html", `<html><body>Hello ${name}</body></html>`);
    case hidden.file:
      return send(200, "text/plain", "PASSWORD=hunter2");
    case hidden.guarded:
      return send(401, "text/plain", "no");
    default:
      return send(404, "text/plain", "not here");
  }
}

/** What another server on loopback says; text of an attacker must not send anybody further than that. */
async function fetched(url: string): Promise<string> {
  if (!url.startsWith("http://127.0.0.1:")) return "";
  return (await fetch(url)).text();
}

/** A guard with the classical holes: it compares a path that is not normalised, one verb, and headers anybody can write. */
function isLetIn(request: IncomingMessage, path: string): boolean {
  const plain = decodeURIComponent(path)
    .toLowerCase()
    .replaceAll(/\/+|\/\.\//g, "/")
    .replaceAll("/x/..;/", "/")
    .replace(/[./]+$/, "");
  const isGuarded = plain === hidden.guarded;
  if (headerOf(request, "x-original-url") === hidden.guarded) return true;
  if (isGuarded && headerOf(request, "x-forwarded-for") === "127.0.0.1") return true;
  return isGuarded && (path !== hidden.guarded || request.method === "PROPFIND");
}

const headerOf = (request: IncomingMessage, name: string): string => String(request.headers[name] ?? "");

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += String(piece);
  return text;
}

const content = Buffer.alloc(4 * 1024 * 1024, "x");
/** What one range costs: little, so that the work of an attack takes seconds and not the whole run. */
const rangeContent = content.subarray(0, 64 * 1024);

/** Answers with much, waits for a body as long as it takes, and works through as many ranges as are asked for. */
function slow(request: IncomingMessage, response: ServerResponse): void {
  const ranges = headerOf(request, "range").split(",").length;
  const digests: string[] = [];
  for (let i = 1; i < ranges; i++) digests.push(createHash("sha256").update(rangeContent).digest("hex"));
  request.resume().once("end", () => response.end(request.url === "/big" ? content : digests.join("\n")));
}
