// The engine on a database that processes share: counts in memory against a lease while a counter is far from its limit, and lets
// the database decide where it is not.
//
// 1. A process that asks often is granted a part of what its counters have free. A call that fits into that is admitted in
//    memory, and answered when its note is in a relaxed commit; one that began and ended under one lease is never a row.
// 2. Whatever memory is not sure to admit or to charge in full, the database decides: it ends the leases that are in the way,
//    this one included. So nothing is refused that fits, and no limit is passed.
// 3. A lease ends when anyone wants it to. A note that comes later is refused, and then what it says has not happened: the call
//    is decided by the database like any other. What a killed process noted is counted when its lease is in the way, when the
//    state is asked for and when abandoned calls are looked for.
// 4. A call whose lease has ended is a row, and ends there.
import { CompiledQuery } from "kysely";
import type { Database } from "../db/index.ts";
import { GroupCommit } from "../kernel/group-commit.ts";
import type { CommitLine } from "../kernel/group-commit.ts";
import { Batcher } from "./batcher.ts";
import type { Admission, Ended, Engine } from "./engine.ts";
import type { LimitBook } from "./limit-book.ts";
import type { InMemory } from "./metrics.ts";
import { chargeOf } from "./reservation.ts";
import type { Flex, Reservation } from "./reservation.ts";
import type { Counter } from "./store/counters.ts";
import { endEntry } from "./store/journal.ts";
import type { StoredLimits } from "./store/limits.ts";
import type { BudgetTx } from "./store/statement.ts";
import { valuesOf } from "./store/tables.ts";
import type { BudgetTables } from "./store/tables.ts";
import { admit, amountOf, asksWhole, countersOf, CounterState, withinLimits } from "./store/counter-state.ts";
import type { Opened } from "./store/counter-state.ts";

/** When a lease is worth its while, and how long one is held. */
export interface LeaseTerms {
  /** Calls that the database admitted within a second. */
  readonly after: number;
  /** Milliseconds; after that its notes are written into the tables, which bounds how many there are. */
  readonly lifeMs: number;
}

const usualTerms: LeaseTerms = { after: 16, lifeMs: 10_000 };

/** Most notes of one lease. */
const maxNotes = 4_000;

/** How long a process asks for no lease after it was granted none, milliseconds. */
const pauseMs = 1_000;

/** What a relaxed statement selects besides. */
const relaxed = "set_config('synchronous_commit', 'off', true)";

/** What this process may count in memory. */
interface Lease {
  readonly id: string;
  readonly book: LimitBook;
  readonly tallies: ReadonlyMap<string, CounterState>;
  /** The places of the counters by name, as the notes name them. */
  readonly places: ReadonlyMap<string, number>;
  /** What it was asked for, also of counters that have too little room. */
  readonly wanted: ReadonlyMap<string, Wanted>;
  /** Calls that were admitted under it and have not ended. */
  readonly open: Map<string, readonly Counter[]>;
  notes: number;
}

/** A line for the notes of a lease. */
interface Note {
  readonly lease: Lease;
  readonly line: string;
}

/** A counter that was asked for, and the largest amount. */
interface Wanted {
  readonly counter: Counter;
  readonly asked: number;
}

/** Counters in memory as far as they are leased, and the database for everything else. */
export class Leases implements Engine {
  readonly #db: Database<BudgetTables>;
  readonly #exact: Batcher;
  readonly #terms: LeaseTerms;
  readonly #notes = new GroupCommit<Note, boolean>({ commit: (line) => this.#write(line) });
  #lease: Lease | undefined;
  #timer: NodeJS.Timeout | undefined;
  #changing: Promise<void> | undefined;
  /** What the database was asked for in this second. */
  #asked: { book?: LimitBook; sinceMs: number; calls: number; wanted: Map<string, Wanted> } = nothingAsked();
  #notBeforeMs = 0;
  #isClosed = false;

  constructor(db: Database<BudgetTables>, limits: StoredLimits, terms = usualTerms) {
    this.#db = db;
    this.#exact = new Batcher(db, limits);
    this.#terms = terms;
  }

