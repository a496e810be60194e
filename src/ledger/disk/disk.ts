// The ledger on disk: the log, the derived index of its entries, and the closing of what a crash cut off.
import { instant } from "../../kernel/clock.ts";
import type { Database } from "../../db/index.ts";
import { DiskLog } from "./log.ts";
import type { DiskLogOptions } from "./opening.ts";
import { Indexer } from "../indexer.ts";
import type { IndexedLog } from "../indexer.ts";
import { EntryIndexStore } from "../index-store.ts";
import { ledgerFault } from "../errors.ts";
import { begins } from "../leaf.ts";
import type { Leaf } from "../leaf.ts";
import { readLeaf } from "../leaf-json.ts";
import type { AppliedAmong, Entry, EntryQuery, Ledger, LedgerCondition } from "../ledger.ts";
import { tileWidth } from "../tiles.ts";

/** What a ledger is opened with. */
export interface LedgerOptions extends DiskLogOptions {
  /** Holds the derived index; `ledgerMigrations` must have been applied. */
  readonly database: Database;
}

/** The ledger with what only its own operator does. */
export interface DiskLedger extends Ledger {
  /** Writes everything durable as tiles now; resolves with whether that succeeded. */
  publish(): Promise<boolean>;
  /** The index in the database remembers another log of this name: someone exchanged the ledger's files, or the database. */
  readonly exchanged: boolean;
  /** That it was exchanged is on record: only now may the index forget the other log. */
  exchangeNoted(): void;
  /** Refuses, as a full disk does, what would begin something new, until the function that is given back is called. */
  holdNew(reason: string): () => void;
}

/** Interrupted intents that are closed in one commit. */
const closedAtOnce = 256;

/** Opens a ledger, checking every byte of it. Rejects with `ledger.locked` or `ledger.key_unusable`. */
export async function openLedger(options: LedgerOptions): Promise<DiskLedger> {
  const log = await DiskLog.open(options);
  return new OpenLedger(log, options, await remembersAnother(log, options.database));
}

/** Whether the index has seen another entry where this log now has one: both are sound, so one of them was exchanged. */
async function remembersAnother(log: DiskLog, database: Database): Promise<boolean> {
  const { next, lastHash } = await new EntryIndexStore(database).position();
  // An index that is ahead of the log says that entries are missing, which is found as damage.
  if (next === 0 || next > log.size || log.condition().state === "damaged") return false;
  if ((await indexedLog(log).leafHash(next - 1)) === lastHash) return false;
  // Where an operator went on without a lost end, the place is taken by a leaf that says so: that is on record, not exchanged.
  const [leaf] = await indexedLog(log).leaves(next - 1, next);
  return leaf?.operation !== "ledger.entry_lost";
}

class OpenLedger implements DiskLedger {
  readonly origin: string;
  readonly verifierKey: string;
  readonly exchanged: boolean;
  readonly #log: DiskLog;
  readonly #options: LedgerOptions;
  readonly #store: EntryIndexStore;
  readonly #indexer: Indexer;
  #interrupted: readonly number[];
  /** Why nothing new may begin yet, whatever the disk says. */
  #held: string | undefined;

