import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { counterContract } from "../../../test/contract/counters.ts";
import { startRedis } from "../../../test/support/servers/redis.ts";
import type { RedisServer } from "../../../test/support/servers/redis.ts";
import { describeWith } from "../../../test/support/servers/requires.ts";
import { systemClock } from "../../kernel/clock.ts";
import { silentLog } from "../../kernel/ctx.ts";
import type { Log } from "../../kernel/ctx.ts";
import type { Counter } from "./counter.ts";
import { openRedisCounter } from "./redis-counter.ts";

const limit = { limit: 5, windowMs: 3_600_000 };
const taker = new URL("../../../test/support/identity/counter-taker.ts", import.meta.url).pathname;

/** Tries until it is so; the time limit of the test ends it. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

async function admittedOf(counter: Counter, key: string, times: number): Promise<number> {
  let admitted = 0;
  for (let i = 0; i < times; i++) if ((await counter.take(key, limit)).allowed) admitted++;
  return admitted;
}

/** A log that keeps the levels and texts of its lines. */
function keptLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (fields: object, message: string) => {
    const { err } = fields as { readonly err?: Error };
    lines.push(`${level} ${message} ${err?.message ?? ""}`);
  };
  return { log: { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") }, lines };
}

describeWith(["redis"], "with a Redis server", () => {
  counterContract("Redis", async () => {
    const server = await startRedis();
    const counter = await openRedisCounter({ url: server.url, timeoutMs: 30_000, clock: systemClock, log: silentLog });
    return {
      counter,
      // The server's clock is finer than ours by a millisecond.
      wait: (ms) => sleep(ms + 2),
      async [Symbol.asyncDispose]() {
        await counter[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  });

  describe("the Redis counter", () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server[Symbol.asyncDispose]());
    /** A driver as it is by default where a test is about patience, otherwise one that a busy machine does not tire. */
    const open = (log: Log = silentLog, timeoutMs = 30_000) =>
      openRedisCounter({ url: server.url, timeoutMs, clock: systemClock, log });

    it("admits one limit to three processes together", async () => {
      const processes = Array.from({ length: 3 }, () =>
        spawn(process.execPath, [taker, "shared", "300", "400", "3600000"], {
          env: { ...process.env, CHARTER_TEST_REDIS_URL: server.url },
          stdio: ["pipe", "pipe", "inherit"],
        }),
      );
      const exits = processes.map((each) => once(each, "exit"));
      const lines = processes.map(({ stdout }) => createInterface(stdout)[Symbol.asyncIterator]());
      for (const line of lines) expect((await line.next()).value).toBe("ready");
      for (const { stdin } of processes) stdin.write("go\n");
      const admitted = await Promise.all(lines.map(async (line) => Number((await line.next()).value)));
      expect(admitted.reduce((sum, each) => sum + each, 0)).toBe(400);
      await Promise.all(exits);
    });

    it("leaves only prefixed keys that expire", async () => {
      await using counter = await open();
      await counter.take("mine", limit);
      const client = await createClient({ url: server.url }).connect();
      const keys = await client.keys("*");
      expect(keys).toContain("charter:rate:mine");
      for (const key of keys) {
        expect(key).toMatch(/^charter:rate:/);
        const leftMs = await client.pTTL(key);
        expect(leftMs).toBeGreaterThan(0);
        expect(leftMs).toBeLessThanOrEqual(2 * limit.windowMs);
      }
      client.destroy();
    });

    it("goes on after the server has forgotten its scripts", async () => {
      await using counter = await open();
      await counter.take("flushed", limit);
      const client = await createClient({ url: server.url }).connect();
      await client.scriptFlush();
      client.destroy();
      expect(await counter.take("flushed", limit)).toMatchObject({ allowed: true, remaining: 3 });
    });

    it("counts alone while the server is gone, says so once, and shares again when it is back", async () => {
      const { log, lines } = keptLog();
      await using one = await open(log);
      await using other = await open();
      expect(await admittedOf(one, "outage", 3)).toBe(3);
      await server.kill();
      // What this process had admitted counts on; the other one had admitted nothing.
      expect(await admittedOf(one, "outage", 10)).toBe(2);
      expect(await admittedOf(other, "outage", 10)).toBe(5);
      expect(lines.filter((line) => line.startsWith("warn"))).toHaveLength(1);
      expect(lines.join()).not.toContain(new URL(server.url).password);
      await server.restart();
      await until(() => lines.some((line) => line.startsWith("info")));
      await until(async () => (await one.take("probe-1", limit)) && (await other.peek("probe-1", limit)).remaining < 5);
      expect(await admittedOf(one, "again", 3)).toBe(3);
      expect(await admittedOf(other, "again", 10)).toBe(2);
      expect(lines).toHaveLength(2);
    });

    it("does not wait for a server that has stopped answering", async () => {
      const { log, lines } = keptLog();
      await using counter = await open(log, 1000);
      server.pause();
      try {
        expect(await admittedOf(counter, "paused", 10)).toBe(5);
        expect(lines).toHaveLength(1);
      } finally {
        server.resume();
      }
      await until(() => lines.length === 2);
      expect(await counter.take("resumed", limit)).toMatchObject({ allowed: true, remaining: 4 });
    });

    it("opens without a server and finds it later", async () => {
      await server.kill();
      const { log, lines } = keptLog();
      await using counter = await open(log);
      expect(await admittedOf(counter, "early", 10)).toBe(5);
      await server.restart();
      await until(() => lines.some((line) => line.startsWith("info")));
      expect(await admittedOf(counter, "early", 10)).toBe(5);
    });

    it("counts alone when the server refuses the password", async () => {
      const { log, lines } = keptLog();
      const url = new URL(server.url);
      url.password = "wrong";
      await using counter = await openRedisCounter({ url: url.href, timeoutMs: 50, clock: systemClock, log });
      expect(await admittedOf(counter, "wrong", 10)).toBe(5);
      expect(lines).toHaveLength(1);
    });

    it("refuses a URL that is none of Redis", async () => {
      await expect(
        openRedisCounter({ url: "http://127.0.0.1", timeoutMs: 50, clock: systemClock, log: silentLog }),
      ).rejects.toThrow();
    });
  });
});
