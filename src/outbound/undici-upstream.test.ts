import { once } from "node:events";
import { createServer as createTlsServer } from "node:https";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { certificatesAt } from "../../test/support/http/certificates.ts";
import { faultOf, secret, send, textOf, thrownBy, upstreamCalls } from "../../test/support/gateway/upstream-calls.ts";
import type { UpstreamCalls } from "../../test/support/gateway/upstream-calls.ts";
import type { ScriptedUpstream } from "../../test/support/gateway/upstream.ts";

/** What the operating system may hold between two processes besides the window: the buffers of two sockets. */
const socketBuffersBytes = 8 * 1024 * 1024;

let calls: UpstreamCalls;
let scripted: ScriptedUpstream;
const open: UpstreamCalls["open"] = (options) => calls.open(options);
const newest = () => calls.newest();

beforeEach(async () => {
  calls = await upstreamCalls();
  scripted = calls.scripted;
});
afterEach(() => calls[Symbol.asyncDispose]());

describe("the undici upstream", () => {
  it("sends the request as it is and hands back status, headers and body", async () => {
    const answer = await send(open(), "ok", { headers: { "x-more": "1", "content-type": "application/json; v=2" } });
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "application/json" } });
    expect(JSON.parse(await textOf(answer))).toMatchObject({
      choices: [{ message: { content: "The answer is forty-two." } }],
    });
    const { path, headers, json } = newest();
    expect(path).toBe("/v1/chat/completions");
    expect(json).toMatchObject({ model: "ok", stream: false });
    expect(headers).toMatchObject({
      "x-more": "1",
      authorization: `Bearer ${secret}`,
      "accept-encoding": "identity",
      "content-type": "application/json; v=2",
    });
  });

  it("hands a stream out piece by piece, and its end", async () => {
    const answer = await send(open(), "ok-40-chunks", { stream: true });
    const pieces: string[] = [];
    for await (const piece of answer.body) pieces.push(piece.toString());
    expect(pieces.length).toBeGreaterThan(10);
    expect(pieces.join("").match(/data: /g)).toHaveLength(43);
    expect(pieces.join("")).toMatch(/data: \[DONE\]\n\n$/);
  });

  it("hands out answers of any status, and does not follow redirects", async () => {
    const to = open();
    const before = scripted.seen.length;
    for (const status of [400, 401, 429, 500, 503]) {
      const answer = await send(to, String(status));
      expect(answer.status).toBe(status);
      expect(await textOf(answer)).toContain(`scripted_${status}`);
    }
    const answer = await send(to, "redirect");
    expect(answer).toMatchObject({ status: 307, headers: { location: "http://127.0.0.1:9/elsewhere" } });
    expect(scripted.seen.length).toBe(before + 6);
  });

  it("reads an answer that trickles in byte by byte", async () => {
    expect(JSON.parse(await textOf(await send(open(), "trickle")))).toHaveProperty("choices");
  });

  // undici takes a connection back only after a turn of the event loop, so two take turns.
  it("uses connections again", async () => {
    const to = open();
    const before = scripted.connectionsOpened;
    for (let i = 0; i < 10; i++) await textOf(await send(to, "ok"));
    expect(scripted.connectionsOpened - before).toBeLessThanOrEqual(2);
  });

  it("serves 64 calls at a time, over no more connections than it may open", async () => {
    const before = scripted.connectionsOpened;
    const to = open({ connections: 16 });
    const answers = await Promise.all(Array.from({ length: 64 }, async () => textOf(await send(to, "slow-20"))));
    expect(answers.every((text) => text.includes("forty-two"))).toBe(true);
    expect(scripted.connectionsOpened - before).toBe(16);
  });

  it("refuses a base URL that is not http", () => {
    expect(() => open({ baseUrl: "file:///etc/passwd" })).toThrow(TypeError);
  });

  it("trusts an upstream's certificate only when its authority is named", async () => {
    const { serverCert, serverKey, authorityCert } = await certificatesAt();
    const server = createTlsServer({ cert: serverCert, key: serverKey }, (_request, response) => response.end("{}"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const baseUrl = `https://localhost:${(server.address() as AddressInfo).port}`;
    const fault = await faultOf(send(open({ baseUrl }), "ok"));
    expect(fault).toMatchObject({ code: "upstream.failed", reachedUpstream: false });
    expect(await textOf(await send(open({ baseUrl, authority: authorityCert }), "ok"))).toBe("{}");
    server.close();
    server.closeAllConnections();
  });
});

