// Answers in a Redis or Valkey server that several processes share. Promises beyond those of the port:
//
// 1. A lookup takes at most `timeoutMs`. While the server does not answer there are no answers, and no call fails by it.
// 2. Every value carries an HMAC-SHA-256 over its key and itself. A writer to the server that does not have the
//    secret can make answers vanish or come again within their lifetime, and never change one or move it to another call.
// 3. No value larger than `maxRecordBytes` is read or written, and at most 16 MiB are on their way at a time.
//
// Values are not encrypted: who can read the server can read the answers in it. Keys tell nothing but the type and which
// answers belong to one product. The server may evict as it likes (`allkeys-lru` suits).
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Log } from "../kernel/ctx.ts";
import { keyPrefix } from "./address.ts";
import type { Address, AnswerType, Partition } from "./address.ts";
import { RedisConnection } from "../redis/index.ts";
import type { AnswerStore, StoreStats } from "./store.ts";

/** Length of the HMAC in front of every value. */
const macBytes = 32;

/** Largest value, bytes; as large as the largest answer that the cache keeps unless told otherwise. */
const defaultMaxRecordBytes = 1024 * 1024;

/** Most bytes on their way to the server; a slow server must not fill this process's memory. */
const maxWritingBytes = 16 * 1024 * 1024;

/** Keys looked at in one step of a scan: some tens of microseconds of the server's time. */
const scanCount = 1000;

const types: readonly AnswerType[] = ["completion", "embedding"];

/** What the driver is opened with. */
export interface RedisCacheParts {
  /** `redis://` or, over TLS, `rediss://`; may hold a password. */
  readonly url: string;
  /** Longest wait for one answer, milliseconds. */
  readonly timeoutMs: number;
  /** At least 32 bytes, the same in all processes that share answers. Another secret makes all answers so far unreadable. */
  readonly secret: Uint8Array;
  readonly log: Log;
  readonly maxRecordBytes?: number;
}

/**
 * Opens the driver; when the server cannot be reached within two seconds it opens all the same, without answers.
 * @throws RangeError when the secret is too short; Error when the URL is none of Redis.
 */
export async function openRedisCache(parts: RedisCacheParts): Promise<AnswerStore> {
  if (parts.secret.byteLength < macBytes)
    throw new RangeError(`the secret of the cache has fewer than ${macBytes} bytes`);
  const connection = new RedisConnection({
    ...parts,
    texts: {
      lost: "Redis does not answer: answers are cached per process until it does",
      back: "Redis answers again: cached answers are shared",
    },
  });
  await connection.connect();
  return new RedisCache(connection, parts);
}

class RedisCache implements AnswerStore {
  readonly #connection: RedisConnection;
  readonly #secret: Uint8Array;
  readonly #maxRecordBytes: number;
  readonly #log: Log;
  #writingBytes = 0;
  #hits = 0;
  #misses = 0;
  #rejected = 0;

  constructor(connection: RedisConnection, { secret, log, maxRecordBytes = defaultMaxRecordBytes }: RedisCacheParts) {
    this.#connection = connection;
    this.#secret = secret;
    this.#log = log;
    this.#maxRecordBytes = maxRecordBytes;
  }

  async get({ key }: Address): Promise<Buffer | undefined> {
    const longest = macBytes + this.#maxRecordBytes;
    // One byte more than allowed shows that a value is too large, without reading all of it.
    const value = await this.#connection.ask((client) => client.getRange(key, 0, longest));
    if (value === undefined || value === null || value.byteLength === 0) {
      this.#misses++;
      return undefined;
    }
    if (value.byteLength <= macBytes || value.byteLength > longest || !this.#isGenuine(key, value)) {
      this.#misses++;
      this.#rejected++;
      this.#log.error({ key }, "A cached answer in Redis is not one that Charter wrote with this secret: dropped");
      void this.#connection.ask((client) => client.unlink(key));
      return undefined;
    }
    this.#hits++;
    return value.subarray(macBytes);
  }

  async put({ key }: Address, record: Buffer, lifetimeMs: number): Promise<void> {
    const bytes = macBytes + record.byteLength;
    const isTooMuch = record.byteLength > this.#maxRecordBytes || this.#writingBytes + bytes > maxWritingBytes;
    if (isTooMuch || !(lifetimeMs > 0)) return;
    this.#writingBytes += bytes;
    const value = Buffer.concat([this.#mac(key, record), record], bytes);
    const expiration = { type: "PX", value: Math.ceil(lifetimeMs) } as const;
    await this.#connection.ask((client) => client.set(key, value, { expiration }));
    this.#writingBytes -= bytes;
  }

  async drop({ key }: Address): Promise<void> {
    await this.#connection.ask((client) => client.unlink(key));
  }

  async clear(partition: Partition): Promise<void> {
    for (const type of types) {
      const options = { MATCH: `${keyPrefix(type, partition)}*`, COUNT: scanCount };
      let cursor = "0";
      do {
        const from = cursor;
        const page = await this.#connection.insist((client) => client.scan(from, options));
        if (page.keys.length > 0) await this.#connection.insist((client) => client.unlink(page.keys));
        cursor = page.cursor.toString();
      } while (cursor !== "0");
    }
  }

  stats(): StoreStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      evictions: 0,
      rejected: this.#rejected,
      entries: 0,
      bytes: this.#writingBytes,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  #isGenuine(key: string, value: Buffer): boolean {
    return timingSafeEqual(value.subarray(0, macBytes), this.#mac(key, value.subarray(macBytes)));
  }

  #mac(key: string, record: Buffer): Buffer {
    return createHmac("sha256", this.#secret).update(`${key}\n`).update(record).digest();
  }
}
