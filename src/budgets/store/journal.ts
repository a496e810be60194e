// The tables of SQLite as `memory.ts` writes them, and the journal: what happened to calls of models since the tables were last
// brought up to date.
//
// 1. A row of the journal is everything that happened while the row before it was being written; saving empties the journal in
//    the same transaction.
// 2. The tables agree with each other after every transaction: counters and usage take what the rows of reservations take.
import { sql } from "kysely";
import type { Kysely } from "kysely";
import type { Charge, Reservation } from "../reservation.ts";
import { changeStatement } from "./counters.ts";
import type { Changes } from "./counters.ts";
import { statement } from "../../db/index.ts";
import { RowsStatement } from "./statement.ts";
import type { BudgetTx } from "./statement.ts";
import { endNoteOf, endValuesOf, reservationColumns, reservationOf, valuesOf } from "./tables.ts";
import type { BudgetTables, ReservationRow } from "./tables.ts";
import { usageStatement } from "./usage.ts";

/** What is to be written into the tables. */
export interface Unsaved {
  /** Calls that the tables do not know and that have not ended, by id. */
  readonly made: Map<string, Reservation>;
  /** Calls that the tables know as held, as they ended, by id. */
  readonly ended: Map<string, Reservation>;
  readonly charges: { readonly reservation: Reservation; readonly charge: Charge }[];
  readonly changes: Changes;
}

/** What a process left that was killed, in the order in which it happened. */
export interface Left {
  readonly made: readonly Reservation[];
  readonly ended: readonly Reservation[];
}

/** An entry: the values of a new reservation, or what is said of one that has ended. */
type Entry = ReturnType<typeof valuesOf> | ReturnType<typeof endNoteOf>;

/** The statements. */
export class Journal {
  readonly #note = statement("sqlite", "insert into budget_journal (body) values (?)");
  readonly #make = new RowsStatement(
    (rows) => `insert into budget_reservations (${reservationColumns.join(", ")}) values ${rows}`,
    `(${reservationColumns.map(() => "?").join(", ")})`,
  );
  readonly #end = new RowsStatement(
    (rows) => `with v (ended_id, ended_state, used_tokens, used_microdollars) as (values ${rows})
      update budget_reservations as r
      set state = v.ended_state, settled_tokens = v.used_tokens, settled_microdollars = v.used_microdollars
      from v where r.id = v.ended_id and r.state = 'held'`,
    "(?, ?, cast(? as bigint), cast(? as bigint))",
    ["", "released", null, null],
  );
  readonly #byId = new RowsStatement<ReservationRow>(
    (rows) => `select * from budget_reservations where id in (${rows})`,
    "?",
    [""],
  );
  readonly #byRequest = statement<ReservationRow>(
    "sqlite",
    `select * from budget_reservations
      where request_id = ? and product = ? and project = ? and task = ? and kind = ? and retired_ms = 0`,
  );
  readonly #retire = statement("sqlite", "update budget_reservations set retired_ms = created_ms where id = ?");
  readonly #change = changeStatement();
  readonly #use = usageStatement();

  /** Notes what happened: entries as JSON. */
  async note(tx: BudgetTx, entries: readonly string[]): Promise<void> {
    await this.#note(tx, `[${entries.join(",")}]`);
  }

  /** Brings the tables up to date. */
  async write(tx: BudgetTx, { made, ended, charges, changes }: Unsaved): Promise<void> {
    await this.#make.run(tx, [...made.values()].map(valuesOf));
    await this.#end.run(tx, [...ended.values()].map(endValuesOf));
    await this.#change.run(
      tx,
      [...changes].flatMap(([name, { held, used }]) => (held === 0 && used === 0 ? [] : [[name, used, held]])),
    );
    await this.#use(tx, charges);
  }

  /** Empties the journal: the tables hold what it says. */
  async empty(tx: BudgetTx): Promise<void> {
    await sql`delete from budget_journal`.execute(tx);
  }

  /** The reservations of these ids that are in the tables. */
  async byId(db: Kysely<BudgetTables>, ids: readonly string[]): Promise<ReadonlyMap<string, Reservation>> {
    const rows = await this.#byId.run(
      db,
      ids.map((id) => [id]),
    );
    return new Map(rows.map((row) => [row.id, reservationOf(row)]));
  }

  /** The reservation that a request's id stands for, if it is in the tables. */
  async byRequest(tx: BudgetTx, request: Reservation): Promise<Reservation | undefined> {
    const { requestId, product, project, task, kind } = request;
    const { rows } = await this.#byRequest(tx, requestId, product ?? "", project, task ?? "", kind);
    return rows[0] && reservationOf(rows[0]);
  }

  /** Lets a request id stand for another reservation from now on. */
  async retire(tx: BudgetTx, id: string): Promise<void> {
    await this.#retire(tx, id);
  }

  /** Reads what a killed process left. What the tables say is newer than what the journal says of the same call. */
  async read(db: Kysely<BudgetTables>): Promise<Left> {
    const rows = await db.selectFrom("budget_journal").select("body").orderBy("id").execute();
    const entries = rows.flatMap(({ body }) => JSON.parse(body) as Entry[]);
    const known = await this.byId(db, [...new Set(entries.map(([id]) => id as string))]);
    const made = new Map<string, Reservation>();
    const ended: Reservation[] = [];
    for (const entry of entries) {
      if (entry.length >= reservationColumns.length) {
        const reservation = madeFrom(entry as ReturnType<typeof valuesOf>);
        if (!known.has(reservation.id)) made.set(reservation.id, reservation);
        continue;
      }
      const [id, state, settledTokens, settledMicrodollars, ...rest] = entry as ReturnType<typeof endNoteOf>;
      const before = made.get(id) ?? known.get(id);
      // A version that did not know what tokens were left none of it.
      const [input = 0, cached = 0, output = 0] = rest as readonly number[];
      const settledParts = { input, cached, output };
      if (before?.state === "held") ended.push({ ...before, state, settledTokens, settledMicrodollars, settledParts });
    }
    return { made: [...made.values()], ended };
  }
}

/** The entry that says that a call was admitted. */
export function openEntry(made: Reservation): string {
  return JSON.stringify(valuesOf(made));
}

/** The entry that says how a call ended. */
export function endEntry(ended: Reservation): string {
  return JSON.stringify(endNoteOf(ended));
}

function madeFrom(values: ReturnType<typeof valuesOf>): Reservation {
  const row = Object.fromEntries(reservationColumns.map((column, i) => [column, values[i]]));
  return reservationOf({ ...row, settled_tokens: null, settled_microdollars: null } as unknown as ReservationRow);
}
