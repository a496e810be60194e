// Statements on the rows of reservations, the same for a batch and for what the till saves.
import type { Dialect } from "../../db/index.ts";
import { RowsStatement } from "./statement.ts";
import { reservationColumns } from "./tables.ts";
import type { ReservationRow } from "./tables.ts";

/** Puts reservations on record; `rest` says what follows the rows. */
export function makeStatement(dialect: Dialect, rest = ""): RowsStatement<{ id: string }> {
  return new RowsStatement(
    dialect,
    (rows) => `insert into budget_reservations (${reservationColumns.join(", ")}) values ${rows} ${rest}`,
    `(${reservationColumns.map(() => "?").join(", ")})`,
  );
}

/** Ends reservations that are held still; returns their ids. */
export function endStatement(dialect: Dialect): RowsStatement<{ id: string }> {
  return new RowsStatement(
    dialect,
    (rows) => `with v (ended_id, ended_state, used_tokens, used_microdollars) as (values ${rows})
      update budget_reservations as r
      set state = v.ended_state, settled_tokens = v.used_tokens, settled_microdollars = v.used_microdollars
      from v where r.id = v.ended_id and r.state = 'held' returning id`,
    "(cast(? as text), cast(? as text), cast(? as bigint), cast(? as bigint))",
    ["", "released", null, null],
  );
}

/** Reads reservations by their ids. */
export function byIdStatement(dialect: Dialect): RowsStatement<ReservationRow> {
  return new RowsStatement(dialect, (rows) => `select * from budget_reservations where id in (${rows})`, "?", [""]);
}
