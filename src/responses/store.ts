// Responses as they are stored: each with what it was asked beyond the one that it continues, and what it answered. Rows belong to
// an owner, and no look-up goes without it.
import { sql } from "kysely";
import type { Transaction } from "kysely";
import type { Database, Migration } from "../db/index.ts";
import { parseLossless } from "../kernel/json-exact.ts";

interface ResponseTables {
  kept_responses: {
    owner: string;
    id: string;
    previous_id: string | null;
    created_ms: number;
    expires_ms: number;
    /** JSON of the items asked, and of the response as its caller got it. */
    input: string;
    response: string;
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

  constructor(database: Database) {
    this.#db = database.tables<ResponseTables>();
  }

  /** Stores a response; resolves when it is durable. One of the same id takes the place of an earlier one. */
  async put(owner: string, kept: NewResponse): Promise<void> {
    await this.#db.transact((tx) => this.write(tx, owner, kept));
  }

  /** The same as a part of a transaction. */
  async write(tx: ResponseTx, owner: string, kept: NewResponse): Promise<void> {
    const { id, expiresMs } = kept;
    const row = {
      owner,
      id,
      previous_id: kept.previousId,
      created_ms: kept.createdMs,
      expires_ms: expiresMs,
      input: kept.input,
      response: kept.response,
    };
    const { owner: _, id: __, ...values } = row;
    await tx
      .insertInto("kept_responses")
      .values(row)
      .onConflict((conflict) => conflict.columns(["owner", "id"]).doUpdateSet(values))
      .execute();
    await writeItems(tx, owner, kept);
  }

  /** Puts what is answered in the place of what stood there before, as a part of a transaction. */
  async writeAnswer(tx: ResponseTx, owner: string, kept: NewAnswer): Promise<void> {
    const { id, response } = kept;
    await tx.updateTable("kept_responses").set({ response }).where("owner", "=", owner).where("id", "=", id).execute();
    await writeItems(tx, owner, kept);
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
    if (row === undefined) return undefined;
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

  /** Forgets a response in the transaction of an act. @returns Whether there was one. */
  async remove(tx: ResponseTx, owner: string, id: string, nowMs: number): Promise<boolean> {
    const { numDeletedRows } = await tx
      .deleteFrom("kept_responses")
      .where("owner", "=", owner)
      .where("id", "=", id)
      .where("expires_ms", ">", nowMs)
      .executeTakeFirst();
    await tx.deleteFrom("kept_response_items").where("owner", "=", owner).where("response_id", "=", id).execute();
    return numDeletedRows > 0n;
  }

  /** Forgets what is over. */
  async sweep(nowMs: number): Promise<void> {
    await this.#db.transact(async (tx) => {
      await tx.deleteFrom("kept_responses").where("expires_ms", "<=", nowMs).execute();
      await tx.deleteFrom("kept_response_items").where("expires_ms", "<=", nowMs).execute();
    }, "relaxed");
  }
}

async function writeItems(tx: ResponseTx, owner: string, { id, itemIds, expiresMs }: NewAnswer): Promise<void> {
  const items = [...new Set(itemIds)]
    .filter(isKeepable)
    .map((each) => ({ owner, id: each, response_id: id, expires_ms: expiresMs }));
  for (let at = 0; at < items.length; at += itemsAtOnce) {
    await tx
      .insertInto("kept_response_items")
      .values(items.slice(at, at + itemsAtOnce))
      .onConflict((conflict) => conflict.columns(["owner", "id", "response_id"]).doUpdateSet({ expires_ms: expiresMs }))
      .execute();
  }
}
