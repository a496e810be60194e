// Mail that is on its way. Queueing a mail returns at once: whether and when it is delivered changes no answer.
//
// 1. A mail that fails is tried again a few times, each time later; then it is given up, and the log says so.
// 2. Disposing of the outbox tries what is left once more and waits for it, for a bounded time.
// 3. The log holds neither addresses nor texts.
import { randomInt } from "node:crypto";
import type { Log } from "../../kernel/ctx.ts";
import type { Mail, Mailer } from "./mailer.ts";

/** Limits of an outbox. */
export interface OutboxLimits {
  /** Bounds of the wait before the first try, which is random, milliseconds. */
  readonly startAfterMs: readonly [least: number, most: number];
  /** Waits before the second try and those after it, milliseconds. */
  readonly retryAfterMs: readonly number[];
  /** Most mails that wait; further ones are dropped. */
  readonly mostWaiting: number;
  /** Most mails that are being sent at a time. */
  readonly mostAtOnce: number;
  /** How long a closing outbox waits for what it is sending, milliseconds. */
  readonly drainMs: number;
}

const ordinary: OutboxLimits = {
  // Later than the answer to the request that caused the mail, whose time must not tell that there is one.
  startAfterMs: [100, 400],
  // A restart of the mail server is over after a minute, greylisting after five (RFC 6647 section 2.5).
  retryAfterMs: [1_000, 15_000, 60_000, 360_000],
  mostWaiting: 10_000,
  mostAtOnce: 4,
  drainMs: 5_000,
};

interface Waiting {
  readonly mail: Mail;
  tries: number;
}

/** Takes mail and sends it in the background. */
export class Outbox implements AsyncDisposable {
  readonly #mailer: Mailer;
  readonly #log: Log;
  readonly #limits: OutboxLimits;
  readonly #ready: Waiting[] = [];
  readonly #later = new Map<Waiting, NodeJS.Timeout>();
  readonly #sending = new Set<Promise<void>>();
  #closing = false;

  constructor(mailer: Mailer, log: Log, limits: Partial<OutboxLimits> = {}) {
    this.#mailer = mailer;
    this.#log = log;
    this.#limits = { ...ordinary, ...limits };
  }

  /** Takes a mail. Never fails and never waits. */
  post(mail: Mail): void {
    if (this.#closing || this.#ready.length + this.#later.size >= this.#limits.mostWaiting) {
      this.#log.error({ waiting: this.#ready.length }, "a mail was dropped: the outbox is full or closed");
      return;
    }
    const [least, most] = this.#limits.startAfterMs;
    this.#sendAfter({ mail, tries: 0 }, randomInt(least, most + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    for (const [waiting, timer] of this.#later) {
      clearTimeout(timer);
      this.#ready.push(waiting);
    }
    this.#later.clear();
    const drained = (async () => {
      do {
        this.#sendReady();
        await Promise.all(this.#sending);
      } while (this.#ready.length > 0);
    })();
    const late = new AbortController();
    const timeout = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#limits.drainMs);
      late.signal.addEventListener("abort", () => clearTimeout(timer));
    });
    await Promise.race([drained, timeout]);
    late.abort();
    await this.#mailer[Symbol.asyncDispose]();
  }

  #sendReady(): void {
    while (this.#sending.size < this.#limits.mostAtOnce) {
      const waiting = this.#ready.shift();
      if (waiting === undefined) return;
      const sending = this.#send(waiting).finally(() => {
        this.#sending.delete(sending);
        this.#sendReady();
      });
      this.#sending.add(sending);
    }
  }

  async #send(waiting: Waiting): Promise<void> {
    try {
      await this.#mailer.send(waiting.mail);
    } catch (error) {
      const waitMs = this.#limits.retryAfterMs[waiting.tries++];
      const reason = (error as { code?: unknown }).code ?? "unknown";
      if (waitMs === undefined || this.#closing) {
        this.#log.error({ reason, tries: waiting.tries }, "a mail could not be sent and was given up");
        return;
      }
      this.#log.warn({ reason, tries: waiting.tries }, "a mail could not be sent; trying again later");
      this.#sendAfter(waiting, waitMs);
    }
  }

  #sendAfter(waiting: Waiting, waitMs: number): void {
    const timer = setTimeout(() => {
      this.#later.delete(waiting);
      this.#ready.push(waiting);
      this.#sendReady();
    }, waitMs);
    this.#later.set(waiting, timer.unref());
  }
}
