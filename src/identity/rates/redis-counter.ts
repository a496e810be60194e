// Counts in a Redis or Valkey server that several processes share. Promises beside those of the port:
//
// 1. One script does a whole take, by the server's own clock, so that processes need not agree on the time.
// 2. A take waits at most `timeoutMs` for the server. After that, limits hold per process: a local counter goes on, which
//    has counted along, so that an outage gives nobody who used this process a fresh start.
// 3. An outage is logged once when it begins and once when it ends, and ends by itself. What was admitted meanwhile is
//    not added to the server's counts.
//
// Keys are prefixed and expire; a server that evicts keys for room forgets limits, so it must not (`noeviction`).
import { createClient, defineScript } from "@redis/client";
import type { CommandParser } from "@redis/client";
import type { Clock } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/ctx.ts";
import { within } from "../../kernel/within.ts";
import type { Counter, Limit, Taken } from "./counter.ts";
import { MemoryCounter } from "./memory-counter.ts";
import { standing } from "./window.ts";

/** Longest wait for a connection, milliseconds; also for the first one, before the driver starts counting alone. */
const connectMs = 2000;
/** Time between looks at a server that did not answer, milliseconds. */
const probeMs = 500;
/** Longest wait between attempts to connect again, milliseconds. */
const maxReconnectMs = 1000;
/** A connection on which nothing comes in for so long is dead; the pings keep a live one busy. Milliseconds. */
const silenceMs = 10_000;
const pingEveryMs = 3000;
/** What every key in the server begins with. */
const prefix = "charter:rate:";

/**
 * The arithmetic of window.ts in the server: KEYS the key; ARGV limit, window in milliseconds, units (0 only looks).
 * The hash holds the start of the current bucket and the units in both; it expires when it no longer counts.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local start = now - now % window
local held = redis.call('HMGET', KEYS[1], 's', 'p', 'c')
local behind = start - (tonumber(held[1]) or 0)
local previous, current = tonumber(held[2]) or 0, tonumber(held[3]) or 0
if behind > 0 then
  previous = behind == window and current or 0
  current = 0
end
local elapsed = now - start
local fits = previous * (window - elapsed) + (current + math.max(cost, 1)) * window <= limit * window
if fits and cost > 0 then
  current = current + cost
  redis.call('HSET', KEYS[1], 's', start, 'p', previous, 'c', current)
  redis.call('PEXPIRE', KEYS[1], 2 * window - elapsed)
end
return {fits and 1 or 0, previous, current, elapsed}
`;

const take = defineScript({
  SCRIPT: script,
  NUMBER_OF_KEYS: 1,
  parseCommand(parser: CommandParser, key: string, { limit, windowMs }: Limit, cost: number) {
    parser.pushKey(key);
    parser.push(String(limit), String(windowMs), String(cost));
  },
  transformReply: (reply: readonly number[]) => reply,
});

/** What the driver is opened with. */
export interface RedisCounterParts {
  /** `redis://` or, over TLS, `rediss://`; may hold a password. */
  readonly url: string;
  /** Longest wait for one answer, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Opens the driver; when the server cannot be reached within two seconds it opens all the same and counts alone.
 * @throws Error when the URL is none of Redis.
 */
export async function openRedisCounter(parts: RedisCounterParts): Promise<Counter> {
  const counter = new RedisCounter(parts);
  await counter.connect();
  return counter;
}

function clientOf(url: string) {
  return createClient({
    url,
    name: "charter",
    scripts: { take },
    disableOfflineQueue: true,
    pingInterval: pingEveryMs,
    socket: {
      connectTimeout: connectMs,
      socketTimeout: silenceMs,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 10), maxReconnectMs),
    },
  });
}

class RedisCounter implements Counter {
  readonly #client: ReturnType<typeof clientOf>;
  readonly #local: MemoryCounter;
  readonly #log: Log;
  readonly #timeoutMs: number;
  /** The next look at the server; set during an outage and only then. */
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ url, timeoutMs, clock, log }: RedisCounterParts) {
    this.#timeoutMs = timeoutMs;
    this.#local = new MemoryCounter(clock);
    this.#log = log;
    this.#client = clientOf(url);
    this.#client.on("error", (error: unknown) => this.#lost(error));
  }

  async connect(): Promise<void> {
    await within(connectMs, this.#client.connect()).catch((error: unknown) => this.#lost(error));
  }

  async take(key: string, limit: Limit, cost = 1): Promise<Taken> {
    const taken = await this.#asked(key, limit, cost);
    if (taken === undefined) return this.#local.take(key, limit, cost);
    if (taken.allowed) this.#local.take(key, limit, cost);
    return taken;
  }

  async peek(key: string, limit: Limit): Promise<Taken> {
    return (await this.#asked(key, limit, 0)) ?? this.#local.peek(key, limit);
  }

  async clear(key: string): Promise<void> {
    this.#local.clear(key);
    if (this.#probe !== undefined || this.#closed) return;
    await within(this.#timeoutMs, this.#client.del(prefix + key)).catch((error: unknown) => this.#lost(error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probe);
    if (this.#client.isOpen) this.#client.destroy();
    await this.#local[Symbol.asyncDispose]();
  }

  /** The server's answer; undefined when there is none and the process counts alone. */
  async #asked(key: string, limit: Limit, cost: number): Promise<Taken | undefined> {
    if (this.#probe !== undefined || this.#closed) return undefined;
    try {
      const reply = await within(this.#timeoutMs, this.#client.take(prefix + key, limit, cost));
      const [fits = 0, previous = 0, current = 0, elapsedMs = 0] = reply;
      return standing({ previous, current, elapsedMs }, limit, fits === 1);
    } catch (error) {
      this.#lost(error);
      return undefined;
    }
  }

  /** Begins an outage, unless one is going on. */
  #lost(error: unknown): void {
    if (this.#probe !== undefined || this.#closed) return;
    this.#log.warn({ err: error }, "Redis does not answer: rate limits hold per process until it does");
    this.#probeLater();
  }

  #probeLater(): void {
    this.#probe = setTimeout(() => void this.#look(), probeMs).unref();
  }

  /** Looks whether the server is back. */
  async #look(): Promise<void> {
    try {
      // A client that gave up, for example on a refused password, is told to begin again.
      if (!this.#client.isOpen) await within(connectMs, this.#client.connect());
      await within(this.#timeoutMs, this.#client.ping());
    } catch {
      if (!this.#closed) this.#probeLater();
      return;
    }
    if (this.#closed) return;
    this.#probe = undefined;
    this.#log.info({}, "Redis answers again: rate limits are shared");
  }
}
