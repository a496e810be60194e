// The engine on a database that one process has for itself: calls are admitted and charged in memory, at once.
//
// 1. What is promised or charged is in the journal when its promise resolves: one row for all that happened meanwhile. It is
//    written into the tables twice a second; a call that began and ended in between leaves nothing there but its sums.
// 2. A counter in memory is the whole truth: what its table says and what is still to be written. It is read, in a transaction,
//    when it is first needed; units of work run one after another, so it misses nothing.
// 3. Who reserves in its own transaction takes room in memory at once and gives it back when the transaction is undone;
//    who ends a reservation there frees its room when the transaction is committed. So no limit is passed either way. What it
//    writes goes straight into the tables.
// 4. Nothing is admitted or charged in memory while limits change: everything is written before, and counters are read again
//    afterwards. A transaction asks the table which limits are in force.
// 5. What a killed process left in the journal is taken up first of all; calls that it had not ended are held until they expire.
// 6. What cannot be written stays in memory until it can, and no call is admitted before that.
import type { Database } from "../db/index.ts";
import { onEnd } from "../db/index.ts";
import type { Admission, Ended, Engine } from "./engine.ts";
import type { LimitBook } from "./limit-book.ts";
import type { InMemory } from "./metrics.ts";
import { chargeOf, requestIdLifeMs } from "./reservation.ts";
import type { Flex, Reservation } from "./reservation.ts";
import { ensured } from "./store/counters.ts";
import type { Changes, Counter } from "./store/counters.ts";
import { endEntry, Journal, openEntry } from "./store/journal.ts";
import type { Unsaved } from "./store/journal.ts";
import type { StoredLimits } from "./store/limits.ts";
import type { BudgetTx } from "./store/statement.ts";
import type { BudgetTables } from "./store/tables.ts";
import { admit, amountOf, countersOf, exceeds, CounterState, withinLimits } from "./store/counter-state.ts";
import type { Opened } from "./store/counter-state.ts";

/** How long something may wait in the journal before it is saved, milliseconds; what a start after a crash has to read. */
const savedWithinMs = 500;

/** Most counters in memory; more than a server has combinations of budgets and windows at a time. */
const maxCounters = 20_000;

/** What a call is counted under that was admitted by this process and has not ended. */
interface Open {
  readonly book: LimitBook;
  readonly counters: readonly Counter[];
}

/** What is written next, and who waits for it. */
interface Waiting {
  readonly lines: string[];
  readonly written: PromiseWithResolvers<void>;
}

/** Counters in memory, and the way from there into the tables. */
export class Memory implements Engine {
  readonly #db: Database<BudgetTables>;
  readonly #limits: StoredLimits;
  readonly #journal = new Journal();
  #recovered: Promise<void> | undefined;
  #book: LimitBook | undefined;
  #states = new Map<string, CounterState>();
  readonly #open = new Map<string, Open>();
  #unsaved: Unsaved = nothing();
  #waiting: Waiting = noWaiters();
  #saving: PromiseWithResolvers<void> | undefined;
  #savedMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #wanted: Reservation[] = [];
  #counting: Promise<void> | undefined;
  #closed: Promise<unknown> | undefined;
  /** The journal lacks something that happened: only saving helps. */
  #isBehind = false;

  constructor(db: Database<BudgetTables>, limits: StoredLimits) {
    this.#db = db;
    this.#limits = limits;
  }

  get inMemory(): InMemory {
    const { made, ended, charges } = this.#unsaved;
    return {
      waitingLines: this.#waiting.lines.length,
      unsaved: made.size + ended.size + charges.length,
      openCalls: this.#open.size,
    };
  }

