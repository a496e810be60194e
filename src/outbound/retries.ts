// How long to wait before a retry, and how many retries all calls together get.
//
// The budget keeps a failing upstream from being hit by several times its usual load: beyond a small allowance, retries
// are a fifth of the calls and no more, however many calls fail.
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";

/** How waits grow. */
export interface BackoffTerms {
  /** Upper end of the first wait, milliseconds. */
  readonly baseMs: number;
  /** Upper end of any wait, milliseconds. */
  readonly capMs: number;
}

/** The waits that Charter makes: short, since a person may be waiting and there are other deployments. */
export const backoffTerms: BackoffTerms = { baseMs: 100, capMs: 5000 };

/**
 * How long to wait before retry number `attempt` (from 0), milliseconds, by full jitter: random between 0 and
 * min(cap, base * 2 ** attempt). Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param random a number in [0, 1)
 */
export function backoffMs(attempt: number, random: () => number, terms: BackoffTerms = backoffTerms): number {
  return Math.floor(random() * Math.min(terms.capMs, terms.baseMs * 2 ** attempt));
}

/** How many retries there are. */
export interface RetryTerms {
  /** Retries that each call earns. */
  readonly perCall: number;
  /** Retries that each second earns, so that a quiet upstream is retried too. */
  readonly perSecond: number;
  /** Most that can be saved up. */
  readonly most: number;
}

/** The terms that Charter runs with: a fifth of the calls plus two a second, of which ten seconds' worth can be saved. */
export const retryTerms: RetryTerms = { perCall: 0.2, perSecond: 2, most: 20 };

/**
 * The retries that the calls of one upstream share: a token bucket. In any stretch of time with `n` calls over `t` seconds,
 * at most `most + perCall * n + perSecond * t` retries are granted.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #terms: RetryTerms;
  #tokens: number;
  #filledMs: number;

  constructor(clock: Clock, terms: RetryTerms = retryTerms) {
    this.#clock = steady(clock);
    this.#terms = terms;
    this.#tokens = terms.most;
    this.#filledMs = this.#clock.nowMs();
  }

  /** A call begins; its retries are not calls. */
  call(): void {
    this.#add(this.#terms.perCall);
  }

  /** Takes one retry; false when there is none left, and then the failure stands. */
  tryRetry(): boolean {
    const nowMs = this.#clock.nowMs();
    const passedMs = nowMs - this.#filledMs;
    this.#filledMs = nowMs;
    this.#add((passedMs / 1000) * this.#terms.perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #add(tokens: number): void {
    this.#tokens = Math.min(this.#terms.most, this.#tokens + tokens);
  }
}
