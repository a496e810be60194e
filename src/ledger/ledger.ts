// The ledger's port: an append-only RFC 6962 tree published as C2SP tlog-tiles with signed-note checkpoints.
//
// 1. `append` resolves only after the leaf, and a signed checkpoint that covers it, are durable.
// 2. Indexes are dense, start at 0 and never change; leaves given together get consecutive indexes in one commit.
// 3. A leaf that cannot be made durable is not in the tree: `append` rejects and the next call may succeed.
// 4. A damaged ledger answers reads that do not need the damaged part and rejects every append until an operator decides.
import type { Leaf, LeafKind, Outcome } from "./leaf.ts";
import type { LeafJson, LeafJsonV1 } from "./leaf-json.ts";

/** Whether the ledger can take leaves, and if not, why. */
export type LedgerCondition =
  /** `lost` names entries whose bytes are gone and whose loss an operator has accepted; their hashes are still proven. */
  | { readonly state: "open"; readonly lost?: readonly number[] }
  /** Nothing new may begin; outcomes and findings of what has begun are still taken. */
  | { readonly state: "full"; readonly reason: string }
  /** A write failed in a way that only opening the ledger again can clear. */
  | { readonly state: "unavailable"; readonly reason: string }
  | { readonly state: "damaged"; readonly index: number; readonly reason: string };

/** A leaf with its place in the tree. */
export interface Entry {
  readonly index: number;
  readonly leaf: Leaf;
  /** The leaf as it stands in the log; its canonical JSON has the bytes that were hashed. */
  readonly json: LeafJson | LeafJsonV1;
}

/** Which entries a listing wants; absent means any. Times are milliseconds, `since` inclusive, `until` exclusive. */
export interface EntryQuery {
  readonly kind?: LeafKind;
  readonly product?: string;
  readonly principal?: string;
  readonly operation?: string;
  readonly requestId?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Only entries after this index. */
  readonly after?: number;
  readonly limit: number;
}

/** Which of these intents, by index, have taken effect. */
export type AppliedAmong = (intents: readonly number[]) => Promise<ReadonlySet<number>>;

/** The ledger. */
export interface Ledger extends AsyncDisposable {
  /** The log's name: the first line of every checkpoint. */
  readonly origin: string;
  /** The signed-note verifier key (`name+id+base64`) that checks every checkpoint. */
  readonly verifierKey: string;
  /** Number of durable leaves. */
  readonly size: number;
  condition(): LedgerCondition;
  /** Appends leaves in one commit; resolves with the index of the first. Rejects with `ledger.*` faults. */
  append(leaves: readonly Leaf[]): Promise<number>;
  /** The newest signed checkpoint, a C2SP signed note. */
  checkpoint(): string;
  /** One leaf by index. Rejects with `ledger.no_such_entry`. */
  entry(index: number): Promise<Entry>;
  /** Entries that match, oldest first; sees every leaf that was durable when called. Fewer than `limit` are the last ones. */
  entries(query: EntryQuery): Promise<readonly Entry[]>;
  /** The outcome leaf that closes an intent, if it is there already. */
  outcomeOf(intentIndex: number): Promise<Entry | undefined>;
  /** The C2SP tlog-proof of one leaf under the newest checkpoint. Rejects with `ledger.no_such_entry`. */
  proof(index: number): Promise<string>;
  /** Bytes of a hash tile (`width` 256 or the partial width), undefined when the tree has no such tile. */
  tile(level: number, index: number, width: number): Promise<Uint8Array | undefined>;
  /** Bytes of an entry bundle, undefined when the tree has no such bundle. */
  bundle(index: number, width: number): Promise<Uint8Array | undefined>;
  /**
   * Closes every intent that had no outcome when the ledger was opened with an `interrupted` outcome.
   * `applied` tells which of them had taken effect durably before the crash; of the others it is not known of those operations
   * that `reachesOut` names. Resolves with how many were closed.
   */
  closeInterrupted(applied: AppliedAmong, reachesOut?: (operation: string) => boolean): Promise<number>;
}

export type { Outcome };
