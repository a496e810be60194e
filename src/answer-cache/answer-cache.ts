// The cache of answers: what the gateway asks before it calls a model. Promises:
//
// 1. Never across partitions: an answer, kept or under way, reaches only callers of the partition that it was made for.
// 2. Opt-in: a lifetime of 0 means that nothing is read, kept or shared.
// 3. Of identical calls at the same time one is made and the others follow it (flight.ts). Its failure is not theirs:
//    they ask again, `maxFollows` times, and then each calls for itself.
// 4. What is kept: whole replies that hold something and ended well, up to `maxAnswerBytes`. Never a failure, a stream
//    that broke, a filtered or refused reply, one without the form asked for, or one that ended for no known reason.
// 5. The cache never fails a call: where it cannot help, the caller leads. It refuses only `only-if-cached`.
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { FairShare } from "../kernel/fair-share.ts";
import type { StreamEvent } from "../models/index.ts";
import { differenceOf } from "./address.ts";
import type { Address, Partition } from "./address.ts";
import { isWorthKeeping } from "./answer.ts";
import type { Answer, HeldAnswer } from "./answer.ts";
import type { CacheControl } from "./cache-control.ts";
import { cacheFault } from "./errors.ts";
import { SingleFlight } from "./single-flight.ts";
import type { Producer } from "./single-flight.ts";
import { maxLifetimeMs } from "./lifetimes.ts";
import { openRecord, sealRecord } from "./record.ts";
import type { AnswerStore, NearStore, StoreStats } from "./store.ts";
import { TwoLevelCache } from "./two-level-cache.ts";

/** Largest answer that is kept, bytes: about twice the longest text that a model writes in one reply. */
const defaultMaxAnswerBytes = 1024 * 1024;

/** Most bytes of streams under way that are held for followers and for keeping, all together. */
const defaultMaxHeldBytes = 32 * 1024 * 1024;

/** How often a caller follows a call that then fails before it makes its own. */
const maxFollows = 2;

/** What a caller asks. */
export interface Query {
  readonly address: Address;
  /** How long an answer may live, milliseconds; 0 turns the cache off for this call. */
  readonly ttlMs: number;
  readonly control: CacheControl;
  /** The caller wants the answer as a stream. */
  readonly stream: boolean;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

/** What the gateway does next. */
export type Turn =
  /** Answers with what is held. `coalesced` when it was made for a call that ran at the same time. */
  | { readonly kind: "hit"; readonly answer: HeldAnswer; readonly ageSeconds: number; readonly coalesced: boolean }
  /** Passes on a stream that is under way; it may break as any stream may, with the leader's error. */
  | { readonly kind: "follow"; readonly pieces: AsyncIterable<StreamEvent> }
  /** A miss: calls the model, and tells `lead` what comes. */
  | { readonly kind: "lead"; readonly lead: Producer }
  /** Calls the model and tells no one. */
  | { readonly kind: "bypass" };

/** What the answer's header `X-Charter-Cache` says of a turn. */
export function cacheWord({ kind }: Turn): "hit" | "miss" | "bypass" {
  if (kind === "bypass") return "bypass";
  return kind === "lead" ? "miss" : "hit";
}

/** What the cache has done since it was opened. */
export interface CacheStats {
  /** Callers answered with a kept answer. */
  readonly hits: number;
  /** Callers answered by following another's call; not among `hits`. */
  readonly coalesced: number;
  /** Callers that had to call. */
  readonly misses: number;
  readonly bypasses: number;
  /** Answers kept. */
  readonly kept: number;
  /** Answers not worth keeping, too large to keep, or overtaken by a `clear`. */
  readonly notKept: number;
  /** Records that were held for something else than what was asked; above 0 something is wrong. */
  readonly rejected: number;
  /** Calls under way that others can follow. */
  readonly flights: number;
  /** Bytes of streams under way that are held, an estimate. */
  readonly heldBytes: number;
  readonly near: StoreStats;
  readonly far: StoreStats | undefined;
}

/** What the cache is opened with; the defaults are the limits named above. */
export interface AnswerCacheParts {
  readonly near: NearStore;
  readonly far?: AnswerStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxAnswerBytes?: number;
  readonly maxHeldBytes?: number;
}

/** The cache of answers. */
export class AnswerCache implements AsyncDisposable {
  readonly #tiers: TwoLevelCache;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxAnswerBytes: number;
  readonly #held: FairShare;
  readonly #flights = new Map<string, SingleFlight>();
  /** How often anything was cleared: what was begun before is not kept after it. */
  #clearings = 0;
  #hits = 0;
  #coalesced = 0;
  #misses = 0;
  #bypasses = 0;
  #kept = 0;
  #notKept = 0;

