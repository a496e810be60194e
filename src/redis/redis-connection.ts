// One connection to a Redis or Valkey server whose answers are a help and never a need. Promises:
//
// 1. Asking takes at most `timeoutMs`; there is then no answer, and none is asked for until the server is back.
// 2. An outage is logged once when it begins and once when it ends, and ends by itself.
// 3. A server that refuses a command is there all the same: the refusal counts as no answer and is logged once per kind.
import { hash } from "node:crypto";
import { ErrorReply, RESP_TYPES, createClient } from "@redis/client";
import type { Log } from "../kernel/ctx.ts";
import { within } from "../kernel/within.ts";

/** Longest wait for a connection, milliseconds; also for the first one. */
const connectMs = 2000;
/** Time between looks at a server that did not answer, milliseconds. */
const probeMs = 500;
/** Longest wait between attempts to connect again, milliseconds. */
const maxReconnectMs = 1000;
/** A connection on which nothing comes in for so long is dead; the pings keep a live one busy. Milliseconds. */
const silenceMs = 10_000;
const pingEveryMs = 3000;
/** Longest wait for one command that no call waits for, milliseconds. */
const backgroundMs = 5000;

/** What the connection is opened with. */
export interface RedisConnectionParts {
  /** `redis://` or, over TLS, `rediss://`; may hold a password. */
  readonly url: string;
  /** Longest wait for one answer, milliseconds. */
  readonly timeoutMs: number;
  readonly log: Log;
  /** The two lines of an outage: what holds while the server is gone, and when it is back. */
  readonly texts: { readonly lost: string; readonly back: string };
}

/** The client, whose replies of bytes are Buffers. @throws Error when the URL is none of Redis. */
function clientOf(url: string) {
  return createClient({
    url,
    name: "charter",
    disableOfflineQueue: true,
    pingInterval: pingEveryMs,
    socket: {
      connectTimeout: connectMs,
      socketTimeout: silenceMs,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 10), maxReconnectMs),
    },
  }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}

/** What commands are sent through. */
export type RedisClient = ReturnType<typeof clientOf>;

/** A Lua script that the server keeps by its digest. */
export class RedisScript {
  readonly #text: string;
  readonly #digest: string;

  constructor(text: string) {
    this.#text = text;
    this.#digest = hash("sha1", text);
  }

  /** The script's reply; sends its text only where the server does not have it. @throws ErrorReply */
  async run(client: RedisClient, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    const parameters = { keys: [...keys], arguments: values.map(String) };
    try {
      return await client.evalSha(this.#digest, parameters);
    } catch (error) {
      if (!(error instanceof ErrorReply) || !error.message.startsWith("NOSCRIPT")) throw error;
      return client.eval(this.#text, parameters);
    }
  }
}

/** The connection. */
export class RedisConnection implements AsyncDisposable {
  readonly #client: RedisClient;
  readonly #parts: RedisConnectionParts;
  /** The next look at the server; set during an outage and only then. */
  #probe: NodeJS.Timeout | undefined;
  #closed = false;
  /** The first words of the refusals that were logged: `OOM`, `WRONGTYPE` and a few more exist. */
  readonly #refusals = new Set<string>();

  constructor(parts: RedisConnectionParts) {
    this.#parts = parts;
    this.#client = clientOf(parts.url);
    this.#client.on("error", (error: unknown) => this.#lost(error));
  }

  /** Connects; when that takes longer than two seconds, it goes on by itself. Never rejects. */
  async connect(): Promise<void> {
    await within(connectMs, this.#client.connect()).catch((error: unknown) => this.#lost(error));
  }

  /** The server's answer; undefined when there is none. Never rejects. */
  async ask<T>(command: (client: RedisClient) => Promise<T>): Promise<T | undefined> {
    if (this.#probe !== undefined || this.#closed) return undefined;
    try {
      return await within(this.#parts.timeoutMs, command(this.#client));
    } catch (error) {
      if (error instanceof ErrorReply) this.#refused(error);
      else this.#lost(error);
      return undefined;
    }
  }

  /** The server's answer, waited for with more patience. @throws Error when there is none. */
  async insist<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    return within(Math.max(backgroundMs, this.#parts.timeoutMs), command(this.#client));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probe);
    if (this.#client.isOpen) this.#client.destroy();
  }

  #refused(error: ErrorReply): void {
    const [kind = ""] = error.message.split(" ", 1);
    if (this.#refusals.has(kind)) return;
    this.#refusals.add(kind);
    this.#parts.log.warn({ err: error }, "Redis refuses a command: said once for each kind of refusal");
  }

  /** Begins an outage, unless one is going on. */
  #lost(error: unknown): void {
    if (this.#probe !== undefined || this.#closed) return;
    this.#parts.log.warn({ err: error }, this.#parts.texts.lost);
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
      await within(this.#parts.timeoutMs, this.#client.ping());
    } catch {
      if (!this.#closed) this.#probeLater();
      return;
    }
    if (this.#closed) return;
    this.#probe = undefined;
    this.#parts.log.info({}, this.#parts.texts.back);
  }
}
