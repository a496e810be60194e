// One batch: reservations that are made and reservations that end, in one transaction with a few statements.
//
// 1. Rows are locked in one order everywhere: reservations that end, reservations that are made, counters, usage. Within each
//    kind they are sorted, so that batches of several processes do not deadlock.
// 2. Counters are locked before they are read, and the statement that adds to them checks the limit once more.
// 3. What ends frees its room before anything new is admitted; what is new is admitted in order of arrival, under all its
//    limits or under none.
// 4. Nothing outside the transaction changes: on PostgreSQL it may be run again.
import type { BudgetAct } from "../reservation.ts";
import type { Dialect } from "../../db/index.ts";
import type { LimitBook } from "../limit-book.ts";
import { requestIdLifeMs } from "../reservation.ts";
import type { Flex, Reservation } from "../reservation.ts";
import { CounterStatements } from "./counters.ts";
import type { Counter, CounterChange } from "./counters.ts";
import { byIdStatement, endStatement, makeStatement } from "./reservations.ts";
import { UsageStatements } from "./usage.ts";
import { statement } from "../../db/index.ts";
import { RowsStatement } from "./statement.ts";
import type { BudgetTx } from "./statement.ts";
import { admit, chargeAll, countersOf, exceeds, Tally } from "./tally.ts";
import type { Ending, Opened } from "./tally.ts";
import { endValuesOf, reservationOf, valuesOf } from "./tables.ts";
import type { ReservationRow } from "./tables.ts";

/** A reservation that is to be made, and the act that makes it, where it is one. */
export interface Opening {
  readonly made: Reservation;
  readonly act?: BudgetAct | undefined;
  readonly flex?: Flex | undefined;
}

/** What became of an ending: whether it took place, and the record as it stands now; undefined when there is none. */
export interface Ended {
  readonly applied: boolean;
  readonly reservation: Reservation | undefined;
}

/** The results of a batch, in the order of what was asked. */
export interface BatchResult {
  readonly opened: readonly Opened[];
  readonly ended: readonly Ended[];
}

/** Thrown out of a transaction that has found counters missing; it has changed nothing once it is undone. */
export class MissingCounters extends Error {
  override readonly name = "MissingCounters";
}

/** Runs batches. */
export class Batches {
  readonly #end: RowsStatement<{ id: string }>;
  readonly #make: RowsStatement<{ id: string }>;
  readonly #forget: RowsStatement;
  readonly #byId: RowsStatement<ReservationRow>;
  readonly #byRequest: (tx: BudgetTx, ...values: string[]) => Promise<{ rows: ReservationRow[] }>;
  readonly #retire: (tx: BudgetTx, id: string) => Promise<unknown>;
  readonly #hold: (tx: BudgetTx, ...values: (string | number | null)[]) => Promise<unknown>;
  readonly #cut: (tx: BudgetTx, ...values: (string | number | null)[]) => Promise<unknown>;
  readonly #counters: CounterStatements;
  readonly #usage: UsageStatements;

