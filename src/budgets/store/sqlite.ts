// A database that one process has for itself: the lease is the whole of every budget, so memory is exact up to the limit.
//
// 1. A note is a line in the journal, many to a row. Twice a second all that happened is folded into the tables and the journal is
//    emptied, in one transaction; a start takes up what a killed process left there in the same way.
// 2. A counter in memory is the whole truth: what its table says and what is not folded yet. It is read in the transaction of
//    the caller that needs it first; units of work run one after another, so it misses nothing.
// 3. Who reserves in a transaction takes room in memory at once and gives it back when the transaction is undone; who ends a
//    reservation there frees its room when the transaction is committed. So no limit is passed either way. The rows go straight
//    into the tables.
// 4. A change of the limits ends the lease in its own transaction. Nothing is counted in memory before the next lease is
//    committed, and what was in memory until then is in the tables.
// 5. What cannot be written stays in memory until it can, and no call is admitted before that.
import { onEnd } from "../../db/index.ts";
import type { Database } from "../../db/index.ts";
import { admit, countersOf, CounterState, exceeds, Lease, sharesOf, withinLimits } from "../lease.ts";
import type { Ended, Entry, Opened } from "../lease.ts";
import type { InMemory } from "../metrics.ts";
import { requestIdLifeMs } from "../reservation.ts";
import type { Reservation } from "../reservation.ts";
import { ensured } from "./counters.ts";
import type { Counter } from "./counters.ts";
import { folded, Journal } from "./journal.ts";
import type { StoredLimits } from "./limits.ts";
import type { BudgetTx } from "./statement.ts";
import type { Decided, Opening, Question, Store } from "./store.ts";
import type { BudgetTables } from "./tables.ts";

/** How long something may wait in the journal before it is folded, milliseconds; what a start after a crash has to read. */
const foldedWithinMs = 500;

/** Most counters in memory; more than a server has combinations of budgets and windows at a time. */
const maxCounters = 20_000;

/** What is noted next; all who wait for it share one promise. */
interface Waiting {
  readonly entries: Entry[];
  readonly written: PromiseWithResolvers<boolean>;
}

