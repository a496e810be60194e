// Which proxy a provider is reached through, and that real proxies are spoken to as they expect.
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { faultOf, secret, send, textOf, upstreamCalls } from "../../test/support/gateway/upstream-calls.ts";
import type { UpstreamCalls } from "../../test/support/gateway/upstream-calls.ts";
import { certificatesAt } from "../../test/support/http/certificates.ts";
import { readProxies } from "./proxies.ts";

const secure = "https://api.example.com/v1";
const plain = "http://vllm.corp.example:8000/v1";
const chosen = (setting: string, variables: Record<string, string>, baseUrl: string) =>
  readProxies(setting, variables)(baseUrl)?.href;

describe("the proxy of a provider", () => {
  it("is the one of the environment for its scheme, in either case, or the one for all", () => {
    const variables = { HTTPS_PROXY: "http://s.proxy:3128", http_proxy: "h.proxy:8080" };
    expect(chosen("", variables, secure)).toBe("http://s.proxy:3128/");
    expect(chosen("", variables, plain)).toBe("http://h.proxy:8080/");
    expect(chosen("", { HTTP_PROXY: "http://h.proxy" }, secure)).toBeUndefined();
    expect(chosen("", { ALL_PROXY: "https://a.proxy" }, secure)).toBe("https://a.proxy/");
    expect(chosen("", { HTTPS_PROXY: "http://loud.proxy", https_proxy: "http://quiet.proxy" }, secure)).toBe(
      "http://quiet.proxy/",
    );
    expect(chosen("", {}, secure)).toBeUndefined();
  });

  it("is the one of the setting before the environment, and none where the setting says so", () => {
    const variables = { HTTPS_PROXY: "http://s.proxy:3128" };
    expect(chosen("http://own.proxy", variables, secure)).toBe("http://own.proxy/");
    expect(chosen("http://own.proxy", variables, plain)).toBe("http://own.proxy/");
    expect(chosen("none", variables, secure)).toBeUndefined();
  });

  it.each([
    "http://127.0.0.1:8000/v1",
    "http://127.9.9.9/v1",
    "http://localhost:11434/v1",
    "http://me.localhost/v1",
    "http://[::1]:8000/v1",
    "http://0.0.0.0:8000/v1",
    "http://169.254.169.254/v1",
    "http://[fe80::1]/v1",
    "http://[::ffff:127.0.0.1]/v1",
    "http://2130706433/v1",
    "http://localhost./v1",
  ])("is none for %s, which is this machine or its own link", (baseUrl) => {
    for (const setting of ["", "http://own.proxy"]) {
      expect(chosen(setting, { HTTP_PROXY: "http://h.proxy" }, baseUrl)).toBeUndefined();
    }
  });

  it.each([
    ["*", secure, true],
    ["example.com", secure, true],
    [".example.com", secure, true],
    ["*.example.com", secure, true],
    ["other.test, API.example.COM", secure, true],
    ["api.example.com:443", secure, true],
    ["api.example.com:8443", secure, false],
    ["ample.com", secure, false],
    ["corp.example:8000", plain, true],
    ["10.0.0.0/8", "http://10.1.2.3/v1", true],
    ["10.0.0.0/8", "http://11.1.2.3/v1", false],
    ["fd00::/8", "http://[fd00::7]/v1", true],
    ["192.168.1.7", "http://192.168.1.7:9/v1", true],
    ["", secure, false],
  ])("is none where NO_PROXY is %j, for %s: %s", (list, baseUrl, isDirect) => {
    for (const setting of ["", "http://own.proxy"]) {
      const variables = { HTTPS_PROXY: "http://s.proxy", HTTP_PROXY: "http://h.proxy", NO_PROXY: list };
      expect(chosen(setting, variables, baseUrl) === undefined).toBe(isDirect);
    }
  });

  it("is refused by its name, and without its password, where it is none", () => {
    for (const text of ["ftp://me:hunter2@proxy", "socks5://me:hunter2@proxy", "http://"]) {
      const read = () => readProxies("", { HTTPS_PROXY: text });
      expect(read).toThrow(/HTTPS_PROXY is no http or https URL/);
      expect(read).not.toThrow(/hunter2/);
    }
  });
});

/** A proxy that notes what it was asked for, and answers or tunnels everything to one port. */
async function startProxy(port: () => number, status = 200) {
  const asked: { readonly method: string; readonly url: string; readonly auth: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const note = ({ method = "", url = "", headers }: IncomingMessage) =>
    asked.push({ method, url, auth: headers["proxy-authorization"] });
  const server = createServer((request, response) => {
    note(request);
    request.resume().on("end", () => response.writeHead(status, { "content-type": "application/json" }).end("{}"));
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    note(request);
    socket.on("error", () => socket.destroy());
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const onward = connect(port(), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on("error", () => each.destroy());
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    asked,
    url: new URL(`http://me:hunter2@127.0.0.1:${(server.address() as AddressInfo).port}`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

describe("an upstream behind a proxy", () => {
  let calls: UpstreamCalls;
  beforeEach(async () => {
    calls = await upstreamCalls();
  });
  afterEach(() => calls[Symbol.asyncDispose]());
  const basic = `Basic ${Buffer.from("me:hunter2").toString("base64")}`;

  it("over https is reached through a tunnel, and the proxy sees neither key nor words", async () => {
    const { serverCert, serverKey, authorityCert } = await certificatesAt();
    const seen: IncomingMessage[] = [];
    const server = createTlsServer({ cert: serverCert, key: serverKey }, (request, response) => {
      seen.push(request);
      request.resume().on("end", () => response.end("{}"));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await using proxy = await startProxy(() => port);
    const to = calls.open({ baseUrl: `https://localhost:${port}/v1`, authority: authorityCert, proxy: proxy.url });
    for (let i = 0; i < 3; i++) expect(await textOf(await send(to, "ok"))).toBe("{}");
    expect(proxy.asked.length).toBeLessThanOrEqual(2);
    expect(proxy.asked[0]).toEqual({ method: "CONNECT", url: `localhost:${port}`, auth: basic });
    expect(seen).toHaveLength(3);
    expect(seen[0]?.headers).toMatchObject({ authorization: `Bearer ${secret}`, host: `localhost:${port}` });
    expect(seen[0]?.headers).not.toHaveProperty("proxy-authorization");
    server.closeAllConnections();
    server.close();
  });

  it("over http is asked for by its whole URL", async () => {
    await using proxy = await startProxy(() => 0);
    const to = calls.open({ baseUrl: "http://models.test:8000/v1", proxy: proxy.url });
    expect(await textOf(await send(to, "ok"))).toBe("{}");
    expect(proxy.asked).toEqual([{ method: "POST", url: "http://models.test:8000/v1/chat/completions", auth: basic }]);
  });

  it("fails as one that cannot be reached where the proxy refuses, and no fault holds the password", async () => {
    for (const [status, baseUrl] of [
      [403, "https://models.test/v1"],
      [407, "https://models.test/v1"],
      [407, "http://models.test/v1"],
    ] as const) {
      await using proxy = await startProxy(() => 0, status);
      const fault = await faultOf(send(calls.open({ baseUrl, proxy: proxy.url }), "ok"));
      expect([status, baseUrl, fault.code]).toEqual([status, baseUrl, "upstream.failed"]);
      expect(JSON.stringify([fault.message, String(fault.cause)])).not.toMatch(/hunter2/);
    }
  });
});
