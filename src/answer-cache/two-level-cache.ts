// The memory of this process before a store that processes share. Promises:
//
// 1. What comes out was sealed for the very address that was asked under, and its time is not over. Anything else is a
//    miss, is dropped, and is reported: it means that a store or a key is wrong.
// 2. What the shared store answers is put into memory for the rest of its life.
// 3. A store that fails is a miss.
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Address, Partition } from "./address.ts";
import type { HeldAnswer } from "./answer.ts";
import { openRecord } from "./record.ts";
import type { AnswerStore, NearStore, StoreStats } from "./store.ts";

/** By how much the clocks of two processes may differ, milliseconds; an answer from further ahead is ignored. */
const maxSkewMs = 60_000;

/** What the tiers are opened with. */
export interface TiersParts {
  readonly near: NearStore;
  readonly far?: AnswerStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** Both tiers as one. */
export class TwoLevelCache implements AsyncDisposable {
  readonly #near: NearStore;
  readonly #far: AnswerStore | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  #rejected = 0;

  constructor({ near, far, clock, log }: TiersParts) {
    this.#near = near;
    this.#far = far;
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether there is a store behind the memory, which has to be waited for. */
  get hasFar(): boolean {
    return this.#far !== undefined;
  }

  /** Records that were held for something else than what was asked. */
  get rejected(): number {
    return this.#rejected;
  }

  /** What memory has, at once. */
  findNear(address: Address): HeldAnswer | undefined {
    const record = this.#near.get(address);
    return record === undefined ? undefined : this.#opened(address, record, this.#near);
  }

  /** What the shared store has. Never rejects. */
  async findFar(address: Address): Promise<HeldAnswer | undefined> {
    const far = this.#far;
    const record = await far?.get(address);
    if (far === undefined || record === undefined) return undefined;
    const answer = this.#opened(address, record, far);
    if (answer !== undefined) this.#near.put(address, record, answer.expiresMs - this.#clock.nowMs());
    return answer;
  }

  /** Keeps a record in both; does not wait for the shared store. */
  keep(address: Address, record: Buffer, lifetimeMs: number): void {
    this.#near.put(address, record, lifetimeMs);
    void this.#far?.put(address, record, lifetimeMs);
  }

  /** Forgets all answers of a partition. @throws Error when the shared store cannot be told. */
  async clear(partition: Partition): Promise<void> {
    this.#near.clear(partition);
    await this.#far?.clear(partition);
    // What was on its way out of the shared store meanwhile is in memory now.
    this.#near.clear(partition);
  }

  stats(): { readonly near: StoreStats; readonly far: StoreStats | undefined } {
    return { near: this.#near.stats(), far: this.#far?.stats() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#near[Symbol.asyncDispose]();
    await this.#far?.[Symbol.asyncDispose]();
  }

  #opened(address: Address, record: Buffer, store: AnswerStore): HeldAnswer | undefined {
    const opened = openRecord(record, address);
    if (opened.answer === undefined) {
      this.#rejected++;
      this.#log.error(
        { key: address.key, differs: opened.differs },
        "A stored answer is not what its key says: dropped",
      );
      void store.drop(address);
      return undefined;
    }
    const nowMs = this.#clock.nowMs();
    const { createdMs, expiresMs } = opened.answer;
    return nowMs < expiresMs && createdMs <= nowMs + maxSkewMs ? opened.answer : undefined;
  }
}