/** The tables of SQLite, and what is not in them yet. */
export class SqliteStore implements Store {
  readonly #db: Database<BudgetTables>;
  readonly #limits: StoredLimits;
  readonly #journal = new Journal();
  #waiting: Waiting = noneWaiting();
  #writing: Promise<void> | undefined;
  #lease: Lease | undefined;
  /** The lease is committed: until then it is for transactions that come after the one that began it. */
  #isSure = false;
  /** What is not in the tables, in the order in which it happened. */
  #entries = new Set<Entry>();
  /** How many notes could not be written, and how many of those had been when what is in the tables was folded. */
  #failures = 0;
  #mended = 0;
  #isRecovered = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(db: Database<BudgetTables>, limits: StoredLimits) {
    this.#db = db;
    this.#limits = limits;
  }

  get inMemory(): InMemory {
    return {
      waitingLines: this.#waiting.entries.length,
      unsaved: this.#entries.size,
      openCalls: this.#lease?.open.size ?? 0,
    };
  }

  get lease(): Lease | undefined {
    return this.#isSure ? this.#lease : undefined;
  }

  get isBehind(): boolean {
    return this.#failures > this.#mended;
  }

  note(_lease: Lease, entry: Entry): Promise<boolean> {
    this.#entries.add(entry);
    const { entries, written } = this.#waiting;
    entries.push(entry);
    this.#writing ??= this.#write();
    return written.promise;
  }

  async decide(tx: BudgetTx | undefined, question: Question): Promise<Decided> {
    // Memory is sure of calls that begin once their counters are there, and notes them like any other.
    if (tx === undefined) return this.#db.transact((own) => this.#decide(own, question, () => undefined), "relaxed");
    return this.#decide(tx, question, (lease, { made }) => this.#open(tx, lease, made));
  }

  fold(): Promise<void> {
    return this.#db.transact((tx) => this.#fold(tx), "relaxed");
  }

  show(): Promise<void> {
    return this.fold();
  }

  async endLeases(tx: BudgetTx): Promise<void> {
    // First of all: what memory counted under the old limits after this would be missing from the counters that new limits make.
    this.#lease = undefined;
    await this.#fold(tx);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    clearTimeout(this.#timer);
    if (this.#isRecovered) await this.fold();
  }

  /** The lease as a transaction sees it, under the limits that are in force there. */
  async #leaseIn(tx: BudgetTx): Promise<Lease> {
    const lease = this.#lease;
    if (lease?.book.version === (await this.#limits.version(tx)) && lease.states.size <= maxCounters) {
      if (this.isBehind) await this.#fold(tx);
      return lease;
    }
    await this.endLeases(tx);
    const next = new Lease(await this.#limits.book(tx), true);
    [this.#lease, this.#isSure] = [next, false];
    onEnd(tx, (isCommitted) => {
      if (this.#lease === next) [this.#lease, this.#isSure] = [isCommitted ? next : undefined, isCommitted];
    });
    return next;
  }

  /** Reads the counters that are asked for, then ends and opens. */
  async #decide(
    tx: BudgetTx,
    { openings, endings }: Question,
    open: (lease: Lease, opening: Opening) => Promise<Opened> | undefined,
  ): Promise<Decided> {
    const lease = await this.#leaseIn(tx);
    const calls = [...openings.map(({ made }) => made), ...endings.filter(exceeds)];
    await this.#count(
      tx,
      lease,
      calls.flatMap((call) => countersOf(lease.book, call)),
    );
    const ended: Ended[] = [];
    for (const ending of endings) ended.push(await this.#end(tx, lease, ending));
    const opened: (Opened | undefined)[] = [];
    for (const opening of openings) opened.push(await open(lease, opening));
    return { opened, ended };
  }

  async #open(tx: BudgetTx, lease: Lease, made: Reservation): Promise<Opened> {
    // Whose id was made up for it cannot have been asked for before.
    const before = made.requestId === made.id ? undefined : await this.#journal.byRequest(tx, made);
    if (before !== undefined && made.createdMs - before.createdMs < requestIdLifeMs) {
      return { outcome: "duplicate", reservation: this.#lastOf(before.id)?.reservation ?? before };
    }
    const counters = countersOf(lease.book, made);
    const opened = admit(lease.states, counters, made);
    if (opened.outcome !== "admitted") return opened;
    const { reservation } = opened;
    const shares = sharesIn(lease, reservation, counters);
    onEnd(tx, (isCommitted) => {
      if (isCommitted) lease.open.set(reservation.id, counters);
      else for (const { state, held } of shares) state?.free(held, 0);
    });
    if (before !== undefined) await this.#journal.retire(tx, before.id);
    await this.#journal.write(tx, folded([{ reservation, counters }]));
    return opened;
  }

  async #end(tx: BudgetTx, lease: Lease, ending: Reservation): Promise<Ended> {
    const { id } = ending;
    // From here on no one ends it in memory.
    const open = lease.open.get(id);
    lease.open.delete(id);
    onEnd(tx, (isCommitted) => void (isCommitted ? lease.open.delete(id) : open && lease.open.set(id, open)));
    let row = await this.#journal.one(tx, id);
    if ((row === undefined || open === undefined) && this.#lastOf(id) !== undefined) {
      await this.#fold(tx);
      row = await this.#journal.one(tx, id);
    }
    if (row?.state !== "held") return { applied: false, reservation: row };
    const counters = countersOf(lease.book, ending);
    const reservation = withinLimits(lease.states, counters, ending);
    const shares = sharesIn(lease, reservation, counters);
    // What it is charged beyond what it held is held until then.
    for (const { state, held, used } of shares) state?.hold(Math.max(0, used - held));
    onEnd(tx, (isCommitted) => {
      for (const { state, held, used } of shares) {
        if (isCommitted) state?.free(Math.max(held, used), used);
        else state?.free(Math.max(0, used - held), 0);
      }
    });
    await this.#journal.write(tx, folded([{ reservation, counters }]));
    return { applied: true, reservation };
  }

  /** The last that happened to a call and is not in the tables. */
  #lastOf(id: string): Entry | undefined {
    let last: Entry | undefined;
    for (const entry of this.#entries) if (entry.reservation.id === id) last = entry;
    return last;
  }

  /** Reads counters that are not in memory, and makes those that are nowhere; a transaction that is undone takes them back. */
  async #count(tx: BudgetTx, { states }: Lease, counters: readonly Counter[]): Promise<void> {
    const missing = new Map(counters.filter(({ name }) => !states.has(name)).map((each) => [each.name, each]));
    if (missing.size === 0) return;
    const counted = await ensured(tx, [...missing.values()]);
    const { changes } = folded(this.#entries);
    for (const [name, { used, held }] of counted) {
      const [counter, more] = [missing.get(name), changes.get(name)];
      if (counter === undefined) continue;
      const state = new CounterState(counter, { used: used + (more?.used ?? 0), held: held + (more?.held ?? 0) });
      states.set(name, state);
      onEnd(tx, (isCommitted) => {
        if (!isCommitted && states.get(name) === state) states.delete(name);
      });
    }
  }

  /** Writes while something waits, one thing at a time. */
  async #write(): Promise<void> {
    while (this.#waiting.entries.length > 0) await this.#writeOnce();
    this.#writing = undefined;
    this.#foldLater();
  }

  /** Writes lines into the journal. As late as can be: what happened until then is in it. */
  async #writeOnce(): Promise<void> {
    let taken: Waiting | undefined;
    const take = (): Waiting => {
      taken = this.#waiting;
      this.#waiting = noneWaiting();
      return taken;
    };
    try {
      await this.#db.transact(async (tx) => {
        const { entries } = take();
        // The journal lacks something that comes before these lines.
        if (this.isBehind) return this.#fold(tx);
        // What a caller's transaction has folded meanwhile must not be there as well.
        const unfolded = entries.filter((entry) => this.#entries.has(entry));
        if (unfolded.length > 0) await this.#journal.note(tx, unfolded);
      }, "relaxed");
      taken?.written.resolve(true);
    } catch (error) {
      this.#failures++;
      (taken ?? take()).written.reject(error);
    }
  }

  /** Folds what no one has folded by then, and tries again what could not be. */
  #foldLater(): void {
    if (this.#entries.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#entries.size > 0) this.fold().catch(() => this.#foldLater());
    }, foldedWithinMs).unref();
  }

  async #fold(tx: BudgetTx): Promise<void> {
    await this.#recover(tx);
    const [entries, failures] = [this.#entries, this.#failures];
    if (entries.size === 0 && !this.isBehind) return;
    this.#entries = new Set();
    onEnd(tx, (isCommitted) => {
      if (isCommitted) this.#mended = failures;
      else this.#entries = new Set([...entries, ...this.#entries]);
    });
    await this.#journal.write(tx, folded(entries));
    await this.#journal.empty(tx);
  }

  /** Takes up what a process left that was killed. */
  async #recover(tx: BudgetTx): Promise<void> {
    if (this.#isRecovered) return;
    const book = await this.#limits.book(tx);
    const left = await this.#journal.read(tx);
    this.#isRecovered = true;
    if (left === undefined) return;
    for (const reservation of left) this.#entries.add({ reservation, counters: countersOf(book, reservation) });
    this.#failures++;
  }
}

function noneWaiting(): Waiting {
  const written = Promise.withResolvers<boolean>();
  // Who does not ask whether a call is kept is not told that it is not.
  written.promise.catch(() => {});
  return { entries: [], written };
}

/** What a reservation holds and is charged under each of its counters, and the counter in memory where it is there. */
function sharesIn({ states }: Lease, reservation: Reservation, counters: readonly Counter[]) {
  return sharesOf(reservation, counters).map((share) => ({ ...share, state: states.get(share.name) }));
}
