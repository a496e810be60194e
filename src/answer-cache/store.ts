// The port behind which answers lie. Promises of every driver:
//
// 1. What comes back is, byte for byte, what was put under the same key, or undefined. A store never fails: one that
//    cannot reach its server has nothing and keeps nothing meanwhile.
// 2. Nothing comes back after its time, and nothing of a partition after `clear` of that partition has resolved.
// 3. Memory is bounded; when there is no room, what was used longest ago goes.
//
// What may differ: who shares the answers, whether they come at once, and how long a store keeps them at most.
import type { Address, Partition } from "./address.ts";

/** What a store has done since it was opened, and what it holds. */
export interface StoreStats {
  readonly hits: number;
  readonly misses: number;
  /** Answers that went to make room. */
  readonly evictions: number;
  /** Values that came back damaged, forged or too large and were treated as missing. */
  readonly rejected: number;
  /** Answers held by this process; 0 where others hold them. */
  readonly entries: number;
  /** Bytes held by this process, keys and an estimate of the overhead included. */
  readonly bytes: number;
}

/** A place for sealed records. */
export interface AnswerStore extends AsyncDisposable {
  /** The record under an address; undefined when there is none. Never rejects. */
  get(address: Address): Buffer | undefined | Promise<Buffer | undefined>;
  /** Keeps a record, in place of the one that was there. The caller must not change it afterwards. Never rejects. */
  put(address: Address, record: Buffer, lifetimeMs: number): void | Promise<void>;
  /** Forgets a record. Never rejects. */
  drop(address: Address): void | Promise<void>;
  /** Forgets all records of a partition. Rejects when a server that holds them cannot be told. */
  clear(partition: Partition): void | Promise<void>;
  stats(): StoreStats;
}

/** A store that answers at once, as the memory of a process does. */
export interface NearStore extends AnswerStore {
  get(address: Address): Buffer | undefined;
  put(address: Address, record: Buffer, lifetimeMs: number): void;
  drop(address: Address): void;
  clear(partition: Partition): void;
}
