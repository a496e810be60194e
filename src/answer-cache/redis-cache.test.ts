import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  answerStoreContract,
  testAddress,
  testAnswer,
  testQuery,
  textOf,
  turnOf,
} from "../../test/contract/answer-cache.ts";
import { startRedis } from "../../test/support/servers/redis.ts";
import type { RedisServer } from "../../test/support/servers/redis.ts";
import { describeWith } from "../../test/support/servers/requires.ts";
import { systemClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Log } from "../kernel/ctx.ts";
import { partitionOf } from "./address.ts";
import { AnswerCache } from "./answer-cache.ts";
import { MemoryCache } from "./memory-cache.ts";
import { openRedisCache } from "./redis-cache.ts";
import type { RedisCacheParts } from "./redis-cache.ts";

const hourMs = 3_600_000;
const secret = randomBytes(32);

/** Tries until it is so; the time limit of the test ends it. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

/** A log that keeps the levels and texts of its lines. */
function keptLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
  return { log: { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") }, lines };
}

describeWith(["redis"], "with a Redis server", () => {
  answerStoreContract("Redis", async () => {
    const server = await startRedis();
    const store = await openRedisCache({ url: server.url, timeoutMs: 30_000, secret, log: silentLog });
    return {
      store,
      clock: systemClock,
      wait: (ms) => sleep(ms + 20),
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  });

  describe("the Redis store of answers", () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server[Symbol.asyncDispose]());
    const open = (changes: Partial<RedisCacheParts> = {}) =>
      openRedisCache({ url: server.url, timeoutMs: 30_000, secret, log: silentLog, ...changes });
    const openClient = () => createClient({ url: server.url }).connect();

    it("leaves only keys that tell no product and expire", async () => {
      await using store = await open();
      const address = testAddress("keys", "a-product");
      await store.put(address, Buffer.from("record"), hourMs);
      const client = await openClient();
      const keys = await client.keys("*");
      expect(keys).toContain(address.key);
      expect(keys.join()).not.toContain("a-product");
      const leftMs = await client.pTTL(address.key);
      expect(leftMs).toBeGreaterThan(hourMs - 60_000);
      expect(leftMs).toBeLessThanOrEqual(hourMs);
      client.destroy();
    });

    it("rejects, reports and drops what somebody else wrote, changed or moved", async () => {
      const { log, lines } = keptLog();
      await using store = await open({ log, maxRecordBytes: 1000 });
      const [own, other] = [testAddress("own"), testAddress("other")];
      await store.put(own, Buffer.from("the genuine record"), hourMs);
      const client = await openClient();
      const forgeries: readonly (() => Promise<unknown>)[] = [
        () => client.set(other.key, "short"),
        () => client.set(other.key, Buffer.concat([randomBytes(32), Buffer.from("the genuine record")])),
        () => client.set(other.key, Buffer.alloc(2000)),
        () => client.copy(own.key, other.key, { REPLACE: true }),
      ];
      for (const [i, forge] of forgeries.entries()) {
        await forge();
        expect(await store.get(other)).toBeUndefined();
        expect(store.stats().rejected).toBe(i + 1);
        await until(async () => (await client.exists(other.key)) === 0);
      }
      await client.setRange(own.key, 40, "f");
      expect(await store.get(own)).toBeUndefined();
      expect(lines.filter((line) => line.startsWith("error"))).toHaveLength(forgeries.length + 1);
      client.destroy();
    });

    it("takes a refusal of the server for a miss, says so once, and goes on", async () => {
      const { log, lines } = keptLog();
      await using store = await open({ log });
      const [list, other] = [testAddress("list"), testAddress("beside the list")];
      const client = await openClient();
      await client.lPush(list.key, "x");
      await store.put(other, Buffer.from("y"), hourMs);
      for (let i = 0; i < 3; i++) {
        expect(await store.get(list)).toBeUndefined();
        expect((await store.get(other))?.toString()).toBe("y");
      }
      expect(lines).toEqual([expect.stringMatching(/^warn Redis refuses/)]);
      await store.put(list, Buffer.from("z"), hourMs);
      expect((await store.get(list))?.toString()).toBe("z");
      client.destroy();
    });

    it("does not read what was written with another secret", async () => {
      await using one = await open();
      await using stranger = await open({ secret: randomBytes(32) });
      await one.put(testAddress("secret"), Buffer.from("x"), hourMs);
      expect(await stranger.get(testAddress("secret"))).toBeUndefined();
    });

    it("writes nothing that is larger than it would read", async () => {
      await using store = await open({ maxRecordBytes: 1000 });
      await store.put(testAddress("fits"), Buffer.alloc(1000), hourMs);
      await store.put(testAddress("large"), Buffer.alloc(1001), hourMs);
      expect((await store.get(testAddress("fits")))?.byteLength).toBe(1000);
      const client = await openClient();
      expect(await client.exists(testAddress("large").key)).toBe(0);
      client.destroy();
    });

    it("gives no answer whose own time is over, even when the server still has it", async () => {
      let nowMs = systemClock.nowMs();
      const clock = { nowMs: () => nowMs };
      await using store = await open();
      const openCache = () => new AnswerCache({ near: new MemoryCache({ clock }), far: store, clock, log: silentLog });
      const address = testAddress("expired");
      turnOf(await openCache().ask(testQuery(address, { ttlMs: 5000 })), "lead").lead.settle(testAnswer("x"));
      turnOf(await openCache().ask(testQuery(address)), "hit");
      const client = await openClient();
      await client.persist(address.key);
      client.destroy();
      nowMs += 5001;
      turnOf(await openCache().ask(testQuery(address)), "lead");
    });

    it("puts what the server has into memory, and asks the server once for many callers", async () => {
      await using store = await open();
      const openCache = () =>
        new AnswerCache({
          near: new MemoryCache({ clock: systemClock }),
          far: store,
          clock: systemClock,
          log: silentLog,
        });
      const address = testAddress("promoted");
      turnOf(await openCache().ask(testQuery(address)), "lead").lead.settle(testAnswer("x"));
      const cache = openCache();
      const before = store.stats().hits;
      const turns = await Promise.all(Array.from({ length: 20 }, async () => cache.ask(testQuery(address))));
      for (const turn of turns) expect(textOf(turnOf(turn, "hit").answer)).toBe("x");
      expect(cache.ask(testQuery(address))).toMatchObject({ kind: "hit" });
      expect(store.stats().hits).toBe(before + 1);
      expect(cache.stats()).toMatchObject({ hits: 2, coalesced: 19, misses: 0 });
    });

    it("clears more keys than one step of a scan sees", async () => {
      await using store = await open();
      const addresses = Array.from({ length: 2500 }, (_, i) => testAddress(`many ${i}`, "many"));
      await Promise.all(addresses.map(async (address) => store.put(address, Buffer.from("x"), hourMs)));
      await store.clear(partitionOf("many"));
      const left = await Promise.all(addresses.map(async (address) => store.get(address)));
      expect(left.every((record) => record === undefined)).toBe(true);
    });

    it("has no answers while the server is gone, says so once, fails no call, and goes on when it is back", async () => {
      const { log, lines } = keptLog();
      await using store = await open({ log });
      const address = testAddress("outage");
      await store.put(address, Buffer.from("x"), hourMs);
      await server.kill();
      for (let i = 0; i < 5; i++) {
        expect(await store.get(address)).toBeUndefined();
        await store.put(address, Buffer.from("y"), hourMs);
        await store.drop(address);
      }
      await expect(async () => store.clear(partitionOf("shop"))).rejects.toThrow();
      expect(lines).toEqual([expect.stringMatching(/^warn /)]);
      await server.restart();
      await until(() => lines.length === 2);
      await store.put(address, Buffer.from("z"), hourMs);
      expect((await store.get(address))?.toString()).toBe("z");
      expect(lines[1]).toMatch(/^info /);
    });

    it("does not wait for a server that has stopped answering", async () => {
      const { log, lines } = keptLog();
      await using store = await open({ log, timeoutMs: 1000 });
      const cache = new AnswerCache({
        near: new MemoryCache({ clock: systemClock }),
        far: store,
        clock: systemClock,
        log,
      });
      server.pause();
      try {
        const { lead } = turnOf(await cache.ask(testQuery(testAddress("paused"))), "lead");
        expect(lead.settle(testAnswer("x"))).toBe(true);
        expect(cache.ask(testQuery(testAddress("paused")))).toMatchObject({ kind: "hit" });
        expect(lines).toHaveLength(1);
      } finally {
        server.resume();
      }
      await until(() => lines.length === 2);
    });

    it("opens without a server, and refuses a short secret and a URL that is none of Redis", async () => {
      await using store = await open({ url: "redis://127.0.0.1:1" });
      expect(await store.get(testAddress("none"))).toBeUndefined();
      await expect(open({ secret: randomBytes(31) })).rejects.toThrow(RangeError);
      await expect(open({ url: "http://127.0.0.1" })).rejects.toThrow();
    });
  });
});
