// The log on disk, without the index of its entries: opening, committing, reading and closing.
//
// 1. A commit is one write and one sync of one journal frame that holds the entries and their signed checkpoint.
// 2. Nothing is taken from disk on trust: opening checks every byte, and damage stops all writing until it is decided.
// 3. After a clean close the folder alone is a complete tlog-tiles log.
import { mkdir } from "node:fs/promises";
import type { Fault } from "../../kernel/fault.ts";
import { privateFolderMode } from "../../kernel/file-modes.ts";
import { silentMeter } from "../../kernel/meter.ts";
import { Ballast } from "./disk-reserve.ts";
import { JournalError } from "./journal.ts";
import { openParts } from "./opening.ts";
import type { DiskLogOptions, OpenedParts, UnderRepair } from "./opening.ts";
import { Publisher } from "./publisher.ts";
import { TreeReader } from "./tree.ts";
import { encodeFrame } from "../frame.ts";
import { LeafEncoder } from "../encoder.ts";
import { ledgerFault } from "../errors.ts";
import type { Leaf } from "../leaf.ts";
import type { LedgerCondition } from "../ledger.ts";
import { ledgerMetrics } from "../metrics.ts";
import type { LedgerMetrics } from "../metrics.ts";
import { checkpointText } from "../note.ts";
import { formatProof, inclusionParts, proofHashes } from "../proof.ts";
import { sequencerOf } from "../sequencer.ts";
import type { EncodedLeaf, Sequencer } from "../sequencer.ts";

/** An open log. */
export class DiskLog implements AsyncDisposable {
  readonly origin: string;
  readonly verifierKey: string;
  readonly #parts: OpenedParts;
  readonly #options: DiskLogOptions;
  readonly #encoder = new LeafEncoder();
  readonly #reader: TreeReader;
  readonly #ballast: Ballast;
  readonly #sequencer: Sequencer;
  readonly #publisher: Publisher | undefined;
  readonly #metrics: LedgerMetrics;
  #head: { readonly size: number; readonly note: string };
  #unavailable: string | undefined;
  #closing: Promise<void> | undefined;
  #onCommit: () => void = () => {};