  get inMemory(): InMemory {
    const { notes = 0, open } = this.#lease ?? {};
    return { waitingLines: this.#notes.waiting.count, unsaved: notes, openCalls: open?.size ?? 0 };
  }

  async open(made: Reservation, flex?: Flex): Promise<Admission> {
    const lease = this.#lease;
    const counters = lease && countersOf(lease.book, made);
    if (
      lease &&
      counters?.every(({ name }) => lease.tallies.has(name)) &&
      asksWhole(lease.tallies, counters, made, flex)
    ) {
      const opened = admit(lease.tallies, counters, made);
      if (opened.outcome === "admitted") {
        lease.open.set(made.id, counters);
        const places = counters.map(({ name }) => lease.places.get(name));
        if (await this.#note(lease, JSON.stringify([...valuesOf(made), places])))
          return { opened, kept: Promise.resolve() };
      }
    }
    const decided = await this.#exact.open(made, flex);
    if (decided.opened.outcome === "admitted") this.#wants(made);
    return decided;
  }

  async end(ended: Reservation): Promise<Ended> {
    const lease = this.#lease;
    const counters = lease?.open.get(ended.id);
    if (lease && counters && withinLimits(lease.tallies, counters, ended) === ended) {
      lease.open.delete(ended.id);
      const charge = chargeOf(ended);
      for (const { name, limit } of counters)
        lease.tallies.get(name)?.free(amountOf(ended, limit.unit) ?? 0, charge?.[limit.unit] ?? 0);
      if (await this.#note(lease, endEntry(ended))) return { applied: true, reservation: ended };
    }
    return this.#exact.end(ended);
  }

  openIn(tx: BudgetTx, made: Reservation): Promise<Opened> {
    return this.#exact.openIn(tx, made);
  }

  endIn(tx: BudgetTx, ended: Reservation): Promise<Ended> {
    return this.#exact.endIn(tx, ended);
  }

  /** Ends every lease, whatever process holds it. */
  async save(): Promise<void> {
    this.#lose(this.#lease);
    await this.#once(`select budget_take(null, '{}'), ${relaxed}`, []);
  }

  /** Who changes the limits ends every lease in the same transaction. */
  changing<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#changing;
    if (this.#lease !== undefined) await this.#giveBack(this.#lease);
    await this.#exact[Symbol.asyncDispose]();
  }

  /** Notes something under a lease; resolves with false when the lease has ended, and then nothing has been noted. */
  async #note(lease: Lease, line: string): Promise<boolean> {
    let isNoted = false;
    try {
      isNoted = await this.#notes.submit({ lease, line });
    } finally {
      // Whether a note whose commit failed is there is not known: the tables will tell.
      if (!isNoted) this.#lose(lease);
    }
    return isNoted;
  }

  /** Writes what waits, of one lease at a time. */
  async #write(line: CommitLine<Note, boolean>): Promise<void> {
    const first = line.waiting[0]?.item.lease;
    if (first === undefined) return;
    const taken = line.takeWhile(({ lease }) => lease === first);
    first.notes += taken.length;
    try {
      const { rows } = await this.#once<{ noted: number }>(
        `with l as (select id from budget_leases where id = $1 for key share),
          n as (insert into budget_notes (lease, body) select id, $2 from l returning 1)
          select count(*)::int as noted, ${relaxed} from n`,
        [first.id, `[${taken.map(({ item }) => item.line).join(",")}]`],
      );
      for (const { resolve } of taken) resolve(rows[0]?.noted === 1);
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
    if (first.notes >= maxNotes && this.#lease === first) this.#change(() => this.#take(first.book, first.wanted));
  }

  #once<Row>(text: string, values: readonly unknown[]) {
    return this.#db.once<Row>(CompiledQuery.raw(text, [...values]), "relaxed");
  }

  /** Counts nothing more under a lease that has ended. */
  #lose(lease: Lease | undefined): void {
    if (this.#lease !== lease) return;
    this.#lease = undefined;
    clearTimeout(this.#timer);
  }

  /** Begins or ends a lease, one at a time; what fails is tried again when there is reason to. */
  #change(change: () => Promise<void>): void {
    this.#changing ??= change()
      .catch(() => {})
      .finally(() => (this.#changing = undefined));
  }

  async #giveBack(lease: Lease): Promise<void> {
    this.#lose(lease);
    await this.#once(`select budget_take(array[$1], '{}'), ${relaxed}`, [lease.id]);
  }

  /** The database admitted a call: a process whose calls are many asks for a lease of their counters. */
  #wants(made: Reservation): void {
    const book = this.#exact.book;
    const nowMs = performance.now();
    if (book === undefined || this.#isClosed) return;
    if (this.#asked.book !== book || nowMs - this.#asked.sinceMs > 1_000)
      this.#asked = { ...nothingAsked(), book, sinceMs: nowMs };
    const { wanted } = this.#asked;
    const counters = countersOf(book, made);
    const lease = this.#lease;
    if (lease && counters.some(({ name }) => lease.wanted.has(name) && !lease.tallies.has(name))) return;
    for (const counter of counters) {
      const asked = Math.max(amountOf(made, counter.limit.unit) ?? 0, wanted.get(counter.name)?.asked ?? 0);
      wanted.set(counter.name, { counter, asked });
    }
    if (++this.#asked.calls < this.#terms.after || nowMs < this.#notBeforeMs) return;
    this.#asked.calls = 0;
    this.#change(() => this.#take(book, wanted));
  }

  /** Asks for a lease in the place of the one that is held. */
  async #take(book: LimitBook, asked: ReadonlyMap<string, Wanted>): Promise<void> {
    const before = this.#lease;
    this.#lose(before);
    this.#notBeforeMs = performance.now() + pauseMs;
    const all = new Map([...(before?.book === book ? before.wanted : []), ...asked]);
    const wanted = [...all.values()];
    const counters = wanted.map(({ counter: { name, limit }, asked: largest }, place) => {
      return { place, name, unit: limit.unit, amount: limit.amount, asked: largest };
    });
    const id = crypto.randomUUID();
    const { rows } = await this.#once<{ grants: readonly (readonly [number, number])[] | null }>(
      `select budget_lease($1, $2, $3, $4) as grants, ${relaxed}`,
      [book.version, id, before?.id ?? null, JSON.stringify(counters)],
    );
    const tallies = new Map<string, CounterState>();
    const places = new Map<string, number>();
    for (const [place, granted] of rows[0]?.grants ?? []) {
      const counter = wanted[place]?.counter;
      if (counter === undefined) continue;
      const most = counter.limit.amount === null ? undefined : granted;
      tallies.set(counter.name, new CounterState(counter, { used: 0, held: 0 }, most));
      places.set(counter.name, place);
    }
    if (tallies.size === 0) return;
    this.#notBeforeMs = 0;
    const lease: Lease = { id, book, tallies, places, wanted: all, open: new Map(), notes: 0 };
    this.#lease = lease;
    this.#timer = setTimeout(() => this.#change(() => this.#giveBack(lease)), this.#terms.lifeMs).unref();
  }
}

function nothingAsked() {
  return { sinceMs: 0, calls: 0, wanted: new Map<string, Wanted>() };
}
