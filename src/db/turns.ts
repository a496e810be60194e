// Turns: units that change who may do what run one after another on PostgreSQL, as all units do on SQLite.
//
// Whoever takes the turn takes it before it locks anything else. So two such units never wait for each other in a circle, and a
// unit that only shares locks on rows waits for one of them at most.
import { sql } from "kysely";
import type { Transaction } from "kysely";
import type { Dialect } from "./database.ts";

/** Key of the PostgreSQL advisory lock that is the turn: the bytes of "chturn" as a number. */
const turnLock = 109_300_281_602_670;

/** Waits until no other such unit runs, in any process of the database; the turn ends with the transaction. */
export async function takeTurn<T>(tx: Transaction<T>, dialect: Dialect): Promise<void> {
  if (dialect === "postgres") await sql`select pg_advisory_xact_lock(${turnLock})`.execute(tx);
}