  private constructor(options: DiskLogOptions, parts: OpenedParts, ballast: Ballast) {
    this.#options = options;
    this.#parts = parts;
    this.#ballast = ballast;
    this.origin = options.origin;
    this.verifierKey = parts.signer.verifier.text;
    this.#head = { size: parts.edge.size, note: parts.note };
    this.#reader = new TreeReader(parts.edge, parts.tree);
    this.#sequencer = sequencerOf({
      commit: (leaves) => this.#commit(leaves),
      failed: (error) => this.#failed(error),
    });
    this.#metrics = ledgerMetrics(options.meter ?? silentMeter, {
      entries: () => this.size,
      unpublished: () => this.#publisher?.unpublished ?? 0,
      waiting: () => this.#sequencer.waiting,
      state: () => this.condition().state,
    });
    const { edge, tree, journal } = parts;
    if (journal === undefined) return;
    const { log } = options;
    const checkpoint = (): string => this.#head.note;
    const sequencer = this.#sequencer;
    this.#publisher = new Publisher({ edge, tree, journal, ballast, sequencer, log, checkpoint }, parts.published);
    this.#publisher.wake();
  }

  /** Opens a log, checking every byte of it. Rejects with `ledger.locked` or `ledger.key_unusable`. */
  static async open(options: DiskLogOptions, repair?: UnderRepair): Promise<DiskLog> {
    await mkdir(options.dir, { recursive: true, mode: privateFolderMode });
    const parts = await openParts(options, repair);
    const ballast = new Ballast(options.dir, options.clock);
    if (parts.journal !== undefined && !(await ballast.fill())) {
      options.log.warn({ dir: options.dir }, "the disk has no room for the ledger's reserve");
    }
    return new DiskLog(options, parts, ballast);
  }

  get size(): number {
    return this.#head.size;
  }

  /** Intents that had no outcome when the log was opened, oldest first. */
  get openIntents(): readonly number[] {
    return this.#parts.openIntents;
  }

  /** Calls back after every commit. */
  onCommit(listener: () => void): void {
    this.#onCommit = listener;
  }

  condition(): LedgerCondition {
    const { damage, lost } = this.#parts;
    if (damage !== undefined) return { state: "damaged", index: damage.index, reason: damage.reason };
    if (this.#unavailable !== undefined) return { state: "unavailable", reason: this.#unavailable };
    if (!this.#ballast.inPlace) return { state: "full", reason: "the disk of the ledger is full" };
    return lost.length > 0 ? { state: "open", lost } : { state: "open" };
  }

  async append(leaves: readonly Leaf[]): Promise<number> {
    const startMs = performance.now();
    try {
      const first = await this.#append(leaves);
      this.#metrics.appended(leaves, startMs);
      return first;
    } catch (error) {
      this.#metrics.rejected(error);
      throw error;
    }
  }

  async #append(leaves: readonly Leaf[]): Promise<number> {
    this.#refuseUnlessWritable();
    const batch = this.#encoder.batch(leaves);
    if (batch.leaves.length === 0) return this.#head.size;
    if (batch.begins && !this.#ballast.inPlace && !(await this.#ballast.refill())) throw full();
    if (batch.begins && this.#publisher?.crowded && !(await this.#publisher.publish())) throw full();
    return this.#sequencer.submit(batch);
  }

  checkpoint(): string {
    return this.#head.note;
  }

  /** The bytes of one entry. Rejects with `ledger.no_such_entry`, `ledger.entry_lost` or `ledger.damaged`. */
  async entryBytes(index: number): Promise<Buffer> {
    this.#refuseUnlessThere(index);
    if (this.#parts.lost.includes(index)) {
      throw ledgerFault("ledger.entry_lost", `The bytes of entry ${index} were lost.`);
    }
    const framed = this.#parts.unreadable(index) ? undefined : await this.#reader.entry(index);
    if (framed === undefined) throw ledgerFault("ledger.damaged", `Entry ${index} is damaged.`);
    return framed.subarray(2);
  }

  async proof(index: number): Promise<string> {
    const { size, note } = this.#head;
    this.#refuseUnlessThere(index);
    const parts = inclusionParts(index, size);
    try {
      const hashes = await proofHashes(parts, ({ height, index }) => this.#reader.subtree(height, index));
      return formatProof(index, hashes, note);
    } catch (cause) {
      throw ledgerFault("ledger.damaged", `A hash that proves entry ${index} is damaged.`, {}, cause);
    }
  }

  async tile(level: number, index: number, width: number): Promise<Uint8Array | undefined> {
    const { damage, tree } = this.#parts;
    // Of a damaged log the files are shown as they are: the reader checks hashes, and may need them to help.
    return (await this.#reader.tile(level, index, width)) ?? (damage && tree.raw({ level, index, width }));
  }

  async bundle(index: number, width: number): Promise<Uint8Array | undefined> {
    const entries = await this.#reader.entries(index, width);
    const { damage, tree } = this.#parts;
    if (entries === undefined || entries.includes(undefined))
      return damage && tree.raw({ level: "entries", index, width });
    return Buffer.concat(entries as readonly Buffer[]);
  }

  /** Writes everything durable as tiles; resolves with whether that succeeded. */
  async publish(): Promise<boolean> {
    return (await this.#publisher?.publish()) ?? false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#sequencer.drain();
      if (this.#unavailable === undefined) await this.#publisher?.publish();
      await this.#publisher?.stop();
      await this.#parts.journal?.close();
    } finally {
      await this.#parts.lock.release();
    }
  }

  async #commit(leaves: readonly EncodedLeaf[]): Promise<number> {
    const { edge, journal, signer } = this.#parts;
    if (journal === undefined) throw new Error("a damaged ledger has no journal to write to");
    const startMs = performance.now();
    const first = edge.size;
    const growth = edge.plan(leaves.map((leaf) => leaf.hash));
    const { size } = growth.frontier;
    const note = signer.sign(checkpointText({ origin: this.origin, size, root: growth.frontier.root() }));
    const entries = leaves.map((leaf) => leaf.framed);
    const frame = encodeFrame({ first, entries, note });
    await journal.append(frame);
    this.#metrics.committed(frame.length, startMs);
    edge.grow(growth, entries);
    this.#head = { size, note };
    this.#publisher?.wake();
    this.#onCommit();
    return first;
  }

  async #failed(error: unknown): Promise<{ fault: Fault; tryAgain: boolean }> {
    this.#options.log.error({ err: error, size: this.size }, "a ledger commit failed");
    if (error instanceof JournalError && error.noSpace) {
      return { tryAgain: await this.#ballast.release(), fault: full(error) };
    }
    const sticky = !(error instanceof JournalError) || error.sticky;
    if (sticky) {
      this.#unavailable = "a write could not be made durable; the ledger must be opened again";
      void this.#publisher?.stop();
    }
    return { tryAgain: false, fault: ledgerFault("ledger.unavailable", "The ledger could not be written.", {}, error) };
  }

  #refuseUnlessWritable(): void {
    if (this.#closing !== undefined) throw ledgerFault("ledger.closed", "The ledger has been closed.");
    const { damage } = this.#parts;
    if (damage !== undefined) {
      throw ledgerFault("ledger.damaged", `The ledger is damaged at entry ${damage.index}: ${damage.reason}.`);
    }
    if (this.#unavailable !== undefined) throw ledgerFault("ledger.unavailable", this.#unavailable);
  }

  #refuseUnlessThere(index: number): void {
    if (Number.isSafeInteger(index) && index >= 0 && index < this.size) return;
    throw ledgerFault("ledger.no_such_entry", `The ledger has no entry ${index}.`);
  }
}

function full(cause?: unknown): Fault {
  const facts = { retryAfterSeconds: 5, remedy: "Make room on the disk that holds the ledger." };
  return ledgerFault("ledger.full", "The disk of the ledger is full.", facts, cause);
}
