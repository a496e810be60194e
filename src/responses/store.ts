// Responses as they are stored: each with what it was asked beyond the one that it continues, and what it answered. Rows belong to
// an owner, and no look-up goes without it. What an owner keeps has a limit (`kept-use.ts`).
import { sql } from "kysely";
import type { Transaction } from "kysely";
import type { Database, Migration } from "../db/index.ts";
import { parseLossless } from "../kernel/json-exact.ts";
import { evenIfLost, forget, forgetOldest, inTurn, sizeOf, sizeOfItems } from "./kept-use.ts";

interface ResponseTables {
  kept_responses: {
    owner: string;
    id: string;
    previous_id: string | null;
    created_ms: number;
    expires_ms: number;
    /** JSON of the items asked, and of the response as its caller got it; '' where two responses had the one id. */
    input: string;
    response: string;
    size_bytes: number;
  };
  kept_response_items: { owner: string; id: string; response_id: string; expires_ms: number };
}

/** An item of a conversation. */
export type Item = Readonly<Record<string, unknown>>;

/** A response that is kept. */
export interface KeptResponse {
  readonly id: string;
  readonly previousId: string | null;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly input: readonly Item[];
  readonly response: Item;
}

/** The same on its way into the store, with the JSON of what was said. */
export interface NewResponse extends Omit<KeptResponse, "input" | "response"> {
  readonly input: string;
  readonly response: string;
  /** The ids by which its items may be named. */
  readonly itemIds: readonly string[];
}

/** The part of it that is answered. */
export type NewAnswer = Pick<NewResponse, "id" | "response" | "itemIds" | "expiresMs">;

/** A transaction of the database that holds them. */
export type ResponseTx = Transaction<ResponseTables>;