  constructor(parts: AnswerCacheParts) {
    this.#tiers = new TwoLevelCache(parts);
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#maxAnswerBytes = parts.maxAnswerBytes ?? defaultMaxAnswerBytes;
    this.#held = new FairShare(parts.maxHeldBytes ?? defaultMaxHeldBytes);
  }

  /**
   * What to do for a call; at once where no store has to be waited for and no call is followed.
   * @throws `cache.not_stored` for `only-if-cached` without a stored answer; the signal's reason when the caller leaves.
   */
  ask(query: Query): Turn | Promise<Turn> {
    const { control, ttlMs, address } = query;
    if (!(ttlMs > 0) || control.noStore) return this.pass(control);
    if (!control.noCache) {
      const near = this.#tiers.findNear(address);
      if (near !== undefined && this.#suits(near, query)) return this.#hit(near, false);
      if (control.onlyIfCached) return this.#onlyFar(query);
      const flight = this.#flightOf(address);
      if (flight !== undefined) return this.#follow(query, flight, 1);
    } else if (control.onlyIfCached) {
      return this.#notStored();
    }
    return this.#lead(query, !control.noCache);
  }

  /** What to do for a call whose answer is neither looked for nor kept. @throws `cache.not_stored` for `only-if-cached`. */
  pass({ onlyIfCached }: CacheControl): Turn {
    if (onlyIfCached) return this.#notStored();
    this.#bypasses++;
    return { kind: "bypass" };
  }

  /**
   * A kept answer, looked for outside a call, as for the neighbour that a semantic index has found. It counts as nothing.
   */
  async peek(query: Query): Promise<HeldAnswer | undefined> {
    if (!(query.ttlMs > 0) || query.control.noStore || query.control.noCache) return undefined;
    const near = this.#tiers.findNear(query.address);
    const held = near ?? (await this.#tiers.findFar(query.address));
    return held !== undefined && this.#suits(held, query) ? held : undefined;
  }

  /** Whole seconds since an answer was made. */
  ageSeconds({ createdMs }: HeldAnswer): number {
    return Math.max(0, Math.floor((this.#clock.nowMs() - createdMs) / 1000));
  }

  /**
   * Forgets all answers of a partition, and keeps none of those under way. Other processes may show for five minutes
   * more what they hold in their own memory. @throws Error when the shared store cannot be told.
   */
  async clear(partition: Partition): Promise<void> {
    this.#clearings++;
    for (const [key, { address }] of this.#flights) {
      if (address.partition === partition) this.#flights.delete(key);
    }
    await this.#tiers.clear(partition);
  }

  stats(): CacheStats {
    return {
      hits: this.#hits,
      coalesced: this.#coalesced,
      misses: this.#misses,
      bypasses: this.#bypasses,
      kept: this.#kept,
      notKept: this.#notKept,
      rejected: this.#tiers.rejected,
      flights: this.#flights.size,
      heldBytes: this.#held.held,
      ...this.#tiers.stats(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tiers[Symbol.asyncDispose]();
  }

  /** Whether an answer may be shown to this caller: fresh enough, and streamable when a stream is wanted. */
  #suits(held: HeldAnswer, { control, ttlMs, stream }: Query): boolean {
    // The lifetime that holds now, which may have become shorter since the answer was kept.
    const maxAgeMs = Math.min(ttlMs, (control.maxAgeSeconds ?? Infinity) * 1000);
    return (held.streams || !stream) && this.#clock.nowMs() - held.createdMs <= maxAgeMs;
  }

  #hit(answer: HeldAnswer, coalesced: boolean): Turn {
    if (coalesced) this.#coalesced++;
    else this.#hits++;
    return { kind: "hit", answer, ageSeconds: this.ageSeconds(answer), coalesced };
  }

  #notStored(): never {
    throw cacheFault("cache.not_stored", "No stored answer may be used for this call.", { at: "cache-control" });
  }

  async #onlyFar(query: Query): Promise<Turn> {
    const far = await this.#tiers.findFar(query.address);
    return far !== undefined && this.#suits(far, query) ? this.#hit(far, false) : this.#notStored();
  }

  /** The call under way for an address. That it was begun for this very address is looked at again, as with what is kept. */
  #flightOf(address: Address): SingleFlight | undefined {
    const flight = this.#flights.get(address.key);
    const differs = flight === undefined ? undefined : differenceOf(flight.address, address);
    if (differs === undefined) return flight;
    this.#log.error({ key: address.key, differs }, "A call under way is not what its key says: not followed");
    return undefined;
  }

  async #follow(query: Query, flight: SingleFlight, follows: number): Promise<Turn> {
    const followed = await flight.follow(query.stream, query.signal);
    if (followed.kind === "stream") {
      this.#coalesced++;
      return { kind: "follow", pieces: followed.pieces };
    }
    if (followed.kind === "answer") {
      const { answer } = openRecord(followed.record, query.address);
      if (answer !== undefined && this.#suits(answer, query)) return this.#hit(answer, true);
    }
    const next = this.#flightOf(query.address);
    if (next !== undefined && follows < maxFollows) return this.#follow(query, next, follows + 1);
    return this.#lead(query, false);
  }

  /** Makes the caller the leader, once the shared store has nothing for it. @param reads Look there first. */
  #lead(query: Query, reads: boolean): Turn | Promise<Turn> {
    const { address, signal, ttlMs } = query;
    const clearings = this.#clearings;
    const flight = new SingleFlight({
      address,
      caller: signal,
      held: this.#held,
      maxBytes: this.#maxAnswerBytes,
      keep: (answer) => this.#keep(address, answer, Math.min(ttlMs, maxLifetimeMs), clearings),
      closed: (closed) => {
        if (this.#flights.get(address.key) === closed) this.#flights.delete(address.key);
      },
    });
    // One that runs already is followed by those who may: this caller does not want it, or has followed often enough.
    if (!signal.aborted && !this.#flights.has(address.key)) this.#flights.set(address.key, flight);
    if (reads && this.#tiers.hasFar) return this.#leadUnlessFar(query, flight);
    this.#misses++;
    return { kind: "lead", lead: flight };
  }

  /** Those who ask meanwhile follow the flight, so that one question goes to the shared store for all of them. */
  async #leadUnlessFar(query: Query, flight: SingleFlight): Promise<Turn> {
    const far = await this.#tiers.findFar(query.address);
    if (far !== undefined && this.#suits(far, query)) {
      flight.adopt(far);
      return this.#hit(far, false);
    }
    if (query.signal.aborted) {
      flight.fail(query.signal.reason);
      query.signal.throwIfAborted();
    }
    this.#misses++;
    return { kind: "lead", lead: flight };
  }

  #keep(address: Address, answer: Answer, lifetimeMs: number, clearings: number): Buffer | undefined {
    const isSmall = (answer.body?.length ?? 0) <= this.#maxAnswerBytes;
    const record =
      isSmall && isWorthKeeping(answer) ? sealRecord(address, answer, this.#clock.nowMs(), lifetimeMs) : undefined;
    if (record === undefined || record.byteLength > this.#maxAnswerBytes || clearings !== this.#clearings) {
      this.#notKept++;
      return undefined;
    }
    this.#tiers.keep(address, record, lifetimeMs);
    this.#kept++;
    return record;
  }
}
