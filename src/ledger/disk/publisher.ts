// Decides when the growing edge is published, and tidies the journal afterwards. One publication at a time, in the
// background; commits go on meanwhile into a new journal segment.
import type { Log } from "../../kernel/ctx.ts";
import type { Ballast } from "./disk-reserve.ts";
import type { Journal } from "./journal.ts";
import type { DiskTree } from "./tree.ts";
import type { TreeTail } from "../tree-tail.ts";
import type { Sequencer } from "../sequencer.ts";

/** Leaves that are published at once without waiting for the timer: 16 full bundles. */
const publishLeaves = 4096;
/** How long a leaf may stay unpublished on a quiet log, milliseconds; also the pause after a failure. */
const publishAfterMs = 1_000;
/** Unpublished leaves at which new acts wait for the publisher; bounds memory and the time to open again. */
const crowdedLeaves = 65_536;

/** A log that can be published. */
export interface Publishable {
  readonly edge: TreeTail;
  readonly journal: Journal;
  readonly tree: DiskTree;
  readonly ballast: Ballast;
  readonly sequencer: Sequencer;
  readonly log: Log;
  /** The newest checkpoint. */
  checkpoint(): string;
}

/** Publishes one log. */
export class Publisher {
  readonly #source: Publishable;
  #published: number;
  #busy: Promise<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failed = false;
  #stopped = false;

  constructor(source: Publishable, published: number) {
    this.#source = source;
    this.#published = published;
  }

  /** Whether so much is unpublished that nothing new should begin. */
  get crowded(): boolean {
    return this.unpublished >= crowdedLeaves;
  }

  /** To be called after each commit: publishes when there is enough, or a while later. */
  wake(): void {
    if (this.#stopped || this.#busy !== undefined || this.unpublished === 0) return;
    if (this.unpublished >= publishLeaves && !this.#failed) void this.publish();
    else this.#timer ??= setTimeout(() => void this.publish(), publishAfterMs).unref();
  }

  /** Publishes everything that is durable now; resolves with whether that succeeded. */
  async publish(): Promise<boolean> {
    const wanted = this.#source.edge.size;
    while (this.#published < wanted) {
      this.#busy ??= this.#publishOnce();
      if (!(await this.#busy)) break;
    }
    return this.#published >= wanted;
  }

  /** Stops the timer and waits for a publication that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#busy;
  }

  /** Durable entries that are not in tiles yet. */
  get unpublished(): number {
    return this.#source.edge.size - this.#published;
  }

  async #publishOnce(): Promise<boolean> {
    const { edge, journal, tree, sequencer, log } = this.#source;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let [size, note] = [0, ""];
    try {
      // Tiles take room; on a full disk what is left belongs to the outcomes of acts under way.
      if (!(await this.#source.ballast.refill())) throw new Error("the disk is full");
      // Between two commits the journal turns to a new segment, so that the one before can be dropped as a whole.
      await sequencer.exclusively(async () => {
        [size, note] = [edge.size, this.#source.checkpoint()];
        await journal.rotate(size);
      });
      await tree.publish(edge, this.#published, size, note);
      this.#published = size;
      edge.trim(size);
      await journal.drop(size);
      this.#failed = false;
    } catch (error) {
      this.#failed = true;
      log.warn({ err: error, size }, "the ledger could not be published; it stays in its journal");
    } finally {
      this.#busy = undefined;
    }
    this.wake();
    return !this.#failed;
  }
}