  async open(made: Reservation, flex?: Flex): Promise<Admission> {
    for (;;) {
      while (this.#closed !== undefined) await this.#closed;
      const book = this.#book;
      const counters = book && countersOf(book, made);
      if (this.#isBehind || !book || !counters?.every(({ name }) => this.#states.has(name))) {
        await this.#counted(made);
        continue;
      }
      const opened = admit(this.#states, counters, made, flex);
      if (opened.outcome !== "admitted") return { opened, kept: Promise.resolve() };
      const { reservation } = opened;
      this.#open.set(reservation.id, { book, counters });
      this.#made(reservation, counters);
      return { opened, kept: this.#note(openEntry(reservation)) };
    }
  }

  async end(ended: Reservation): Promise<Ended> {
    for (;;) {
      while (this.#closed !== undefined) await this.#closed;
      const open = this.#open.get(ended.id);
      if (open === undefined) return this.#db.transact((tx) => this.endIn(tx, ended), "relaxed");
      // Under the budgets in force when it ends.
      const book = this.#book;
      const counters = book === open.book ? open.counters : book && countersOf(book, ended);
      if (!counters || (exceeds(ended) && !counters.every(({ name }) => this.#states.has(name)))) {
        await this.#counted(ended);
        continue;
      }
      this.#open.delete(ended.id);
      const reservation = withinLimits(this.#states, counters, ended);
      for (const { state, held, used } of this.#shares(reservation, counters)) state?.free(held, used);
      this.#ended(reservation, counters);
      await this.#note(endEntry(reservation));
      return { applied: true, reservation };
    }
  }

  async openIn(tx: BudgetTx, made: Reservation): Promise<Opened> {
    await this.#ready();
    const book = await this.#bookIn(tx);
    // Whose id was made up for it cannot have been asked for before.
    const before = made.requestId === made.id ? undefined : await this.#journal.byRequest(tx, made);
    if (before !== undefined && made.createdMs - before.createdMs < requestIdLifeMs) {
      return { outcome: "duplicate", reservation: this.#unsaved.ended.get(before.id) ?? before };
    }
    const counters = countersOf(book, made);
    await this.#count(tx, counters);
    const opened = admit(this.#states, counters, made);
    if (opened.outcome !== "admitted") return opened;
    const shares = this.#shares(made, counters);
    onEnd(tx, (isCommitted) => {
      if (isCommitted) this.#open.set(made.id, { book, counters });
      else for (const { state, held } of shares) state?.free(held, 0);
    });
    if (before !== undefined) await this.#journal.retire(tx, before.id);
    const written = nothing();
    written.made.set(made.id, made);
    for (const { name, held } of shares) addTo(written.changes, name, held, 0);
    await this.#journal.write(tx, written);
    return opened;
  }

  async endIn(tx: BudgetTx, ended: Reservation): Promise<Ended> {
    await this.#ready();
    const { id } = ended;
    const known = this.#unsaved.ended.get(id);
    if (known !== undefined) return { applied: false, reservation: known };
    // From here on no one ends it in memory.
    const open = this.#open.get(id);
    this.#open.delete(id);
    onEnd(tx, (isCommitted) => void (isCommitted ? this.#open.delete(id) : open && this.#open.set(id, open)));
    const book = await this.#bookIn(tx);
    const counters = countersOf(book, ended);
    const made = this.#unsaved.made.get(id);
    const row = made ?? (await this.#journal.byId(tx, [id])).get(id);
    if (row?.state !== "held") return { applied: false, reservation: row };
    if (exceeds(ended)) await this.#count(tx, counters);
    const reservation = withinLimits(this.#states, counters, ended);
    const shares = this.#shares(reservation, counters);
    // What it is charged beyond what it held is held until then.
    for (const { state, held, used } of shares) state?.hold(Math.max(0, used - held));
    if (made !== undefined) this.#forget(made, counters);
    onEnd(tx, (isCommitted) => {
      if (!isCommitted && made !== undefined) this.#made(made, counters);
      for (const { state, held, used } of shares) {
        if (isCommitted) state?.free(Math.max(held, used), used);
        else state?.free(Math.max(0, used - held), 0);
      }
    });
    const written = nothing();
    if (made !== undefined) written.made.set(id, made);
    written.ended.set(id, reservation);
    const charge = chargeOf(reservation);
    if (charge !== undefined) written.charges.push({ reservation, charge });
    for (const { name, held, used } of shares) addTo(written.changes, name, made === undefined ? -held : 0, used);
    await this.#journal.write(tx, written);
    return { applied: true, reservation };
  }

  async save(): Promise<void> {
    await this.#ready();
    this.#saving ??= Promise.withResolvers();
    const { promise } = this.#saving;
    this.#start();
    return promise;
  }

  async changing<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#closed;
    const turn = (async () => {
      await before;
      await this.save();
      this.#book = undefined;
      try {
        return await work();
      } finally {
        this.#states = new Map();
        this.#book = await this.#limits.book(this.#db.read).catch(() => undefined);
      }
    })();
    const closed = turn.then(noop, noop).then(() => {
      if (this.#closed === closed) this.#closed = undefined;
    });
    this.#closed = closed;
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#recovered !== undefined) await this.save();
    while (this.#closed !== undefined) await this.#closed;
    await this.#writing;
  }

  /** What a reservation holds and is charged under each of its counters, and the counter in memory where it is there. */
  #shares(reservation: Reservation, counters: readonly Counter[]) {
    const charge = chargeOf(reservation);
    return counters.map(({ name, limit: { unit } }) => {
      const [held, used] = [amountOf(reservation, unit) ?? 0, charge?.[unit] ?? 0];
      return { name, state: this.#states.get(name), held, used };
    });
  }

  /** A call is to be saved as held. */
  #made(made: Reservation, counters: readonly Counter[]): void {
    this.#unsaved.made.set(made.id, made);
    for (const { name, held } of this.#shares(made, counters)) addTo(this.#unsaved.changes, name, held, 0);
  }

  /** What was to be saved of a call is not. */
  #forget(made: Reservation, counters: readonly Counter[]): void {
    this.#unsaved.made.delete(made.id);
    for (const { name, held } of this.#shares(made, counters)) addTo(this.#unsaved.changes, name, -held, 0);
  }

  /** A call has ended: what is to be saved of it is its end, or no more than its charge where the tables never heard of it. */
  #ended(ended: Reservation, counters: readonly Counter[]): void {
    for (const { name, held, used } of this.#shares(ended, counters)) addTo(this.#unsaved.changes, name, -held, used);
    if (!this.#unsaved.made.delete(ended.id)) this.#unsaved.ended.set(ended.id, ended);
    const charge = chargeOf(ended);
    if (charge !== undefined) this.#unsaved.charges.push({ reservation: ended, charge });
  }

  /** Puts a line in the journal with the next write. */
  #note(line: string): Promise<void> {
    this.#waiting.lines.push(line);
    const { promise } = this.#waiting.written;
    this.#start();
    return promise;
  }

  #start(): void {
    this.#writing ??= this.#write();
  }

  /** Writes while there is something to write: one thing at a time, so that no line is in the journal and saved as well. */
  async #write(): Promise<void> {
    for (;;) {
      const isDue = this.#isBehind || performance.now() - this.#savedMs >= savedWithinMs;
      const hasLines = this.#waiting.lines.length > 0;
      if (this.#saving === undefined && !hasLines) break;
      await this.#writeOnce(this.#saving !== undefined || isDue);
    }
    this.#writing = undefined;
    if (!isNothing(this.#unsaved)) this.#saveLater();
  }

  /** Writes lines into the journal, or everything into the tables. As late as can be: what happened until then is in it. */
  async #writeOnce(isSaving: boolean): Promise<void> {
    const taken: { waiting?: Waiting; saving?: PromiseWithResolvers<void> | undefined } = {};
    const take = (): Waiting => {
      taken.saving = isSaving ? this.#saving : undefined;
      if (isSaving) this.#saving = undefined;
      return (taken.waiting = this.#take());
    };
    try {
      await this.#db.transact(async (tx) => {
        const { lines } = take();
        if (!isSaving) return this.#journal.note(tx, lines);
        const unsaved = this.#unsaved;
        onEnd(tx, (isCommitted) => void (isCommitted || (this.#unsaved = added(unsaved, this.#unsaved))));
        this.#unsaved = nothing();
        if (isNothing(unsaved) && !this.#isBehind) return;
        await this.#journal.write(tx, unsaved);
        await this.#journal.empty(tx);
      }, "relaxed");
      if (isSaving) {
        this.#isBehind = false;
        this.#savedMs = performance.now();
      }
      taken.waiting?.written.resolve();
      taken.saving?.resolve();
    } catch (error) {
      this.#isBehind = true;
      (taken.waiting ?? take()).written.reject(error);
      taken.saving?.reject(error);
    }
  }

  /** Saves what no one has saved by then, and tries again what could not be. */
  #saveLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Its waiters are told; the next attempt is as far away as the last.
      this.save().catch(() => this.#saveLater());
    }, savedWithinMs).unref();
  }

  #take(): Waiting {
    const taken = this.#waiting;
    // A write that fails with no one waiting must not stop this.
    taken.written.promise.catch(noop);
    this.#waiting = noWaiters();
    return taken;
  }

  /** Resolves when the limits and the counters of a call have been read. */
  #counted(call: Reservation): Promise<void> {
    this.#wanted.push(call);
    this.#counting ??= this.#countWanted().finally(() => (this.#counting = undefined));
    return this.#counting;
  }

  async #countWanted(): Promise<void> {
    try {
      await this.#ready();
      if (this.#isBehind) await this.save();
      await this.#db.transact(async (tx) => {
        if (this.#states.size > maxCounters) this.#states = new Map();
        const book = (this.#book ??= await this.#limits.book(tx));
        await this.#count(
          tx,
          this.#wanted.splice(0).flatMap((call) => countersOf(book, call)),
        );
      }, "relaxed");
    } finally {
      this.#wanted = [];
    }
  }

  /**
   * Reads counters that are not in memory, or are there under a limit that has been changed since, and makes those that are
   * nowhere; a transaction that is undone takes them back.
   */
  async #count(tx: BudgetTx, counters: readonly Counter[]): Promise<void> {
    const isKnown = ({ name, limit }: Counter) => this.#states.get(name)?.counter.limit.amount === limit.amount;
    const missing = new Map(counters.filter((counter) => !isKnown(counter)).map((each) => [each.name, each]));
    if (missing.size === 0) return;
    for (const [name, { used, held }] of await ensured(tx, [...missing.values()])) {
      const [counter, more] = [missing.get(name), this.#unsaved.changes.get(name)];
      if (counter === undefined) continue;
      const state = new CounterState(counter, { used: used + (more?.used ?? 0), held: held + (more?.held ?? 0) });
      this.#states.set(name, state);
      onEnd(tx, (isCommitted) => {
        if (!isCommitted && this.#states.get(name) === state) this.#states.delete(name);
      });
    }
  }

  /** The limits as a transaction sees them. */
  async #bookIn(tx: BudgetTx): Promise<LimitBook> {
    const book = this.#book;
    return book?.version === (await this.#limits.version(tx)) ? book : this.#limits.book(tx);
  }

  #ready(): Promise<void> {
    this.#recovered ??= this.#recover().catch((error: unknown) => {
      this.#recovered = undefined;
      throw error;
    });
    return this.#recovered;
  }

  /** Takes up what a process left that was killed. */
  async #recover(): Promise<void> {
    const book = await this.#limits.book(this.#db.read);
    const left = await this.#journal.read(this.#db.read);
    for (const made of left.made) this.#made(made, countersOf(book, made));
    for (const ended of left.ended) this.#ended(ended, countersOf(book, ended));
    this.#book = book;
    this.#isBehind = left.made.length + left.ended.length > 0;
  }
}

function noop(): void {}

function nothing(): Unsaved {
  return { made: new Map(), ended: new Map(), charges: [], changes: new Map() };
}

function noWaiters(): Waiting {
  return { lines: [], written: Promise.withResolvers() };
}

/** Whatever happens to a call changes a counter: its product and project are always counted. */
function isNothing({ changes }: Unsaved): boolean {
  return changes.size === 0;
}

/** By how much a counter changes in addition. */
function addTo(changes: Changes, name: string, held: number, used: number): void {
  const change = changes.get(name);
  if (change === undefined) changes.set(name, { held, used });
  else {
    change.held += held;
    change.used += used;
  }
}

/** Adds to what could not be saved what happened meanwhile. */
function added(unsaved: Unsaved, later: Unsaved): Unsaved {
  for (const [id, made] of later.made) unsaved.made.set(id, made);
  for (const [id, ended] of later.ended) unsaved.ended.set(id, ended);
  for (const [name, { held, used }] of later.changes) addTo(unsaved.changes, name, held, used);
  for (const charge of later.charges) unsaved.charges.push(charge);
  return unsaved;
}
