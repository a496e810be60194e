// The journal: what happened to calls of models since the tables were last brought up to date, and the way into the tables.
//
// 1. A row is everything that happened while the row before it was being written; saving empties the journal in the same transaction.
// 2. Counters take the sums of what happened. One that is not there is left out: it is made from the calls when it is needed.
import type { Kysely } from "kysely";
import type { Dialect } from "../../db/index.ts";
import { maxCounted } from "../budget.ts";
import type { Charge, Reservation } from "../reservation.ts";
import { CounterStatements } from "./counters.ts";
import type { Counted, Counter } from "./counters.ts";
import { byIdStatement, endStatement, makeStatement } from "./reservations.ts";
import { statement } from "../../db/index.ts";
import type { BudgetTx, RowsStatement } from "./statement.ts";
import { endValuesOf, reservationColumns, reservationOf, valuesOf } from "./tables.ts";
import type { BudgetTables, ReservationRow } from "./tables.ts";
import { UsageStatements } from "./usage.ts";

/** What is to be saved. */
export interface Unsaved {
  /** Calls that the tables do not know and that have not ended, by id. */
  readonly made: Map<string, Reservation>;
  /** Calls that the tables know as held, as they ended, by id. */
  readonly ended: Map<string, Reservation>;
  readonly charges: { readonly reservation: Reservation; readonly charge: Charge }[];
  /** By how much counters change, by name. */
  readonly changes: Map<string, { held: number; used: number }>;
}

/** What a process left that was killed, in the order in which it happened. */
export interface Left {
  readonly made: readonly Reservation[];
  readonly ended: readonly Reservation[];
}

/** An entry: the values of a new reservation, or of one that has ended. */
type Entry = ReturnType<typeof valuesOf> | ReturnType<typeof endValuesOf>;

/** The statements of the journal. */
export class Journal {
  readonly #write: (tx: BudgetTx, body: string) => Promise<unknown>;
  readonly #empty: (tx: BudgetTx) => Promise<unknown>;
  readonly #make: RowsStatement<{ id: string }>;
  readonly #end: RowsStatement<{ id: string }>;
  readonly #byId: RowsStatement<ReservationRow>;
  readonly #counters: CounterStatements;
  readonly #usage: UsageStatements;

  constructor(dialect: Dialect) {
    this.#write = statement(dialect, "insert into budget_journal (body) values (?)");
    this.#empty = statement(dialect, "delete from budget_journal");
    this.#make = makeStatement(dialect);
    this.#end = endStatement(dialect);
    this.#byId = byIdStatement(dialect);
    this.#counters = new CounterStatements(dialect);
    this.#usage = new UsageStatements(dialect);
  }

  /** Writes what happened: entries as JSON. */
  async write(tx: BudgetTx, entries: readonly string[]): Promise<void> {
    await this.#write(tx, `[${entries.join(",")}]`);
  }

  /** Brings the tables up to date and empties the journal. */
  async save(tx: BudgetTx, { made, ended, charges, changes }: Unsaved): Promise<void> {
    await this.#make.run(tx, [...made.values()].map(valuesOf));
    await this.#end.run(tx, [...ended.values()].map(endValuesOf));
    const before = await this.#counters.lock(tx, [...changes.keys()]);
    await this.#counters.change(
      tx,
      [...before].flatMap(([name, counted]) => {
        const { held, used } = changes.get(name) ?? { held: 0, used: 0 };
        const usedMore = Math.min(used, maxCounted - counted.used);
        return held === 0 && usedMore === 0 ? [] : [{ name, usedMore, heldMore: held, ceiling: null }];
      }),
    );
    await this.#usage.add(tx, charges);
    await this.#empty(tx);
  }

  /** What counters hold; those that are not there are made. */
  counted(tx: BudgetTx, counters: readonly Counter[]): Promise<ReadonlyMap<string, Counted>> {
    return this.#counters.ensured(tx, counters);
  }

  /** Reads what a killed process left. */
  async read(db: Kysely<BudgetTables>): Promise<Left> {
    const rows = await db.selectFrom("budget_journal").select("body").orderBy("id").execute();
    const made = new Map<string, Reservation>();
    const ends: ReturnType<typeof endValuesOf>[] = [];
    for (const entry of rows.flatMap(({ body }) => JSON.parse(body) as Entry[])) {
      if (entry.length === 4) ends.push(entry as ReturnType<typeof endValuesOf>);
      else {
        const reservation = madeFrom(entry as ReturnType<typeof valuesOf>);
        made.set(reservation.id, reservation);
      }
    }
    const elsewhere = ends.filter(([id]) => !made.has(id)).map(([id]) => [id]);
    const held = new Map((await this.#byId.run(db, elsewhere)).rows.map((row) => [row.id, reservationOf(row)]));
    const ended = ends.flatMap(([id, state, settledTokens, settledMicrodollars]) => {
      const before = made.get(id) ?? held.get(id);
      return before?.state === "held" ? [{ ...before, state, settledTokens, settledMicrodollars }] : [];
    });
    return { made: [...made.values()], ended };
  }
}

/** The entry that says that a call was admitted. */
export function openEntry(made: Reservation): string {
  return JSON.stringify(valuesOf(made));
}

/** The entry that says how a call ended. */
export function endEntry(ended: Reservation): string {
  return JSON.stringify(endValuesOf(ended));
}

function madeFrom(values: ReturnType<typeof valuesOf>): Reservation {
  const row = Object.fromEntries(reservationColumns.map((column, i) => [column, values[i]]));
  return reservationOf({ ...row, settled_tokens: null, settled_microdollars: null } as unknown as ReservationRow);
}
