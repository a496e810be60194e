// How much each owner keeps, and the oldest of it that goes when that is too much. Promises:
//
// 1. Anyone who changes what an owner keeps takes the owner's turn first (`inTurn`), and then the rows: those of what is worked on, of
//    responses, of their items, of their events. So changes of one owner come one after the other and never wait in a circle. What no
//    one else knows of yet is a shared unit, and waits for no other one's disk.
// 2. What is counted is what is there, since both change in one transaction.
// 3. What is worked on stays; of the rest the oldest goes first. A caller that goes on from what has gone is told as after its time.
import { sql } from "kysely";
import type { Transaction } from "kysely";
import type { Database, Migration } from "../db/index.ts";
import { Fault } from "../kernel/fault.ts";

interface UseTables {
  /** Bytes that an owner keeps, and its turn. */
  kept_response_use: { owner: string; bytes: number };
  kept_responses: { owner: string; id: string; created_ms: number; expires_ms: number; size_bytes: number };
  kept_response_items: { owner: string; id: string; response_id: string; expires_ms: number };
  running_responses: { owner: string; id: string };
  response_events: { owner: string; id: string; sequence: number; expires_ms: number; size_bytes: number };
}

/** A transaction of the database that holds them. */
type UseTx = Transaction<UseTables>;

/** Bytes that count for a row besides its texts: its keys, and what the database needs for it. */
const rowBytes = 200;

/** Responses that go in one statement. */
const goneAtOnce = 100;

/** The step of their schema; it comes after those that make the tables. */
export const useMigrations: readonly Migration[] = [
  {
    name: "responses-0004-use",
    async up(tx) {
      await tx.schema
        .createTable("kept_response_use")
        .addColumn("owner", "text", (column) => column.primaryKey())
        .addColumn("bytes", "bigint", (column) => column.notNull())
        .execute();
      for (const table of ["kept_responses", "response_events"]) {
        await sql.raw(`alter table ${table} add column size_bytes bigint not null default 0`).execute(tx);
      }
      const size = (...texts: readonly string[]) => texts.map((text) => `octet_length(${text})`).join(" + ");
      for (const statement of [
        `update kept_responses set size_bytes = ${rowBytes} + ${size("input", "response")}`,
        `update response_events set size_bytes = ${rowBytes} + ${size("event")}`,
        `insert into kept_response_use (owner, bytes) select owner, cast(sum(size_bytes) as bigint) from (
          select owner, size_bytes from kept_responses union all select owner, size_bytes from response_events
          union all select owner, ${rowBytes} from kept_response_items
        ) as kept group by owner`,
        "create index kept_responses_age on kept_responses (owner, created_ms)",
      ]) {
        await sql.raw(statement).execute(tx);
      }
    },
  },
];

/** What a row of these texts counts. */
export function sizeOf(...texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), rowBytes);
}

/** What the rows count by which items are found. */
export function sizeOfItems(count: number): number {
  return count * rowBytes;
}

/**
 * Changes what an owner keeps when no one else does; `change` resolves with what it gives back and by how many bytes there is more.
 * Resolves with that and the bytes that the owner keeps then.
 */
export async function inTurn<T>(
  anyTx: unknown,
  owner: string,
  change: () => Promise<{ readonly value: T; readonly moreBytes: number }>,
): Promise<{ readonly value: T; readonly keptBytes: number }> {
  const tx = anyTx as UseTx;
  const { bytes } = await tx
    .insertInto("kept_response_use")
    .values({ owner, bytes: 0 })
    .onConflict((conflict) =>
      conflict.column("owner").doUpdateSet((each) => ({ bytes: each.ref("kept_response_use.bytes") })),
    )
    .returning("bytes")
    .executeTakeFirstOrThrow();
  const { value, moreBytes } = await change();
  if (moreBytes === 0) return { value, keptBytes: bytes };
  const now = await tx
    .updateTable("kept_response_use")
    .set((each) => ({ bytes: each("bytes", "+", moreBytes) }))
    .where("owner", "=", owner)
    .returning("bytes")
    .executeTakeFirstOrThrow();
  return { value, keptBytes: now.bytes };
}

