import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { faultOf, secret, send, textOf, upstreamCalls } from "../../test/support/gateway/upstream-calls.ts";
import type { UpstreamCalls } from "../../test/support/gateway/upstream-calls.ts";
import type { ScriptedUpstream } from "../../test/support/gateway/upstream.ts";

let calls: UpstreamCalls;
let scripted: ScriptedUpstream;
const open: UpstreamCalls["open"] = (options) => calls.open(options);

beforeEach(async () => {
  calls = await upstreamCalls();
  scripted = calls.scripted;
});
afterEach(() => calls[Symbol.asyncDispose]());

describe("a failing upstream", () => {
  const failures = [
    { script: "cut-before-headers", code: "upstream.failed", retryable: true },
    { script: "cut-mid-stream", code: "upstream.failed", retryable: true },
    { script: "not-http", code: "upstream.garbled", retryable: true },
    { script: "huge-head", code: "upstream.garbled", retryable: true },
  ];
  for (const { script, code, retryable } of failures) {
    it(`is told apart: ${script}`, async () => {
      const to = open();
      const fault = await faultOf(send(to, script, { stream: true }).then(textOf));
      expect(fault).toMatchObject({ code, retryable, reachedUpstream: true });
      expect(await textOf(await send(to, "ok"))).toContain("forty-two");
    });
  }

  it("had accepted what broke after the whole request had left, however it broke", async () => {
    for (const script of ["cut-before-headers", "cut-mid-stream", "not-http", "huge-head"]) {
      const fault = await faultOf(send(open(), script, { stream: true }).then(textOf));
      expect(fault, script).toMatchObject({ isAccepted: true });
    }
    const late = await faultOf(send(open(), "stall-before-headers", { deadlines: { headersMs: 50 } }));
    expect(late).toMatchObject({ isAccepted: true });
  });

  it("had not accepted a request of which it had taken only a part", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const to = open({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const deadlines = { connectMs: 20_000, headersMs: 20_000, idleMs: 20_000, totalMs: 20_000 };
    const { signal } = new AbortController();
    const body = "x".repeat(64 * 1024 * 1024);
    const fault = await faultOf(to.send({ path: "/chat/completions", headers: {}, body, deadlines, signal }));
    expect(fault).toMatchObject({ code: "upstream.failed", reachedUpstream: true, isAccepted: false });
    server.close();
  });

  it("that had closed a connection is asked once more on a new one", async () => {
    let times = 0;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      let served = 0;
      socket.on("data", () => {
        times++;
        if (served++ > 0) socket.resetAndDestroy();
        else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const to = open({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    for (let i = 0; i < 6; i++) {
      expect(await textOf(await send(to, "ok"))).toBe("{}");
      // undici takes a connection back only after a turn of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(times).toBeGreaterThan(6);
    server.close();
  });

  it("that breaks a connection after it had time to begin its work is not asked again, also where it was used before", async () => {
    let times = 0;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      let served = 0;
      socket.on("data", () => {
        times++;
        if (served++ > 0) setTimeout(() => socket.destroy(), 1500);
        else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const to = open({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: 1 });
    expect(await textOf(await send(to, "ok"))).toBe("{}");
    expect(await faultOf(send(to, "ok"))).toMatchObject({ code: "upstream.failed", isAccepted: true });
    expect(times).toBe(2);
    server.close();
  });

  it("that refuses the connection was not reached, and may be tried again", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const baseUrl = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
    closed.close();
    const fault = await faultOf(send(open({ baseUrl }), "ok"));
    expect(fault).toMatchObject({
      code: "upstream.failed",
      retryable: true,
      reachedUpstream: false,
      isAccepted: false,
    });
    expect(fault.cause).toMatchObject({ code: "ECONNREFUSED" });
  });

  it("cannot make a reader take more than it wants", async () => {
    const answer = await send(open(), "huge-reply");
    const seen = calls.newest();
    const fault = await faultOf(answer.collect(100_000));
    expect(fault).toMatchObject({ code: "upstream.garbled", facts: { limit: "maxBytes" }, retryable: false });
    await scripted.until(() => seen.aborted);
  });

  it("fails the calls that are under way when the pool is closed", async () => {
    const to = open();
    const work = send(to, "stall-before-headers");
    const { length } = scripted.seen;
    await scripted.until(() => scripted.seen.length > length);
    const fault = faultOf(work);
    await to[Symbol.asyncDispose]();
    expect(await fault).toMatchObject({ code: "upstream.failed" });
  });

  it("answers nothing more once it is closed", async () => {
    const to = open();
    await to[Symbol.asyncDispose]();
    expect(await faultOf(send(to, "ok"))).toMatchObject({ code: "upstream.failed", reachedUpstream: false });
  });

  it("leaves nothing behind, whatever happens at whatever moment", async () => {
    const scripts = ["ok", "ok-40-chunks", "500", "stall-before-headers", "stall-mid-stream", "cut-before-headers"];
    scripts.push("cut-mid-stream", "not-http", "gzip", "endless", "trickle", "huge-reply", "error-in-stream");
    const to = open({ connections: 8 });
    const calls = 274;
    const call = async (at: number): Promise<string> => {
      const gone = new AbortController();
      // The last has time enough, so that one is answered also where every other call is late.
      const deadlines = at === calls - 1 ? {} : { headersMs: 60, idleMs: 40, totalMs: 400 };
      const ask = { stream: at % 3 > 0, signal: gone.signal, deadlines };
      const work = send(to, scripts[at % scripts.length]!, ask).then((answer) => answer.collect(1_000_000));
      const timer = at % 5 === 0 ? setTimeout(() => gone.abort(new Error("gone")), at % 50) : undefined;
      const [result] = await Promise.allSettled([work]);
      clearTimeout(timer);
      return result.status;
    };
    const outcomes = await Promise.all(Array.from({ length: calls }, (_, at) => call(at)));
    expect(new Set(outcomes)).toEqual(new Set(["fulfilled", "rejected"]));
    expect(await textOf(await send(to, "ok"))).toContain("forty-two");
    await to[Symbol.asyncDispose]();
    await scripted.until(() => scripted.connections === 0);
  });

  it("never has a secret repeated in a fault, in its cause or in what they hold", async () => {
    const to = open();
    const headers = { authorization: `Bearer ${secret}`, "x-api-key": secret, "x-goog-api-key": secret };
    const scripts = ["cut-before-headers", "cut-mid-stream", "not-http", "huge-head"];
    const faults = await Promise.all(scripts.map((script) => faultOf(send(to, script, { headers }).then(textOf))));
    const timed = { headers, deadlines: { headersMs: 30 } };
    faults.push(await faultOf(send(to, "stall-before-headers", timed)));
    faults.push(await faultOf(send(to, "ok", { headers: { ...headers, "x-api-key": `${secret}\n` } })));
    expect(faults).toHaveLength(6);
    for (const fault of faults) {
      expect(inspect(fault, { depth: 20, showHidden: true, getters: true })).not.toContain(secret);
      expect(String((fault.cause as Error | undefined)?.stack)).not.toContain(secret);
    }
    expect(faults.at(-1)).toMatchObject({ code: "upstream.failed", retryable: false, reachedUpstream: false });
  });
});
