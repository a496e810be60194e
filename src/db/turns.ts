// Turns: units that change who may do what run one after another on PostgreSQL, as all units do on SQLite.
//
// 1. A unit takes the turn before it locks anything else. So two such units never wait for each other in a circle, and
//    a unit that only shares locks on rows waits for one of them at most.
// 2. PostgreSQL lets ever new units share a row while another one waits to change it. Units that share one therefore share a
//    place in a queue first (`sharedPlace`), and who changes it asks for the place alone (`aloneAt`): who comes later waits.
import { sql } from "kysely";
import type { Transaction } from "kysely";
import type { Dialect } from "./database.ts";

/** Key of the PostgreSQL advisory lock that is the turn: the bytes of "chturn" as a number. */
const turnLock = 109_300_281_602_670;

/** Waits until no other such unit runs, in any process of the database; the turn ends with the transaction. */
export async function takeTurn<T>(tx: Transaction<T>, dialect: Dialect): Promise<void> {
  if (dialect === "postgres") await sql`select pg_advisory_xact_lock(${turnLock})`.execute(tx);
}

/** Waits until no unit shares what has this id; those that come later wait until the transaction ends. */
export async function aloneAt<T>(tx: Transaction<T>, dialect: Dialect, id: string): Promise<void> {
  if (dialect !== "postgres") return;
  await sql`select pg_advisory_xact_lock(hashtextextended(${id}, 0))`.execute(tx);
}

/** An item of a `from` on PostgreSQL, one row, that shares the place of the id that is this parameter. */
export function sharedPlace(parameter: string): string {
  return `(select pg_advisory_xact_lock_shared(hashtextextended(${parameter}, 0))) as held(place)`;
}
