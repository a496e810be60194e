// Counts in a Redis or Valkey server that several processes share. Promises beyond those of the port:
//
// 1. One script does a whole take, by the server's own clock, so that processes need not agree on the time.
// 2. A take waits at most `timeoutMs` for the server. After that, limits hold per process: a local counter goes on, which
//    has counted along, so that an outage gives no one who used this process a fresh start.
// 3. An outage is logged once when it begins and once when it ends, and ends by itself. What was admitted meanwhile is
//    not added to the server's counts.
//
// Keys are prefixed and expire; a server that evicts keys for room forgets limits, so it must not (`noeviction`).
import type { Clock } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/ctx.ts";
import { RedisConnection, RedisScript } from "../../redis/index.ts";
import type { Counter, Limit, Taken } from "./counter.ts";
import { MemoryCounter } from "./memory-counter.ts";
import { takenOf } from "./window.ts";

/** What every key in the server begins with. */
const prefix = "charter:rate:";

/** How each script begins, with how a key stands at the server's time: KEYS the key; ARGV window in milliseconds, units. */
const windowNow = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local start = now - now % window
local held = redis.call('HMGET', KEYS[1], 's', 'p', 'c')
local behind = start - (tonumber(held[1]) or 0)
local previous, current = tonumber(held[2]) or 0, tonumber(held[3]) or 0
if behind > 0 then
  previous = behind == window and current or 0
  current = 0
end
`;

/**
 * The arithmetic of window.ts in the server: KEYS the key; ARGV window in milliseconds, units (0 only looks), limit.
 * The hash holds the start of the current bucket and the units in both; it expires when it no longer counts.
 */
const take = new RedisScript(`${windowNow}
local limit = tonumber(ARGV[3])
local elapsed = now - start
local fits = previous * (window - elapsed) + (current + math.max(cost, 1)) * window <= limit * window
if fits and cost > 0 then
  current = current + cost
  redis.call('HSET', KEYS[1], 's', start, 'p', previous, 'c', current)
  redis.call('PEXPIRE', KEYS[1], 2 * window - elapsed)
end
return {fits and 1 or 0, previous, current, elapsed}
`);

/** The way back: KEYS the key; ARGV window in milliseconds, units. */
const give = new RedisScript(`${windowNow}
if previous + current > 0 then
  previous = math.max(0, previous - math.max(0, cost - current))
  current = math.max(0, current - cost)
  redis.call('HSET', KEYS[1], 's', start, 'p', previous, 'c', current)
  redis.call('PEXPIRE', KEYS[1], 2 * window - (now - start))
end
return 0
`);

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
export async function openRedisCounter({ clock, ...parts }: RedisCounterParts): Promise<Counter> {
  const connection = new RedisConnection({
    ...parts,
    texts: {
      lost: "Redis does not answer: rate limits hold per process until it does",
      back: "Redis answers again: rate limits are shared",
    },
  });
  await connection.connect();
  return new RedisCounter(connection, new MemoryCounter(clock));
}

class RedisCounter implements Counter {
  readonly #connection: RedisConnection;
  readonly #local: MemoryCounter;

  constructor(connection: RedisConnection, local: MemoryCounter) {
    this.#connection = connection;
    this.#local = local;
  }

  async take(key: string, limit: Limit, cost = 1): Promise<Taken> {
    const taken = await this.#asked(key, limit, cost);
    if (taken === undefined) return this.#local.take(key, limit, cost);
    if (taken.allowed) this.#local.take(key, limit, cost);
    return taken;
  }

  async give(key: string, limit: Limit, cost = 1): Promise<void> {
    this.#local.give(key, limit, cost);
    await this.#connection.ask((client) => give.run(client, [prefix + key], [limit.windowMs, cost]));
  }

  async peek(key: string, limit: Limit): Promise<Taken> {
    return (await this.#asked(key, limit, 0)) ?? this.#local.peek(key, limit);
  }

  async clear(key: string): Promise<void> {
    this.#local.clear(key);
    await this.#connection.ask((client) => client.del(prefix + key));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
    await this.#local[Symbol.asyncDispose]();
  }

  /** The server's answer; undefined when there is none and the process counts alone. */
  async #asked(key: string, limit: Limit, cost: number): Promise<Taken | undefined> {
    const asked = [limit.windowMs, cost, limit.limit];
    const reply = await this.#connection.ask((client) => take.run(client, [prefix + key], asked));
    if (reply === undefined) return undefined;
    const [fits = 0, previous = 0, current = 0, elapsedMs = 0] = reply as readonly number[];
    return takenOf({ previous, current, elapsedMs }, limit, fits === 1);
  }
}