/** Forgets responses of an owner, in its turn, with all that belongs to them. @returns How many there were, and by how much there is more. */
export async function forget(
  anyTx: unknown,
  owner: string,
  ids: readonly string[],
): Promise<{ readonly value: number; readonly moreBytes: number }> {
  const tx = anyTx as UseTx;
  if (ids.length === 0) return { value: 0, moreBytes: 0 };
  const responses = await tx
    .deleteFrom("kept_responses")
    .where("owner", "=", owner)
    .where("id", "in", ids)
    .returning("size_bytes")
    .execute();
  const items = await tx
    .deleteFrom("kept_response_items")
    .where("owner", "=", owner)
    .where("response_id", "in", ids)
    .executeTakeFirst();
  const events = await tx
    .deleteFrom("response_events")
    .where("owner", "=", owner)
    .where("id", "in", ids)
    .returning("size_bytes")
    .execute();
  const sizes = [...responses, ...events].map(({ size_bytes }) => size_bytes);
  const gone = sizes.reduce((sum, size) => sum + size, sizeOfItems(Number(items.numDeletedRows)));
  return { value: responses.length, moreBytes: -gone };
}

/** Forgets the oldest that an owner keeps until that is no more than so many bytes; what is worked on stays, and so does `newest`. */
export async function forgetOldest(anyTx: unknown, owner: string, newest: string, mostBytes: number): Promise<void> {
  const tx = anyTx as UseTx;
  for (let isDone = false; !isDone;) {
    const { value, keptBytes } = await inTurn(tx, owner, async () => {
      const { bytes } = await tx
        .selectFrom("kept_response_use")
        .select("bytes")
        .where("owner", "=", owner)
        .executeTakeFirstOrThrow();
      return bytes <= mostBytes
        ? { value: 0, moreBytes: 0 }
        : forget(tx, owner, await oldest(tx, owner, newest, bytes - mostBytes));
    });
    isDone = value === 0 || keptBytes <= mostBytes;
  }
}

/** The oldest of an owner that together are of so many bytes, or the first of them. Events are not looked at: they may be more. */
async function oldest(tx: UseTx, owner: string, newest: string, bytes: number): Promise<readonly string[]> {
  const rows = await tx
    .selectFrom("kept_responses")
    .select(["id", "size_bytes"])
    .where("owner", "=", owner)
    .where("id", "<>", newest)
    .where("id", "not in", tx.selectFrom("running_responses").select("id").where("owner", "=", owner))
    .orderBy("created_ms")
    .orderBy("id")
    .limit(goneAtOnce)
    .execute();
  const ids: string[] = [];
  for (let [i, left] = [0, bytes]; i < rows.length && left > 0; i++) {
    const row = rows[i];
    if (row === undefined) break;
    ids.push(row.id);
    left -= row.size_bytes;
  }
  return ids;
}

/** Forgets what is over, of one owner after the other. */
export async function sweepKept(database: Database, nowMs: number): Promise<void> {
  const db = database.tables<UseTables>();
  const owners = new Set<string>();
  for (const table of ["kept_responses", "kept_response_items", "response_events"] as const) {
    const rows = await db.read.selectFrom(table).select("owner").distinct().where("expires_ms", "<=", nowMs).execute();
    for (const { owner } of rows) owners.add(owner);
  }
  for (const owner of owners) await db.transact((tx) => sweepOwner(tx, owner, nowMs), "relaxed");
}

async function sweepOwner(tx: UseTx, owner: string, nowMs: number): Promise<void> {
  await inTurn(tx, owner, async () => {
    let gone = 0;
    for (const table of ["kept_responses", "response_events"] as const) {
      const rows = await tx
        .deleteFrom(table)
        .where("owner", "=", owner)
        .where("expires_ms", "<=", nowMs)
        .returning("size_bytes")
        .execute();
      gone += rows.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
    }
    const items = await tx
      .deleteFrom("kept_response_items")
      .where("owner", "=", owner)
      .where("expires_ms", "<=", nowMs)
      .executeTakeFirst();
    return { value: undefined, moreBytes: -gone - sizeOfItems(Number(items.numDeletedRows)) };
  });
}

/** Makes a change, and once more where only its answer may have been lost: it finds what it has done. */
export async function evenIfLost<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof Fault && error.code === "db.unavailable") return change();
    throw error;
  }
}
