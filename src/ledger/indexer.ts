// Keeps the derived index behind the log by a moment: it tails the log in large batches off the hot path, and a reader
// first waits until it has seen everything that was durable at its start.
import type { Log } from "../kernel/ctx.ts";
import { RetryPace } from "../kernel/retry-pace.ts";
import { ledgerFault } from "./errors.ts";
import { emptyPosition } from "./index-store.ts";
import type { EntryIndexStore, IndexedEntry, IndexPosition } from "./index-store.ts";
import type { Leaf } from "./leaf.ts";

/** Entries indexed in one transaction; SQLite spends some 1.5 ms on it, during which nothing else runs. */
const batchEntries = 128;
/** How long a leaf may wait for the indexer when no one asks, milliseconds. */
const indexAfterMs = 250;
/** How much longer than a batch the pause behind it is while the log grows: 4 000 entries a second, for 4 % of the time. */
const restShare = 24;

/** The log as the indexer reads it. */
export interface IndexedLog {
  readonly size: number;
  /** The leaves `from` to `to` (exclusive); undefined for those that cannot be read. */
  leaves(from: number, to: number): Promise<readonly (Leaf | undefined)[]>;
  /** The leaf hash of an entry, hex. */
  leafHash(index: number): Promise<string>;
}

/** Fills the index of one log. */
export class Indexer {
  readonly #source: IndexedLog;
  readonly #store: EntryIndexStore;
  readonly #log: Log;
  #position: IndexPosition = emptyPosition;
  /** Whether `#position` is what the database says; after a failure it may not be, since a commit's answer can be lost. */
  #checked = false;
  #busy: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** The size of the log when the last batch in the background began. */
  #seenSize = 0;
  readonly #pace = new RetryPace();
  #isHeld = false;

  constructor(source: IndexedLog, store: EntryIndexStore, log: Log) {
    this.#source = source;
    this.#store = store;
    this.#log = log;
  }

  /** Touches nothing, and rejects readers with `ledger.unavailable`, until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.wake();
  }

  /** To be called after each commit. */
  wake(): void {
    if (this.#stopped || this.#isHeld || this.#busy !== undefined) return;
    this.#timer ??= setTimeout(() => void this.#inBackground(), indexAfterMs).unref();
  }

  /** Resolves with the index's position once it holds every entry below `size`. */
  async reach(size: number): Promise<IndexPosition> {
    while (!this.#checked || this.#position.next < size) await this.#step();
    return this.#position;
  }

  /** Stops working in the background and waits for the batch under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#busy?.catch(() => {});
  }

  /** One batch, then a pause while the log grows: writers come first, and a quiet log is caught up with at once. */
  async #inBackground(): Promise<void> {
    this.#timer = undefined;
    const begin = performance.now();
    const isGrowing = this.#source.size > this.#seenSize;
    this.#seenSize = this.#source.size;
    let pauseMs = 0;
    try {
      await this.#step();
      this.#pace.succeeded();
      if (isGrowing) pauseMs = restShare * (performance.now() - begin);
    } catch (error) {
      const failed = this.#pace.failed();
      ({ pauseMs } = failed);
      if (failed.isTold) this.#log.warn({ err: error }, "the ledger's index could not be filled; trying again");
    }
    if (this.#stopped || (this.#checked && this.#position.next >= this.#source.size)) return;
    this.#timer ??= setTimeout(() => void this.#inBackground(), pauseMs).unref();
  }

  /** The batch under way, or a new one. It is forgotten from outside, because a batch may end before it has been kept. */
  #step(): Promise<void> {
    this.#busy ??= this.#batch()
      .catch((error: unknown) => {
        this.#checked = false;
        throw error;
      })
      .finally(() => (this.#busy = undefined));
    return this.#busy;
  }

  async #batch(): Promise<void> {
    if (this.#isHeld) throw ledgerFault("ledger.unavailable", "The index of the ledger is of another one.");
    if (!this.#checked) await this.#check();
    const from = this.#position.next;
    const to = Math.min(this.#source.size, from + batchEntries);
    if (to === from) return;
    const leaves = await this.#source.leaves(from, to);
    const entries: IndexedEntry[] = leaves.map((leaf, offset) => ({ index: from + offset, leaf }));
    this.#position = await this.#store.add(this.#position, entries, await this.#source.leafHash(to - 1));
  }

  /** An index that is ahead of the log, or holds another log's entries, is emptied and filled again. */
  async #check(): Promise<void> {
    const position = await this.#store.position();
    const { next, lastHash } = position;
    const agrees = next <= this.#source.size && (next === 0 || (await this.#source.leafHash(next - 1)) === lastHash);
    if (!agrees) {
      this.#log.warn(
        { indexed: next, size: this.#source.size },
        "the ledger's index contradicts the ledger: rebuilding it",
      );
      await this.#store.clear();
    }
    this.#position = agrees ? position : emptyPosition;
    this.#checked = true;
  }
}