  constructor(dialect: Dialect) {
    this.#end = endStatement(dialect);
    this.#make = makeStatement(
      dialect,
      "on conflict (request_id, product, project, task, kind, retired_ms) do nothing returning id",
    );
    this.#forget = new RowsStatement(dialect, (rows) => `delete from budget_reservations where id in (${rows})`, "?", [
      "",
    ]);
    this.#byId = byIdStatement(dialect);
    this.#byRequest = statement(
      dialect,
      `select * from budget_reservations
        where request_id = ? and product = ? and project = ? and task = ? and kind = ? and retired_ms = 0`,
    );
    this.#retire = statement(dialect, "update budget_reservations set retired_ms = created_ms where id = ?");
    this.#hold = statement(dialect, "update budget_reservations set tokens = ?, microdollars = ? where id = ?");
    this.#cut = statement(
      dialect,
      "update budget_reservations set settled_tokens = ?, settled_microdollars = ? where id = ?",
    );
    this.#counters = new CounterStatements(dialect);
    this.#usage = new UsageStatements(dialect);
  }

  /** Makes the counters that are needed and not there. The caller has called `lockAlone`. */
  async makeCounters(
    tx: BudgetTx,
    book: LimitBook,
    openings: readonly Opening[],
    endings: readonly Ending[],
  ): Promise<void> {
    const needed = new Map<string, Counter>();
    for (const { made } of openings) for (const counter of countersOf(book, made)) needed.set(counter.name, counter);
    for (const { ended } of endings.filter(isChargedMore)) {
      for (const counter of countersOf(book, ended)) needed.set(counter.name, counter);
    }
    await this.#counters.ensured(tx, [...needed.values()]);
  }

  /** Carries a batch out. @throws MissingCounters, and then the transaction must be undone. */
  async run(
    tx: BudgetTx,
    book: LimitBook,
    openings: readonly Opening[],
    endings: readonly Ending[],
  ): Promise<BatchResult> {
    const applied = await this.#endAll(tx, endings);
    const { made, duplicates } = await this.#makeAll(tx, openings);
    const tallies = await this.#tally(tx, book, applied, made);
    const { charges, cut } = chargeAll(book, tallies, applied);
    for (const { id, settledTokens, settledMicrodollars } of cut.values()) {
      await this.#cut(tx, settledTokens, settledMicrodollars, id);
    }
    const decided = new Map<string, Opened>();
    for (const { made: asked, flex } of openings) {
      if (!made.has(asked.id)) continue;
      const one = admit(tallies, countersOf(book, asked), asked, flex);
      decided.set(asked.id, one);
      if (one.outcome !== "admitted" || one.reservation === asked) continue;
      const { tokens, microdollars, id } = one.reservation;
      await this.#hold(tx, tokens, microdollars, id);
    }
    const refused = [...decided].flatMap(([id, { outcome }]) => (outcome === "admitted" ? [] : [[id]]));
    await this.#forget.run(tx, refused);
    const changes = [...tallies.values()].map((tally) => tally.change).filter(changesAnything);
    await this.#counters.change(tx, changes.sort(byName));
    await this.#usage.add(tx, charges);

    const opened = openings.map(({ made: { id } }): Opened => {
      const own = decided.get(id);
      if (own !== undefined) return own;
      const first = duplicates.get(id);
      if (first === undefined) throw new Error("a reservation was neither made nor found");
      // The same request twice in one batch: the second shares the fate of the first.
      const fate = decided.get(first.id);
      return fate === undefined || fate.outcome === "admitted" ? { outcome: "duplicate", reservation: first } : fate;
    });
    const done = [...openings.filter((_, i) => opened[i]?.outcome === "admitted"), ...applied.values()];
    for (const { act } of done) await act?.note(tx);
    return { opened, ended: await this.#endedAs(tx, endings, applied, cut) };
  }

  /** Ends what is held still; what is named twice ends once. */
  async #endAll(tx: BudgetTx, endings: readonly Ending[]): Promise<ReadonlyMap<string, Ending>> {
    if (endings.length === 0) return new Map();
    const first = new Map<string, Ending>();
    for (const ending of endings) if (!first.has(ending.ended.id)) first.set(ending.ended.id, ending);
    const rows = [...first.values()].map(({ ended: each }) => endValuesOf(each)).sort(byFirst);
    const held = await this.#end.run(tx, rows);
    const ids = new Set(held.rows.map(({ id }) => id));
    return new Map([...first].filter(([id]) => ids.has(id)));
  }

  /** Puts reservations on record before anything is held for them; the unique request decides who came first. */
  async #makeAll(tx: BudgetTx, openings: readonly Opening[]) {
    const made = new Map<string, Reservation>();
    const duplicates = new Map<string, Reservation>();
    const note = (rows: readonly { id: string }[], given: ReadonlyMap<string, Reservation>) => {
      for (const { id } of rows) {
        const reservation = given.get(id);
        if (reservation !== undefined) made.set(id, reservation);
      }
    };
    const given = new Map(openings.map((opening) => [opening.made.id as string, opening.made]));
    const rows = [...given.values()].sort(byRequest).map(valuesOf);
    note((await this.#make.run(tx, rows)).rows, given);
    for (const [id, reservation] of given) {
      if (made.has(id)) continue;
      const { requestId, product, project, task, kind } = reservation;
      const found = await this.#byRequest(tx, requestId, product ?? "", project, task ?? "", kind);
      const row = found.rows[0];
      if (row === undefined) throw new Error("the reservation that a request stands for vanished inside a transaction");
      if (reservation.createdMs - row.created_ms < requestIdLifeMs) {
        duplicates.set(id, reservationOf(row));
        continue;
      }
      await this.#retire(tx, row.id);
      note((await this.#make.run(tx, [valuesOf(reservation)])).rows, given);
    }
    return { made, duplicates };
  }

  /**
   * Locks every counter that the batch touches. What ends under a limit that nobody has counted yet has nothing to change, unless
   * it is charged more than it held: how much of that may be charged, only the counter knows.
   */
  async #tally(
    tx: BudgetTx,
    book: LimitBook,
    endings: ReadonlyMap<string, Ending>,
    made: ReadonlyMap<string, Reservation>,
  ): Promise<ReadonlyMap<string, Tally>> {
    const wanted = new Map<string, Counter>();
    const needed = new Set<string>();
    for (const reservation of made.values()) {
      for (const counter of countersOf(book, reservation)) {
        wanted.set(counter.name, counter);
        needed.add(counter.name);
      }
    }
    for (const ending of endings.values()) {
      for (const counter of countersOf(book, ending.ended)) {
        wanted.set(counter.name, counter);
        if (isChargedMore(ending)) needed.add(counter.name);
      }
    }
    const counted = await this.#counters.lock(tx, [...wanted.keys()]);
    if ([...needed].some((name) => !counted.has(name))) throw new MissingCounters("counters have to be made first");
    const tallies = new Map<string, Tally>();
    for (const [name, counter] of wanted) {
      const before = counted.get(name);
      if (before !== undefined) tallies.set(name, new Tally(counter, before));
    }
    return tallies;
  }

  async #endedAs(
    tx: BudgetTx,
    endings: readonly Ending[],
    applied: ReadonlyMap<string, Ending>,
    cut: ReadonlyMap<string, Reservation>,
  ): Promise<Ended[]> {
    const late = endings.filter((ending) => applied.get(ending.ended.id) !== ending).map(({ ended: { id } }) => [id]);
    const { rows } = await this.#byId.run(tx, late);
    const now = new Map(rows.map((row) => [row.id, reservationOf(row)]));
    return endings.map((ending) => {
      const { ended } = ending;
      if (applied.get(ended.id) === ending) return { applied: true, reservation: cut.get(ended.id) ?? ended };
      return { applied: false, reservation: now.get(ending.ended.id) };
    });
  }
}

function isChargedMore({ ended }: Ending): boolean {
  return exceeds(ended);
}

function changesAnything({ usedMore, heldMore, ceiling }: CounterChange): boolean {
  return usedMore !== 0 || heldMore !== 0 || ceiling !== null;
}

function byName(left: CounterChange, right: CounterChange): number {
  return left.name < right.name ? -1 : 1;
}

function byFirst(left: readonly unknown[], right: readonly unknown[]): number {
  return String(left[0]) < String(right[0]) ? -1 : 1;
}

function byRequest(left: Reservation, right: Reservation): number {
  return left.requestId < right.requestId ? -1 : 1;
}
