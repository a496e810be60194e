// What becomes of reservations with time: they are found again, taken for abandoned, and forgotten.
import { sql } from "kysely";
import type { Database } from "../../db/index.ts";
import { requestIdLifeMs } from "../reservation.ts";
import type { Reservation } from "../reservation.ts";
import { windowStart } from "../window.ts";
import { reservationOf } from "./tables.ts";
import type { BudgetTables } from "./tables.ts";

/** How a caller names one of its claims. */
export interface ClaimName {
  readonly product: string | null;
  readonly requestId: string;
  readonly project?: string;
  readonly task?: string;
}

/** How long an ended claim is kept, milliseconds: a repeated commit is answered for a day. */
const claimsKeptMs = 24 * 3_600_000;

/** How long the counters of a window that is over are kept, milliseconds: as long as its calls can still be held, and more. */
const countersKeptMs = 2 * 3_600_000;

/** Rows deleted in one transaction; what waits for the only writer of SQLite waits a few milliseconds. */
const sweptAtATime = 2_000;

/** The newest claim of a product under a request id. */
export async function findClaim(db: Database<BudgetTables>, name: ClaimName): Promise<Reservation | undefined> {
  let query = db.read
    .selectFrom("budget_reservations")
    .selectAll()
    .where("request_id", "=", name.requestId)
    .where("product", "=", name.product ?? "")
    .where("kind", "=", "claim");
  if (name.project !== undefined) query = query.where("project", "=", name.project);
  if (name.task !== undefined) query = query.where("task", "=", name.task);
  const row = await query.orderBy("id", "desc").limit(1).executeTakeFirst();
  return row && reservationOf(row);
}

/** Reservations that are held although their time is over. */
export async function abandoned(
  db: Database<BudgetTables>,
  nowMs: number,
  limit: number,
): Promise<readonly Reservation[]> {
  const rows = await db.read
    .selectFrom("budget_reservations")
    .selectAll()
    .where("state", "=", "held")
    .where("expires_ms", "<=", nowMs)
    .orderBy("expires_ms")
    .limit(limit)
    .execute();
  return rows.map(reservationOf);
}

/** Deletes ended reservations whose request ids stand for nothing any more, and counters of windows long over. */
export async function sweepHistory(db: Database<BudgetTables>, nowMs: number): Promise<number> {
  const calls = await forget(db, "call", nowMs - requestIdLifeMs);
  const claims = await forget(db, "claim", nowMs - claimsKeptMs);
  await db.transact(async (tx) => {
    for (const window of ["hour", "day", "month"] as const) {
      await tx
        .deleteFrom("budget_counters")
        .where("start_ms", "<", windowStart(window, nowMs - countersKeptMs))
        .where(sql<boolean>`(slot like ${`tokens/${window}/%`} or slot like ${`microdollars/${window}/%`})`)
        .execute();
    }
  });
  return calls + claims;
}

async function forget(db: Database<BudgetTables>, kind: Reservation["kind"], beforeMs: number): Promise<number> {
  let count = 0;
  for (;;) {
    const deleted = await db.transact(async (tx) => {
      const old = tx
        .selectFrom("budget_reservations")
        .select("id")
        .where("id", "<", idAt(beforeMs))
        .where("kind", "=", kind)
        .where("state", "<>", "held")
        .orderBy("id")
        .limit(sweptAtATime);
      const result = await tx.deleteFrom("budget_reservations").where("id", "in", old).executeTakeFirstOrThrow();
      return Number(result.numDeletedRows);
    });
    count += deleted;
    if (deleted < sweptAtATime) return count;
  }
}

/** The beginning of the ids that are made at a moment: a UUIDv7 starts with 48 bits of milliseconds. */
function idAt(timeMs: number): string {
  const hex = Math.max(0, timeMs).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
