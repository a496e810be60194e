// The till: where one process alone uses the database, calls of models are admitted and charged in memory, at once.
//
// 1. What is promised or charged is in the journal when its promise resolves: one row for all that happened meanwhile. `save`
//    moves it into the tables twice a second; a call that began and ended in between leaves nothing there but its sums.
// 2. A counter in memory is the whole truth: what the table says and what is still to be saved. It is read when it is first
//    needed, while nothing else happens.
// 3. Whatever else changes what is counted (claims, limits, what a former process left to expire) has the till closed:
//    everything is saved before, and counters are read anew afterwards. Calls wait meanwhile.
// 4. What a killed process left in the journal is saved first of all; calls that it had not ended are held until they expire.
// 5. What cannot be written stays in memory until it can, and no call is admitted before that.
import type { Database } from "../db/index.ts";
import type { LimitBook } from "./limit-book.ts";
import type { InMemory } from "./metrics.ts";
import { chargeOf } from "./reservation.ts";
import type { Flex, Reservation } from "./reservation.ts";
import type { Counter } from "./store/counters.ts";
import { endEntry, Journal, openEntry } from "./store/journal.ts";
import type { Unsaved } from "./store/journal.ts";
import type { StoredLimits } from "./store/limits.ts";
import type { BudgetTables } from "./store/tables.ts";
import { admit, amountOf, countersOf, exceeds, Tally, withinLimits } from "./store/tally.ts";
import type { Opened } from "./store/tally.ts";

/** How long something may wait in the journal before it is saved, milliseconds; what a start after a crash has to read. */
const savedWithinMs = 500;

/** Most counters in memory; more than a server has combinations of budgets and windows at a time. */
const maxCounters = 20_000;

/** What a call is counted under that this process has admitted and that has not ended. */
interface Open {
  readonly book: LimitBook;
  readonly counters: readonly Counter[];
}

/** What became of a call's request, and when that is certain to outlive the process. */
export interface Admission {
  readonly opened: Opened;
  readonly kept: Promise<void>;
}

/** Somebody who waits for the tables, or for counters out of them. */
interface Visit {
  readonly run: () => Promise<void>;
  readonly reject: (reason: unknown) => void;
}

/** A call that waits for its counters, to be admitted or charged. */
interface Wanted extends PromiseWithResolvers<void> {
  readonly call: Reservation;
}

/** The till of a database that nobody else uses. */
export class Till implements AsyncDisposable {
  readonly #db: Database<BudgetTables>;
  readonly #limits: StoredLimits;
  readonly #journal: Journal;
  #book: LimitBook | undefined;
  #tallies = new Map<string, Tally>();
  readonly #open = new Map<string, Open>();
  #unsaved: Unsaved = nothing();
  /** Lines for the journal, and who waits until they are in it. */
  #lines: string[] = [];
  #written = Promise.withResolvers<void>();
  #saved: PromiseWithResolvers<void> | undefined;
  #savedMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #wanted: Wanted[] = [];
  #visits: Visit[] = [];
  #closed: Promise<void> | undefined;
  /** The journal lacks something that happened: only saving helps. */
  #isBehind = false;
  #isRecovered = false;

  constructor(db: Database<BudgetTables>, limits: StoredLimits) {
    this.#db = db;
    this.#limits = limits;
    this.#journal = new Journal(db.dialect);
  }

  /** How much is in memory alone. */
  get inMemory(): InMemory {
    const { made, ended, charges } = this.#unsaved;
    return {
      waitingLines: this.#lines.length,
      unsaved: made.size + ended.size + charges.length,
      openCalls: this.#open.size,
    };
  }

