// The tables of SQLite, and the journal: what happened to calls of models and is not folded into the tables yet.
//
// 1. A row of the journal is everything that happened while the row before it was being written; folding empties the journal in
//    the same transaction.
// 2. The tables agree with each other after every transaction: counters and usage take what the rows of reservations take.
import { sql } from "kysely";
import type { Kysely } from "kysely";
import { sharesOf } from "../lease.ts";
import type { Entry } from "../lease.ts";
import { chargeOf } from "../reservation.ts";
import type { Charge, Reservation } from "../reservation.ts";
import { changeStatement } from "./counters.ts";
import type { Changes } from "./counters.ts";
import { statement } from "../../db/index.ts";
import { RowsStatement } from "./statement.ts";
import type { BudgetTx } from "./statement.ts";
import { endNoteOf, endValuesOf, reservationColumns, reservationOf, valuesOf } from "./tables.ts";
import type { BudgetTables, ReservationRow } from "./tables.ts";
import { usageStatement } from "./usage.ts";

/** What many entries come to in the tables. */
export interface Folded {
  /** Calls that have not ended, by id. */
  readonly made: ReadonlyMap<string, Reservation>;
  /** Calls that were made before all entries, as they ended. */
  readonly ended: readonly Reservation[];
  readonly charges: readonly { readonly reservation: Reservation; readonly charge: Charge }[];
  readonly changes: Changes;
}

/** A line of the journal: the values of a new reservation, or of one that has ended. */
type Line = ReturnType<typeof valuesOf> | ReturnType<typeof endNoteOf>;

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

  /** Notes what happened. */
  async note(tx: BudgetTx, entries: readonly Entry[]): Promise<void> {
    await this.#note(tx, JSON.stringify(entries.map(lineOf)));
  }

  /** Brings the tables up to date. */
  async write(tx: BudgetTx, { made, ended, charges, changes }: Folded): Promise<void> {
    await this.#make.run(tx, [...made.values()].map(valuesOf));
    await this.#end.run(tx, ended.map(endValuesOf));
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

  /** The reservation of this id, if it is in the tables. */
  async one(tx: BudgetTx, id: string): Promise<Reservation | undefined> {
    const [row] = await this.#byId.run(tx, [[id]]);
    return row && reservationOf(row);
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

  /**
   * Reads what a killed process left, in the order in which it happened; undefined when it left nothing. What the tables say is
   * newer than what the journal says of the same call.
   */
  async read(db: Kysely<BudgetTables>): Promise<readonly Reservation[] | undefined> {
    const rows = await db.selectFrom("budget_journal").select("body").orderBy("id").execute();
    if (rows.length === 0) return undefined;
    const lines = rows.flatMap(({ body }) => JSON.parse(body) as Line[]);
    const ids = [...new Set(lines.map(([id]) => [id as string]))];
    const known = new Map((await this.#byId.run(db, ids)).map((row) => [row.id, reservationOf(row)]));
    const made = new Map<string, Reservation>();
    const left: Reservation[] = [];
    for (const line of lines) {
      if (!isEnd(line)) {
        const reservation = madeFrom(line);
        if (known.has(reservation.id)) continue;
        made.set(reservation.id, reservation);
        left.push(reservation);
        continue;
      }
      const [id, state, settledTokens, settledMicrodollars, ...rest] = line;
      const before = made.get(id) ?? known.get(id);
      // A version that did not know what tokens were left none of it.
      const [input = 0, cached = 0, output = 0] = rest as readonly number[];
      const settledParts = { input, cached, output };
      if (before?.state === "held") left.push({ ...before, state, settledTokens, settledMicrodollars, settledParts });
    }
    return left;
  }
}

/** What entries come to, in the order in which they happened: of a call that began and ended among them, no more than its charge. */
export function folded(entries: Iterable<Entry>): Folded {
  const made = new Map<string, Reservation>();
  const ended: Reservation[] = [];
  const charges: Folded["charges"][number][] = [];
  const changes: Changes = new Map();
  for (const { reservation, counters } of entries) {
    const isMade = reservation.state === "held";
    if (isMade) made.set(reservation.id, reservation);
    else if (!made.delete(reservation.id)) ended.push(reservation);
    const charge = chargeOf(reservation);
    if (charge !== undefined) charges.push({ reservation, charge });
    for (const { name, held, used } of sharesOf(reservation, counters)) {
      const change = changes.get(name);
      const more = isMade ? held : -held;
      if (change === undefined) changes.set(name, { held: more, used });
      else {
        change.held += more;
        change.used += used;
      }
    }
  }
  return { made, ended, charges, changes };
}

/** Of one that was made, all that the tables are to know of it; of one that has ended, how. */
function lineOf({ reservation }: Entry): Line {
  return reservation.state === "held" ? valuesOf(reservation) : endNoteOf(reservation);
}

function isEnd(line: Line): line is ReturnType<typeof endNoteOf> {
  return line.length < reservationColumns.length;
}

function madeFrom(values: ReturnType<typeof valuesOf>): Reservation {
  const row = Object.fromEntries(reservationColumns.map((column, i) => [column, values[i]]));
  return reservationOf({ ...row, settled_tokens: null, settled_microdollars: null } as unknown as ReservationRow);
}