  constructor(log: DiskLog, options: LedgerOptions, exchanged: boolean) {
    this.exchanged = exchanged;
    this.#log = log;
    this.#options = options;
    this.origin = log.origin;
    this.verifierKey = log.verifierKey;
    this.#interrupted = log.openIntents;
    this.#store = new EntryIndexStore(options.database);
    this.#indexer = new Indexer(indexedLog(log), this.#store, options.log);
    if (exchanged) this.#indexer.hold();
    log.onCommit(() => this.#indexer.wake());
    if (log.size > 0) this.#indexer.wake();
  }

  get size(): number {
    return this.#log.size;
  }

  condition(): LedgerCondition {
    const condition = this.#log.condition();
    return condition.state === "open" && this.#held !== undefined ? { state: "full", reason: this.#held } : condition;
  }

  async append(leaves: readonly Leaf[]): Promise<number> {
    // A log that is not open says itself why.
    if (this.#held !== undefined && this.#log.condition().state === "open" && leaves.some(begins)) {
      throw ledgerFault("ledger.full", `Nothing new may begin: ${this.#held}.`, { retryAfterSeconds: 5 });
    }
    return this.#log.append(leaves);
  }

  holdNew(reason: string): () => void {
    this.#held = reason;
    return () => (this.#held = undefined);
  }

  exchangeNoted(): void {
    this.#indexer.release();
  }

  checkpoint(): string {
    return this.#log.checkpoint();
  }

  async entry(index: number): Promise<Entry> {
    const json = parseJson(await this.#log.entryBytes(index));
    return { index, leaf: readLeaf(json), json };
  }

  async entries(query: EntryQuery): Promise<readonly Entry[]> {
    const found: Entry[] = [];
    // Lost entries are passed over, and the page is filled up behind them: a short page is the last one.
    for (let { after = -1 } = query; ;) {
      const limit = query.limit - found.length;
      const indexes = await this.#matching({ ...query, after, limit });
      const entries = await Promise.all(indexes.map((index) => this.entry(index).catch(whenLost)));
      found.push(...entries.filter((entry) => entry !== undefined));
      after = indexes.at(-1) ?? after;
      if (indexes.length < limit || found.length === query.limit) return found;
    }
  }

  async outcomeOf(intentIndex: number): Promise<Entry | undefined> {
    await this.#indexer.reach(this.size);
    const index = await this.#store.outcomeOf(intentIndex);
    return index === undefined ? undefined : this.entry(index);
  }

  proof(index: number): Promise<string> {
    return this.#log.proof(index);
  }

  tile(level: number, index: number, width: number): Promise<Uint8Array | undefined> {
    return this.#log.tile(level, index, width);
  }

  bundle(index: number, width: number): Promise<Uint8Array | undefined> {
    return this.#log.bundle(index, width);
  }

  async closeInterrupted(applied: AppliedAmong, reachesOut?: (operation: string) => boolean): Promise<number> {
    const intents = this.#interrupted;
    const effective = intents.length === 0 ? new Set() : await applied(intents);
    for (let from = 0; from < intents.length; from += closedAtOnce) {
      const outcomes: Leaf[] = [];
      for (const index of intents.slice(from, from + closedAtOnce)) {
        const time = instant(this.#options.clock.nowMs());
        const entry = await this.entry(index);
        const unapplied = reachesOut?.(entry.leaf.operation) === true ? "effect.unknown" : "effect.none";
        outcomes.push(interruptedOutcome(entry, effective.has(index) ? "effect.applied" : unapplied, time));
      }
      await this.append(outcomes);
      this.#interrupted = intents.slice(from + closedAtOnce);
    }
    return intents.length;
  }

  publish(): Promise<boolean> {
    return this.#log.publish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#indexer.stop();
    await this.#log[Symbol.asyncDispose]();
  }

  /** Indexes of the entries that match; without a filter they follow from the index alone. */
  async #matching(query: EntryQuery): Promise<number[]> {
    const { after = -1, limit, ...filters } = query;
    const { size } = this;
    if (Object.values(filters).some((filter) => filter !== undefined)) {
      return this.#store.matching(query, await this.#indexer.reach(size));
    }
    const first = Math.max(0, after + 1);
    return Array.from({ length: Math.max(0, Math.min(limit, size - first)) }, (_, offset) => first + offset);
  }
}

/** The outcome that closes an intent which a crash cut off. */
function interruptedOutcome({ index, leaf }: Entry, code: string, time: string): Leaf {
  const { product, resource, operation, requestId, constitutionHash } = leaf;
  return {
    kind: "outcome",
    outcome: "interrupted",
    code,
    intent: index,
    time,
    principal: "system",
    principalKind: "system",
    operation,
    requestId,
    constitutionHash,
    ...(product === undefined ? {} : { product }),
    ...(resource === undefined ? {} : { resource }),
  };
}

function parseJson(bytes: Buffer): Entry["json"] {
  return JSON.parse(bytes.toString()) as Entry["json"];
}

/** A listing passes over entries whose bytes are gone; anything else that goes wrong is the caller's to know. */
function whenLost(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ledger.entry_lost") return undefined;
  throw error;
}

function indexedLog(log: DiskLog): IndexedLog {
  return {
    get size() {
      return log.size;
    },
    leaves: async (from, to) => {
      const leaves: (Leaf | undefined)[] = [];
      for (let index = from; index < to; index++) {
        const bytes = await log.entryBytes(index).catch(whenLost);
        leaves.push(bytes === undefined ? undefined : readLeaf(parseJson(bytes)));
      }
      return leaves;
    },
    leafHash: async (index) => {
      const offset = index % tileWidth;
      const tile = await log.tile(0, Math.floor(index / tileWidth), offset + 1);
      return tile === undefined ? "" : Buffer.from(tile.subarray(-32)).toString("hex");
    },
  };
}