  /** Admits a call, or tells why not. Rejects when what it needs cannot be read or written. */
  async open(made: Reservation, flex?: Flex): Promise<Admission> {
    for (;;) {
      while (this.#closed !== undefined) await this.#closed;
      const book = this.#book;
      const counters = book && countersOf(book, made);
      if (!this.#isBehind && book && counters?.every(({ name }) => this.#tallies.has(name))) {
        return this.#admit(book, counters, made, flex);
      }
      await this.#counted(made);
    }
  }

  /**
   * Ends a call that this process has admitted; undefined when it has not, or the call has ended. The record is charged within
   * the limits.
   */
  async end(
    ended: Reservation,
  ): Promise<{ readonly kept: Promise<void>; readonly reservation: Reservation } | undefined> {
    for (;;) {
      while (this.#closed !== undefined) await this.#closed;
      const open = this.#open.get(ended.id);
      if (open === undefined) return undefined;
      // Under the budgets in force when it ends.
      const book = this.#book ?? open.book;
      const counters = book === open.book ? open.counters : countersOf(book, ended);
      if (exceeds(ended) && !counters.every(({ name }) => this.#tallies.has(name))) {
        await this.#counted(ended);
        continue;
      }
      this.#open.delete(ended.id);
      const reservation = withinLimits(this.#tallies, counters, ended);
      this.#ended(reservation, counters);
      return { kept: this.#note(endEntry(reservation)), reservation };
    }
  }

  /** Resolves when the counters of a call have been read. */
  #counted(call: Reservation): Promise<void> {
    const wanted: Wanted = { call, ...Promise.withResolvers<void>() };
    this.#wanted.push(wanted);
    this.#visit();
    return wanted.promise;
  }

  /** Resolves when the tables hold everything that has happened by now. */
  async save(): Promise<void> {
    if (!this.#isRecovered) return this.exclusively(async () => {});
    this.#saved ??= Promise.withResolvers();
    const { promise } = this.#saved;
    this.#start();
    return promise;
  }

  /** Runs what reads or changes the tables while the till is closed; the tables hold everything then. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#visits.push({ run: () => work().then(resolve, reject), reject });
    this.#visit();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#isRecovered) await this.save();
    while (this.#closed !== undefined) await this.#closed;
    await this.#writing;
  }

  #admit(book: LimitBook, counters: readonly Counter[], asked: Reservation, flex: Flex | undefined): Admission {
    const opened = admit(this.#tallies, counters, asked, flex);
    if (opened.outcome !== "admitted") return { opened, kept: Promise.resolve() };
    const made = opened.reservation;
    this.#open.set(made.id, { book, counters });
    this.#made(made, counters);
    return { opened, kept: this.#note(openEntry(made)) };
  }

  /** A call is to be saved as held. */
  #made(made: Reservation, counters: readonly Counter[]): void {
    this.#unsaved.made.set(made.id, made);
    for (const { name, limit } of counters) addTo(this.#unsaved, name, amountOf(made, limit.unit) ?? 0, 0);
  }

  /** A call has ended: what is to be saved of it is its end, or no more than its charge where the tables never heard of it. */
  #ended(ended: Reservation, counters: readonly Counter[]): void {
    const charge = chargeOf(ended);
    for (const { name, limit } of counters) {
      const [free, used] = [amountOf(ended, limit.unit) ?? 0, charge?.[limit.unit] ?? 0];
      this.#tallies.get(name)?.free(free, used);
      addTo(this.#unsaved, name, -free, used);
    }
    if (!this.#unsaved.made.delete(ended.id)) this.#unsaved.ended.set(ended.id, ended);
    if (charge !== undefined) this.#unsaved.charges.push({ reservation: ended, charge });
  }

  /** Puts a line in the journal with the next write. */
  #note(line: string): Promise<void> {
    this.#lines.push(line);
    const { promise } = this.#written;
    this.#start();
    return promise;
  }

  #start(): void {
    this.#writing ??= this.#write();
  }

  /** Writes while there is something to write: one thing at a time, so that no line is in the journal and saved as well. */
  async #write(): Promise<void> {
    for (;;) {
      const isDue = this.#lines.length > 0 && (this.#isBehind || performance.now() - this.#savedMs >= savedWithinMs);
      if (this.#saved !== undefined || isDue) await this.#saveNow();
      else if (this.#lines.length > 0) await this.#writeLines();
      else break;
    }
    this.#writing = undefined;
    if (!isNothing(this.#unsaved)) this.#saveLater();
  }

  async #writeLines(): Promise<void> {
    let taken: Lines | undefined;
    try {
      await this.#db.transact((tx) => {
        // As late as can be: what happened until the transaction began is in it.
        taken = this.#takeLines();
        return this.#journal.write(tx, taken.lines);
      }, "relaxed");
      taken?.written.resolve();
    } catch (error) {
      this.#isBehind = true;
      (taken ?? this.#takeLines()).written.reject(error);
    }
  }

  async #saveNow(): Promise<void> {
    const [saved, { written }, unsaved] = [this.#saved, this.#takeLines(), this.#unsaved];
    this.#saved = undefined;
    this.#unsaved = nothing();
    try {
      if (this.#isBehind || !isNothing(unsaved)) {
        await this.#db.transact((tx) => this.#journal.save(tx, unsaved), "relaxed");
      }
      this.#isBehind = false;
      this.#savedMs = performance.now();
      written.resolve();
      saved?.resolve();
    } catch (error) {
      this.#isBehind = true;
      this.#unsaved = added(unsaved, this.#unsaved);
      written.reject(error);
      saved?.reject(error);
    }
  }

  /** Saves what nobody has saved by then, and tries again what could not be. */
  #saveLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Whoever waits for it is told; the next attempt is as far away as the last.
      this.save().catch(() => this.#saveLater());
    }, savedWithinMs).unref();
  }

  /** The lines that are to be written, and who waits for them. */
  #takeLines(): Lines {
    const taken = { lines: this.#lines, written: this.#written };
    // That nobody waits for a write that fails is no reason to stop.
    taken.written.promise.catch(() => {});
    this.#lines = [];
    this.#written = Promise.withResolvers();
    return taken;
  }

  /** Closes the till for one round. */
  #visit(): void {
    this.#closed ??= this.#round().then((go) => {
      this.#closed = undefined;
      // In the order in which they came: who wanted counters came before those who found the till closed.
      go();
      // Calls come first, or a stream of claims would keep them out.
      if (this.#visits.length > 0 || this.#wanted.length > 0) setImmediate(() => this.#visit());
    });
  }

  /** Whoever asked for the tables has them; then the counters that calls want are read. Resolves with what tells those. */
  async #round(): Promise<() => void> {
    const visits = this.#visits.splice(0);
    try {
      if (!this.#isRecovered) await this.#recover();
      await this.save();
      await Promise.all(visits.map(({ run }) => run()));
      if (visits.length > 0 || this.#tallies.size > maxCounters) this.#tallies = new Map();
      if (visits.length > 0) await this.#readBook();
    } catch (error) {
      const refused = [...visits, ...this.#wanted.splice(0)];
      return () => refused.forEach(({ reject }) => reject(error));
    }
    const wanted = this.#wanted.splice(0);
    try {
      if (wanted.length > 0) await this.#load(wanted.map(({ call }) => call));
      return () => wanted.forEach(({ resolve }) => resolve());
    } catch (error) {
      return () => wanted.forEach(({ reject }) => reject(error));
    }
  }

  async #readBook(): Promise<void> {
    const version = await this.#limits.version(this.#db.read);
    if (this.#book?.version !== version) this.#book = await this.#limits.book(this.#db.read);
  }

  /** Reads the counters of calls, and makes those that are not there. */
  async #load(calls: readonly Reservation[]): Promise<void> {
    await this.#db.transact(async (tx) => {
      const book = (this.#book ??= await this.#limits.book(tx));
      const counters = new Map(
        calls.flatMap((call) => countersOf(book, call).map((each) => [each.name, each] as const)),
      );
      const counted = await this.#journal.counted(tx, [...counters.values()]);
      for (const [name, counter] of counters) {
        const before = counted.get(name);
        if (before !== undefined) this.#tallies.set(name, new Tally(counter, before));
      }
    }, "relaxed");
  }

  /** Takes up what a process left that was killed. */
  async #recover(): Promise<void> {
    const book = (this.#book = await this.#limits.book(this.#db.read));
    const left = await this.#journal.read(this.#db.read);
    for (const made of left.made) this.#made(made, countersOf(book, made));
    for (const ended of left.ended) this.#ended(ended, countersOf(book, ended));
    this.#isBehind = left.made.length + left.ended.length > 0;
    this.#isRecovered = true;
  }
}

interface Lines {
  readonly lines: readonly string[];
  readonly written: PromiseWithResolvers<void>;
}

function nothing(): Unsaved {
  return { made: new Map(), ended: new Map(), charges: [], changes: new Map() };
}

/** Whatever happens to a call changes a counter: its product and project are always counted. */
function isNothing({ changes }: Unsaved): boolean {
  return changes.size === 0;
}

/** By how much a counter changes besides. */
function addTo({ changes }: Unsaved, name: string, held: number, used: number): void {
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
  for (const [name, { held, used }] of later.changes) addTo(unsaved, name, held, used);
  for (const charge of later.charges) unsaved.charges.push(charge);
  return unsaved;
}
