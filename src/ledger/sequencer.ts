// Group commit: one commit at a time, and everything that arrives while it is being made durable shares the next one.
// There is no artificial delay; a lone writer commits at once, a hundred writers share each disk write.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Fault } from "../kernel/fault.ts";
import { maxCommitLeaves } from "../kernel/limits.ts";
import { ledgerFault } from "./errors.ts";

/** A leaf ready for the log: its bytes with length prefix, and its hash. */
export interface EncodedLeaf {
  readonly framed: Buffer;
  readonly hash: Buffer;
}

/** Leaves that must stand together in one commit. */
export interface Batch {
  readonly leaves: readonly EncodedLeaf[];
  readonly sizeBytes: number;
  /** Whether a leaf begins something new (an intent), which a full disk refuses. */
  readonly begins: boolean;
}

/** What the sequencer commits to. */
export interface CommitTarget {
  /** Makes leaves durable under a signed checkpoint; resolves with the index of the first. */
  commit(leaves: readonly EncodedLeaf[]): Promise<number>;
  /** Judges a failed commit: what its callers are told, and whether those that begin nothing may be tried once more. */
  failed(error: unknown): Promise<{ readonly fault: Fault; readonly tryAgain: boolean }>;
}

/** Largest commit in bytes, beyond a single batch that is larger; keeps one disk write short. */
export const maxCommitBytes = 4 * 1024 * 1024;
/** Most bytes that may wait for a commit; beyond it callers are turned away instead of filling the memory. */
export const maxWaitingBytes = 64 * 1024 * 1024;

interface Waiting extends Batch {
  readonly resolve: (first: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The one queue in front of a log. */
export class Sequencer {
  readonly #target: CommitTarget;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  readonly #errands: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  constructor(target: CommitTarget) {
    this.#target = target;
  }

  /** What waits for the next commit. */
  get waiting(): { readonly batches: number; readonly sizeBytes: number } {
    return { batches: this.#waiting.length, sizeBytes: this.#waitingBytes };
  }

  /** Queues leaves; resolves with the index of the first when they are durable. */
  append(batch: Batch): Promise<number> {
    if (this.#waitingBytes + batch.sizeBytes > maxWaitingBytes) {
      return Promise.reject(ledgerFault("ledger.busy", "Too many leaves wait for the disk.", { retryAfterSeconds: 1 }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.push({ ...batch, resolve, reject });
    this.#waitingBytes += batch.sizeBytes;
    this.#running ??= this.#run();
    return promise;
  }

  /** Runs work while no commit is under way, before any that waits. */
  between(work: () => Promise<void>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#errands.push(() => work().then(resolve, reject));
    this.#running ??= this.#run();
    return promise;
  }

  /** Resolves when everything that was queued has been settled. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      // One turn of the event loop: everybody whom the last commit woke queues first, and shares the next one.
      await nextTurn();
      const errand = this.#errands.shift();
      if (errand !== undefined) await errand();
      else if (this.#waiting.length > 0) await this.#commit(this.#take());
      else break;
    }
    this.#running = undefined;
  }

  /** Takes batches from the front of the queue, within the bounds of one commit but at least one. */
  #take(): Waiting[] {
    let [count, leaves, bytes] = [0, 0, 0];
    for (const batch of this.#waiting) {
      leaves += batch.leaves.length;
      bytes += batch.sizeBytes;
      if (count > 0 && (leaves > maxCommitLeaves || bytes > maxCommitBytes)) break;
      count++;
    }
    const taken = this.#waiting.splice(0, count);
    for (const batch of taken) this.#waitingBytes -= batch.sizeBytes;
    return taken;
  }

  async #commit(batches: readonly Waiting[]): Promise<void> {
    try {
      await this.#commitOnce(batches);
    } catch (error) {
      const { fault, tryAgain } = await this.#target.failed(error);
      const again = tryAgain ? batches.filter((batch) => !batch.begins) : [];
      for (const batch of batches) if (!again.includes(batch)) batch.reject(fault);
      if (again.length === 0) return;
      await this.#commitOnce(again).catch(async (second: unknown) => {
        const { fault } = await this.#target.failed(second);
        for (const batch of again) batch.reject(fault);
      });
    }
  }

  async #commitOnce(batches: readonly Waiting[]): Promise<void> {
    const only = batches.length === 1 ? batches[0]?.leaves : undefined;
    let first = await this.#target.commit(only ?? batches.flatMap((batch) => batch.leaves));
    for (const batch of batches) {
      batch.resolve(first);
      first += batch.leaves.length;
    }
  }
}