describe("the deadlines of a call", () => {
  it("end the wait for a connection that is being made", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    // It takes the connection and never says a word of TLS.
    const baseUrl = `https://localhost:${(silent.address() as AddressInfo).port}`;
    const fault = await faultOf(send(open({ baseUrl }), "ok", { deadlines: { connectMs: 50 } }));
    expect(fault).toMatchObject({ facts: { limit: "connectMs" }, retryable: true, reachedUpstream: false });
    silent.close();
  });

  it("end the wait for a connection that others use", async () => {
    const to = open({ connections: 1 });
    const first = await send(to, "stall-mid-stream", { stream: true });
    const fault = await faultOf(send(to, "ok", { deadlines: { connectMs: 50 } }));
    expect(fault).toMatchObject({
      code: "upstream.timeout",
      facts: { limit: "connectMs" },
      retryable: true,
      reachedUpstream: false,
    });
    // The one that gave up is not sent when the connection becomes free.
    const before = scripted.seen.length;
    first.cancel();
    await textOf(await send(to, "ok"));
    expect(scripted.seen.length).toBe(before + 1);
  });

  it("end the wait for the head", async () => {
    const fault = await faultOf(send(open(), "stall-before-headers", { deadlines: { headersMs: 50 } }));
    expect(fault).toMatchObject({
      code: "upstream.timeout",
      facts: { limit: "headersMs" },
      retryable: true,
      reachedUpstream: true,
    });
    const { length } = scripted.seen;
    await scripted.until(() => scripted.seen[length - 1]!.aborted);
  });

  it("end the wait for the next piece, after what has come was handed out", async () => {
    const answer = await send(open(), "stall-mid-stream", { stream: true, deadlines: { idleMs: 500 } });
    const seen = newest();
    let text = "";
    const fault = await faultOf(
      (async () => {
        for await (const piece of answer.body) text += piece.toString();
      })(),
    );
    expect(text).toContain("data: ");
    expect(fault).toMatchObject({ code: "upstream.timeout", facts: { limit: "idleMs" }, reachedUpstream: true });
    await scripted.until(() => seen.aborted);
  });

  it("count as idle only the time in which the reader waited", async () => {
    const answer = await send(open(), "huge-reply", { deadlines: { idleMs: 500 } });
    let size = 0;
    let naps = 0;
    for await (const piece of answer.body) {
      size += piece.length;
      if (naps++ < 2) await sleep(750);
    }
    expect(size).toBeGreaterThan(20 * 1024 * 1024);
  });

  it("end a call that goes on and on, and leave no time for another attempt", async () => {
    const answer = await send(open(), "paced-200", { stream: true, deadlines: { totalMs: 700 } });
    const fault = await faultOf(textOf(answer));
    expect(fault).toMatchObject({ code: "upstream.timeout", facts: { limit: "totalMs" }, retryable: false });
  });

  it("end a call whose reader never comes", async () => {
    await send(open(), "endless", { stream: true, deadlines: { totalMs: 1000 } });
    const seen = newest();
    await scripted.until(() => seen.aborted);
  });

  it("do not run out for a call in time", async () => {
    // All pieces together take longer than the wait for one of them may.
    const deadlines = { connectMs: 10_000, headersMs: 10_000, idleMs: 1000, totalMs: 120_000 };
    const answer = await send(open(), "paced-200", { stream: true, deadlines });
    expect(await textOf(answer)).toMatch(/\[DONE\]\n\n$/);
  });
});

describe("a call that is given up", () => {
  it("is not sent when the signal has aborted already", async () => {
    const before = scripted.seen.length;
    const reason = new Error("gone before");
    expect(await thrownBy(send(open(), "ok", { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(scripted.seen.length).toBe(before);
  });

  it("closes its connection at once, before the head and in the middle of the body", async () => {
    const to = open();
    for (const [script, stream] of [
      ["stall-before-headers", false],
      ["endless", true],
    ] as const) {
      const gone = new AbortController();
      const reason = new Error("the caller has gone");
      const { length } = scripted.seen;
      const work = send(to, script, { stream, signal: gone.signal }).then(async (answer) => {
        for await (const piece of answer.body) expect(piece.length).toBeGreaterThan(0);
      });
      const thrown = thrownBy(work);
      await scripted.until(
        () => scripted.seen.length > length && (script !== "endless" || newest().sentBytes > 10_000),
      );
      const seen = newest();
      gone.abort(reason);
      expect(await thrown).toBe(reason);
      await scripted.until(() => seen.aborted);
    }
    await scripted.until(() => scripted.connections === 0);
  });

  it("is closed when the reader leaves its loop, and by cancel", async () => {
    const to = open();
    const left = await send(to, "endless", { stream: true });
    const first = newest();
    for await (const piece of left.body) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    await scripted.until(() => first.aborted);
    const cancelled = await send(to, "endless", { stream: true });
    const second = newest();
    cancelled.cancel();
    cancelled.cancel();
    await scripted.until(() => second.aborted);
    for await (const _ of cancelled.body) expect.unreachable("nothing comes after a cancel");
  });

  it("leaves a complete answer's connection open when it is cancelled late", async () => {
    const to = open({ connections: 1 });
    const before = scripted.connectionsOpened;
    const answer = await send(to, "ok");
    await textOf(answer);
    answer.cancel();
    await textOf(await send(to, "ok"));
    expect(scripted.connectionsOpened - before).toBe(1);
  });
});

describe("a slow reader", () => {
  it("slows the upstream instead of filling the memory", async () => {
    const answer = await send(open(), "endless", { stream: true });
    const seen = newest();
    const reader = answer.body[Symbol.asyncIterator]();
    await reader.next();
    let before = -1;
    // The upstream writes on as long as anybody takes bytes; when it has stopped, it is the reader who is waited for.
    while (seen.sentBytes !== before) {
      before = seen.sentBytes;
      await sleep(100);
    }
    expect(before).toBeLessThan(socketBuffersBytes);
    let read = 0;
    while (read < before + 1024 * 1024) read += (await reader.next()).value!.length;
    expect(seen.sentBytes).toBeGreaterThan(before);
    answer.cancel();
  });

  it("gets every byte in order all the same", async () => {
    const answer = await send(open(), "ok-400-chunks", { stream: true });
    let text = "";
    let pieces = 0;
    for await (const piece of answer.body) {
      text += piece.toString();
      if (pieces++ < 5) await sleep(20);
    }
    const words = [...text.matchAll(/"content":"(word\d+) "/g)].map((match) => match[1]);
    expect(words).toEqual(Array.from({ length: 400 }, (_, at) => `word${at}`));
  });
});
