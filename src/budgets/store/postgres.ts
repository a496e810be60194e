// A database that processes share: a lease is a part of what is free, and near a limit `budget_batch` decides.
//
// 1. A process that asks often is granted a part of what its counters have free. A note of each call that is counted against it is
//    a row of the lease; the server folds them (`budget_take`) when the lease ends.
// 2. What memory is not sure of, the function decides: it ends the leases that are in the way, this one included. So nothing is
//    refused that fits, and no limit is passed.
// 3. A lease ends when anyone wants it to. What a killed process noted is counted when its lease is in the way and when abandoned
//    calls are looked for. Who only asks how things stand reads the notes, and ends none.
// 4. A call whose lease has ended is a row, and ends there.
import { CompiledQuery, sql } from "kysely";
import type { Database } from "../../db/index.ts";
import { GroupCommit } from "../../kernel/group-commit.ts";
import type { CommitLine } from "../../kernel/group-commit.ts";
import { amountOf, countersOf, CounterState, Lease } from "../lease.ts";
import type { Entry } from "../lease.ts";
import type { LimitBook } from "../limit-book.ts";
import type { InMemory } from "../metrics.ts";
import type { Reservation } from "../reservation.ts";
import { Batches } from "./batch.ts";
import { lockKey } from "./counters.ts";
import type { Counter } from "./counters.ts";
import type { StoredLimits } from "./limits.ts";
import type { BudgetTx } from "./statement.ts";
import type { Decided, Question, Store } from "./store.ts";
import { endNoteOf, valuesOf } from "./tables.ts";
import type { BudgetTables } from "./tables.ts";

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

/** The tables of PostgreSQL, and what this process was granted of them. */
export class PostgresStore implements Store {
  readonly isBehind = false;
  readonly #db: Database<BudgetTables>;
  readonly #batches: Batches;
  readonly #terms: LeaseTerms;
  readonly #notes = new GroupCommit<Note, boolean>({ commit: (line) => this.#write(line) });
  #lease: Lease | undefined;
  /** What the lease was asked for, also of counters that have too little room, and how much was noted under it. */
  #wanted: ReadonlyMap<string, Wanted> = new Map();
  #noted = 0;
  #timer: NodeJS.Timeout | undefined;
  #changing: Promise<void> | undefined;
  /** What the database was asked for in this second. */
  #asked: { book?: LimitBook; sinceMs: number; calls: number; wanted: Map<string, Wanted> } = nothingAsked();
  #notBeforeMs = 0;
  #isClosed = false;

  constructor(db: Database<BudgetTables>, limits: StoredLimits, terms = usualTerms) {
    this.#db = db;
    this.#batches = new Batches(db, limits);
    this.#terms = terms;
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  get inMemory(): InMemory {
    const openCalls = this.#lease?.open.size ?? 0;
    return { waitingLines: this.#notes.waiting.count, unsaved: this.#lease ? this.#noted : 0, openCalls };
  }

  note(lease: Lease, { reservation, counters }: Entry): Promise<boolean> {
    const places = () => counters.map(({ name }) => lease.states.get(name)?.place);
    const line = reservation.state === "held" ? [...valuesOf(reservation), places()] : endNoteOf(reservation);
    return this.#notes.submit({ lease, line: JSON.stringify(line) });
  }

  async decide(tx: BudgetTx | undefined, question: Question): Promise<Decided> {
    const decided = await this.#batches.run(tx, question);
    if (tx !== undefined) return decided;
    for (const [i, { made }] of question.openings.entries()) {
      if (decided.opened[i]?.outcome === "admitted") this.#wants(made);
    }
    return decided;
  }

  async fold(): Promise<void> {
    this.#lose(this.#lease);
    await this.#once(`select budget_take(null, '{}'), ${relaxed}`, []);
  }

  // What was told to anyone is noted, and the views read the notes.
  async show(): Promise<void> {}

  async endLeases(tx: BudgetTx): Promise<void> {
    await sql`select pg_advisory_xact_lock(${lockKey})`.execute(tx);
    await sql`select budget_take(null, '{}')`.execute(tx);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#notes.drain();
    this.#isClosed = true;
    await this.#changing;
    if (this.#lease !== undefined) await this.#giveBack(this.#lease);
  }

  /** Writes what waits, of one lease at a time. */
  async #write(line: CommitLine<Note, boolean>): Promise<void> {
    const first = line.waiting[0]?.item.lease;
    if (first === undefined) return;
    const taken = line.takeWhile(({ lease }) => lease === first);
    if (first === this.#lease) this.#noted += taken.length;
    let isNoted = false;
    try {
      const { rows } = await this.#once<{ noted: number }>(
        `with l as (select id from budget_leases where id = $1 for key share),
          n as (insert into budget_notes (lease, body) select id, $2 from l returning 1)
          select count(*)::int as noted, ${relaxed} from n`,
        [first.id, `[${taken.map(({ item }) => item.line).join(",")}]`],
      );
      isNoted = rows[0]?.noted === 1;
    } finally {
      // Whether a note whose commit failed is there is not known: the tables will tell.
      if (!isNoted) this.#lose(first);
    }
    for (const { resolve } of taken) resolve(isNoted);
    if (first === this.#lease && this.#noted >= maxNotes) this.#change(() => this.#take(first.book, this.#wanted));
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
    const { book } = this.#batches;
    const nowMs = performance.now();
    if (book === undefined || this.#isClosed) return;
    if (this.#asked.book !== book || nowMs - this.#asked.sinceMs > 1_000)
      this.#asked = { ...nothingAsked(), book, sinceMs: nowMs };
    const { wanted } = this.#asked;
    const counters = countersOf(book, made);
    const lease = this.#lease;
    if (lease && counters.some(({ name }) => this.#wanted.has(name) && !lease.states.has(name))) return;
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
    const all = new Map([...(before?.book === book ? this.#wanted : []), ...asked]);
    const wanted = [...all.values()];
    const counters = wanted.map(({ counter: { name, limit }, asked: largest }, place) => {
      return { place, name, unit: limit.unit, amount: limit.amount, asked: largest };
    });
    const states = new Map<string, CounterState>();
    const lease = new Lease(book, false, states);
    const { rows } = await this.#once<{ grants: readonly (readonly [number, number])[] | null }>(
      `select budget_lease($1, $2, $3, $4) as grants, ${relaxed}`,
      [book.version, lease.id, before?.id ?? null, JSON.stringify(counters)],
    );
    for (const [place, granted] of rows[0]?.grants ?? []) {
      const counter = wanted[place]?.counter;
      if (counter === undefined) continue;
      const most = counter.limit.amount === null ? undefined : granted;
      states.set(counter.name, new CounterState(counter, { used: 0, held: 0 }, { most, place }));
    }
    if (states.size === 0) return;
    [this.#lease, this.#wanted, this.#noted, this.#notBeforeMs] = [lease, all, 0, 0];
    this.#timer = setTimeout(() => this.#change(() => this.#giveBack(lease)), this.#terms.lifeMs).unref();
  }
}

function nothingAsked() {
  return { sinceMs: 0, calls: 0, wanted: new Map<string, Wanted>() };
}
