// Group commit: one commit at a time, and everything that arrives while it is made durable shares the next one.
//
// 1. There is no artificial delay: a lone item is committed at once, a hundred share each commit.
// 2. Items are committed in the order of asking, and each caller is told of its own result.
// 3. The line is bounded where `maxWaiting` says so; beyond it a caller is refused at once.
// 4. A commit that throws rejects what it took and has not settled; one that took nothing rejects everything that waits.
import { setImmediate as nextTurn } from "node:timers/promises";

/** One item that waits for its commit. What its caller is told first counts; the rest is passed over. */
export interface Pending<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** What waits, as one commit sees it. A commit takes off the front what it holds, also what came after it began. */
export interface CommitLine<Item, Result> {
  /** The items that wait and were not taken, in the order of asking. */
  readonly waiting: readonly Pending<Item, Result>[];
  /** Takes the first one; undefined when none waits. */
  take(): Pending<Item, Result> | undefined;
  /** Takes items from the front while they fit, and at least one where one waits. */
  takeWhile(fits: (item: Item) => boolean): readonly Pending<Item, Result>[];
}

/** What commits, and how much may wait for it. */
export interface GroupCommitTerms<Item, Result> {
  /** Commits what it takes and settles each of it. */
  readonly commit: (line: CommitLine<Item, Result>) => Promise<void>;
  /** The weight of an item, the same whenever it is asked for; 1 when absent. */
  readonly weightOf?: (item: Item) => number;
  /** Most weight that waits and the refusal beyond it; no bound when absent. */
  readonly maxWaiting?: number;
  readonly overfull?: () => Error;
}

/** The one queue in front of something durable. */
export class GroupCommit<Item, Result> {
  readonly #terms: GroupCommitTerms<Item, Result>;
  readonly #waiting: Pending<Item, Result>[] = [];
  #weight = 0;
  readonly #exclusive: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  constructor(terms: GroupCommitTerms<Item, Result>) {
    this.#terms = terms;
  }

  /** How many items wait for the next commit, and their weight. */
  get waiting(): { readonly count: number; readonly weight: number } {
    return { count: this.#waiting.length, weight: this.#weight };
  }

  /** Queues an item; resolves with its result when that is durable. Rejects with `overfull` or as the commit says. */
  submit(item: Item): Promise<Result> {
    const { maxWaiting = Number.POSITIVE_INFINITY, overfull } = this.#terms;
    const weight = this.#weightOf(item);
    if (this.#weight + weight > maxWaiting) return Promise.reject(overfull?.() ?? new Error("too much waits"));
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({ item, resolve, reject });
    this.#weight += weight;
    this.#running ??= this.#run();
    return promise;
  }

  /** Runs work while no commit is under way, before any that waits; resolves or rejects as the work does. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#exclusive.push(() => (async () => work())().then(resolve, reject));
    this.#running ??= this.#run();
    return promise;
  }

  /** Resolves when everything that was queued has been settled. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      // One turn of the event loop: all callers that the last commit woke queue first, and share the next one.
      await nextTurn();
      const work = this.#exclusive.shift();
      if (work !== undefined) await work();
      else if (this.#waiting.length > 0) await this.#commit();
      else break;
    }
    this.#running = undefined;
  }

  async #commit(): Promise<void> {
    const taken: Pending<Item, Result>[] = [];
    const take = (count: number): readonly Pending<Item, Result>[] => {
      const first = this.#waiting.splice(0, count);
      for (const each of first) this.#weight -= this.#weightOf(each.item);
      taken.push(...first);
      return first;
    };
    const line: CommitLine<Item, Result> = {
      waiting: this.#waiting,
      take: () => take(1)[0],
      takeWhile: (fits) => {
        const end = this.#waiting.findIndex(({ item }, at) => !fits(item) && at > 0);
        return take(end === -1 ? this.#waiting.length : end);
      },
    };
    let error: unknown = new Error("a commit left an item without a result");
    try {
      await this.#terms.commit(line);
    } catch (thrown) {
      error = thrown;
    }
    if (taken.length === 0) take(this.#waiting.length);
    // Whatever was settled stays so.
    for (const { reject } of taken) reject(error);
  }

  #weightOf(item: Item): number {
    return this.#terms.weightOf?.(item) ?? 1;
  }
}