/** The steps of their schema. */
export const responseMigrations: readonly Migration[] = [
  {
    name: "responses-0001-kept-responses",
    async up(tx) {
      await tx.schema
        .createTable("kept_responses")
        .addColumn("owner", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("previous_id", "text")
        .addColumn("created_ms", "bigint", (column) => column.notNull())
        .addColumn("expires_ms", "bigint", (column) => column.notNull())
        .addColumn("input", "text", (column) => column.notNull())
        .addColumn("response", "text", (column) => column.notNull())
        .addPrimaryKeyConstraint("kept_responses_pk", ["owner", "id"])
        .execute();
      await tx.schema
        .createTable("kept_response_items")
        .addColumn("owner", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("response_id", "text", (column) => column.notNull())
        .addColumn("expires_ms", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("kept_response_items_pk", ["owner", "id"])
        .execute();
      for (const table of ["kept_responses", "kept_response_items"]) {
        await tx.schema.createIndex(`${table}_expires`).on(table).column("expires_ms").execute();
      }
    },
  },
  {
    name: "responses-0003-shared-items",
    async up(tx) {
      await sql`alter table kept_response_items rename to own_response_items`.execute(tx);
      await tx.schema.dropIndex("kept_response_items_expires").execute();
      await tx.schema
        .createTable("kept_response_items")
        .addColumn("owner", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("response_id", "text", (column) => column.notNull())
        .addColumn("expires_ms", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("kept_response_items_shared", ["owner", "id", "response_id"])
        .execute();
      await sql`insert into kept_response_items select owner, id, response_id, expires_ms from own_response_items`.execute(
        tx,
      );
      await sql`drop table own_response_items`.execute(tx);
      await tx.schema
        .createIndex("kept_response_items_expires")
        .on("kept_response_items")
        .column("expires_ms")
        .execute();
      await tx.schema
        .createIndex("kept_response_items_of")
        .on("kept_response_items")
        .columns(["owner", "response_id"])
        .execute();
    },
  },
];

/** The items of a response: asked and answered. */
export function itemsOf({ input, response }: Pick<KeptResponse, "input" | "response">): readonly Item[] {
  const { output } = response;
  return Array.isArray(output) ? [...input, ...(output as readonly Item[])] : input;
}

/** Whether an id can be in a table: PostgreSQL holds no NUL in a text, and fails where one is looked for. */
function isKeepable(id: string): boolean {
  return !id.includes("\0");
}

/** Most rows of items that are written in one statement. */
const itemsAtOnce = 100;

/** The stored responses of all owners. */
export class ResponseStore {
  readonly #db: Database<ResponseTables>;
  readonly #mostBytes: number;

  /** @param mostBytes Most bytes that an owner keeps; beyond it the oldest goes. */
  constructor(database: Database, mostBytes: number) {
    this.#db = database.tables<ResponseTables>();
    this.#mostBytes = mostBytes;
  }

  /**
   * Stores a response; resolves when it is durable.
   * @returns False when another response of this id is kept: it is not known then which of them a caller means, and neither is found any more.
   */
  async put(owner: string, kept: NewResponse): Promise<boolean> {
    return evenIfLost(() => this.#db.transact((tx) => this.write(tx, owner, kept), "shared"));
  }

  /** The same as a part of a transaction. */
  async write(tx: ResponseTx, owner: string, kept: NewResponse): Promise<boolean> {
    const { value, keptBytes } = await inTurn(tx, owner, () => this.#write(tx, owner, kept));
    await this.fit(tx, owner, kept.id, keptBytes);
    return value;
  }

  /** Forgets the oldest of an owner that keeps too much; not what it has just kept. */
  async fit(tx: ResponseTx, owner: string, newest: string, keptBytes: number): Promise<void> {
    if (keptBytes > this.#mostBytes) await forgetOldest(tx, owner, newest, this.#mostBytes);
  }

  async #write(tx: ResponseTx, owner: string, kept: NewResponse) {
    const { id, input, response, previousId: previous_id, createdMs: created_ms, expiresMs: expires_ms } = kept;
    const before = await tx
      .selectFrom("kept_responses")
      .selectAll()
      .where("owner", "=", owner)
      .where("id", "=", id)
      .executeTakeFirst();
    const isOver = before !== undefined && before.expires_ms <= created_ms;
    if (before !== undefined && !isOver) {
      if (before.input === input && before.response === response) return { value: true, moreBytes: 0 };
      const gone = await forget(tx, owner, [id]);
      const blank = { ...before, expires_ms, input: "[]", response: "", size_bytes: sizeOf() };
      await tx.insertInto("kept_responses").values(blank).execute();
      return { value: false, moreBytes: gone.moreBytes + blank.size_bytes };
    }
    const gone = isOver ? await forget(tx, owner, [id]) : { moreBytes: 0 };
    const size_bytes = sizeOf(input, response);
    await tx
      .insertInto("kept_responses")
      .values({ owner, id, previous_id, created_ms, expires_ms, input, response, size_bytes })
      .execute();
    return { value: true, moreBytes: gone.moreBytes + size_bytes + (await writeItems(tx, owner, kept)) };
  }

  /** Puts what is answered in the place of what stood there before, as a part of a transaction. */
  async writeAnswer(tx: ResponseTx, owner: string, kept: NewAnswer): Promise<void> {
    const { id, response } = kept;
    const { keptBytes } = await inTurn(tx, owner, async () => {
      const own = (db: ResponseTx) => db.selectFrom("kept_responses").where("owner", "=", owner).where("id", "=", id);
      const before = await own(tx).select(["input", "size_bytes"]).executeTakeFirst();
      if (before === undefined) return { value: undefined, moreBytes: 0 };
      const size_bytes = sizeOf(before.input, response);
      await tx
        .updateTable("kept_responses")
        .set({ response, size_bytes })
        .where("owner", "=", owner)
        .where("id", "=", id)
        .execute();
      return { value: undefined, moreBytes: size_bytes - before.size_bytes + (await writeItems(tx, owner, kept)) };
    });
    await this.fit(tx, owner, id, keptBytes);
  }

  /** A response of an owner; undefined when there is none that still counts. */
  async get(owner: string, id: string, nowMs: number, tx?: ResponseTx): Promise<KeptResponse | undefined> {
    if (!isKeepable(id)) return undefined;
    const row = await (tx ?? this.#db.read)
      .selectFrom("kept_responses")
      .selectAll()
      .where("owner", "=", owner)
      .where("id", "=", id)
      .where("expires_ms", ">", nowMs)
      .executeTakeFirst();
    if (row === undefined || row.response === "") return undefined;
    return {
      id: row.id,
      previousId: row.previous_id,
      createdMs: row.created_ms,
      expiresMs: row.expires_ms,
      // Who asks how a response stands looks at the answer alone, and asks often.
      get input() {
        return parseLossless(row.input) as readonly Item[];
      },
      response: parseLossless(row.response) as Item,
    };
  }

  /** The response that holds an item of an owner. */
  async holding(owner: string, itemId: string, nowMs: number): Promise<KeptResponse | undefined> {
    if (!isKeepable(itemId)) return undefined;
    const row = await this.#db.read
      .selectFrom("kept_response_items")
      .select("response_id")
      .where("owner", "=", owner)
      .where("id", "=", itemId)
      .where("expires_ms", ">", nowMs)
      // An answer that was given again has its items in several responses, which say the same in them.
      .orderBy("expires_ms", "desc")
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? undefined : this.get(owner, row.response_id, nowMs);
  }

  /** Forgets a response and its events in the transaction of an act. @returns Whether there was one. */
  async remove(tx: ResponseTx, owner: string, id: string, nowMs: number): Promise<boolean> {
    const { value } = await inTurn(tx, owner, async () => {
      const there = await tx
        .selectFrom("kept_responses")
        .select("id")
        .where("owner", "=", owner)
        .where("id", "=", id)
        .where("expires_ms", ">", nowMs)
        .where("response", "<>", "")
        .executeTakeFirst();
      return { value: there !== undefined, moreBytes: (await forget(tx, owner, [id])).moreBytes };
    });
    return value;
  }
}

/** @returns How many bytes there are more. */
async function writeItems(tx: ResponseTx, owner: string, { id, itemIds, expiresMs }: NewAnswer): Promise<number> {
  const items = [...new Set(itemIds)]
    .filter(isKeepable)
    .map((each) => ({ owner, id: each, response_id: id, expires_ms: expiresMs }));
  let count = 0;
  for (let at = 0; at < items.length; at += itemsAtOnce) {
    const { numInsertedOrUpdatedRows = 0n } = await tx
      .insertInto("kept_response_items")
      .values(items.slice(at, at + itemsAtOnce))
      .onConflict((conflict) => conflict.columns(["owner", "id", "response_id"]).doNothing())
      .executeTakeFirstOrThrow();
    count += Number(numInsertedOrUpdatedRows);
  }
  return sizeOfItems(count);
}
