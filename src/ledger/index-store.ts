// The derived index of entries in SQL: which entries match a filter. The entries themselves stay in the log; this table
// can be thrown away and filled again at any time.
import { sql } from "kysely";
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from "kysely";
import type { Database, Migration } from "../db/index.ts";
import type { EntryQuery } from "./ledger.ts";
import type { Leaf } from "./leaf.ts";

/** A row of the index. */
interface EntryRow {
  index: number;
  kind: string;
  /** The leaf's own time, milliseconds. */
  time: number;
  /** The latest time of this and all earlier leaves, milliseconds; it never falls, so a time maps to a range of indexes. */
  high_time: number;
  product: string | null;
  principal: string;
  operation: string;
  request_id: string;
  intent: number | null;
}

/** How far the index has come; one row. */
interface PositionRow {
  id: number;
  /** Number of entries indexed. */
  next: number;
  /** Leaf hash of the last entry indexed, hex: an index of another log contradicts it. */
  last_hash: string;
  high_time: number;
  /** Furthest that any leaf's time fell behind `high_time`, milliseconds. */
  max_lag: number;
}

interface Tables {
  ledger_entry: EntryRow;
  ledger_position: PositionRow;
}

/** The columns that are searched by equality, each with an index that ends in the entry's own index. */
const searched = ["kind", "product", "principal", "operation", "request_id", "intent"] as const;

/** The schema of the derived index. */
export const ledgerMigrations: readonly Migration[] = [
  {
    name: "ledger-001-entry-index",
    up: async (tx) => {
      await tx.schema
        .createTable("ledger_entry")
        .addColumn("index", "bigint", (column) => column.primaryKey())
        .addColumn("kind", "text", (column) => column.notNull())
        .addColumn("time", "bigint", (column) => column.notNull())
        .addColumn("high_time", "bigint", (column) => column.notNull())
        .addColumn("product", "text")
        .addColumn("principal", "text", (column) => column.notNull())
        .addColumn("operation", "text", (column) => column.notNull())
        .addColumn("request_id", "text", (column) => column.notNull())
        .addColumn("intent", "bigint")
        .execute();
      for (const column of [...searched, "high_time"]) {
        const index = tx.schema.createIndex(`ledger_entry_${column}`).on("ledger_entry");
        await index.columns([column, "index"]).execute();
      }
      await tx.schema
        .createTable("ledger_position")
        .addColumn("id", "bigint", (column) => column.primaryKey())
        .addColumn("next", "bigint", (column) => column.notNull())
        .addColumn("last_hash", "text", (column) => column.notNull())
        .addColumn("high_time", "bigint", (column) => column.notNull())
        .addColumn("max_lag", "bigint", (column) => column.notNull())
        .execute();
    },
  },
];

/** How far the index has come. */
export interface IndexPosition {
  readonly next: number;
  readonly lastHash: string;
  readonly highTimeMs: number;
  readonly maxLagMs: number;
}

/** The position of an index that holds nothing. */
export const emptyPosition: IndexPosition = { next: 0, lastHash: "", highTimeMs: 0, maxLagMs: 0 };

/** An entry to be indexed; `leaf` is undefined for a lost entry, which is passed over. */
export interface IndexedEntry {
  readonly index: number;
  readonly leaf: Leaf | undefined;
}

/** The index's tables. */
export class EntryIndexStore {
  readonly #db: Database<Tables>;

  constructor(database: Database) {
    this.#db = database.tables<Tables>();
  }

  /** How far the index has come. */
  async position(): Promise<IndexPosition> {
    const row = await this.#db.read.selectFrom("ledger_position").selectAll().executeTakeFirst();
    if (row === undefined) return emptyPosition;
    return { next: row.next, lastHash: row.last_hash, highTimeMs: row.high_time, maxLagMs: row.max_lag };
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    await this.#db.transact(async (tx) => {
      await tx.deleteFrom("ledger_entry").execute();
      await tx.deleteFrom("ledger_position").execute();
    });
  }

  /** Adds the entries that follow `position`; resolves with the new position. */
  async add(position: IndexPosition, entries: readonly IndexedEntry[], lastHash: string): Promise<IndexPosition> {
    let { highTimeMs, maxLagMs } = position;
    const rows: unknown[][] = [];
    for (const { index, leaf } of entries) {
      if (leaf === undefined) continue;
      const timeMs = Date.parse(leaf.time) || 0;
      highTimeMs = Math.max(highTimeMs, timeMs);
      maxLagMs = Math.max(maxLagMs, highTimeMs - timeMs);
      const { kind, product = null, principal, operation, requestId, intent = null } = leaf;
      rows.push([index, kind, timeMs, highTimeMs, product, principal, operation, requestId, intent]);
    }
    const next: IndexPosition = { next: position.next + entries.length, lastHash, highTimeMs, maxLagMs };
    const row = { id: 1, next: next.next, last_hash: lastHash, high_time: highTimeMs, max_lag: maxLagMs };
    await this.#db.transact(async (tx) => {
      if (rows.length > 0) await insertRows(this.#db.dialect, rows).execute(tx);
      await tx
        .insertInto("ledger_position")
        .values(row)
        .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
        .execute();
      // What a power cut takes of it is read from the log again: position and entries are of one commit.
    }, "relaxed");
    return next;
  }

  /** Indexes of the entries that match, ascending. */
  async matching(query: EntryQuery, position: IndexPosition): Promise<number[]> {
    const { read } = this.#db;
    const { sinceMs, untilMs } = query;
    let select = read.selectFrom("ledger_entry").select("index").orderBy("index").limit(query.limit);
    const equal = { kind: query.kind, product: query.product, principal: query.principal, operation: query.operation };
    for (const [column, value] of Object.entries({ ...equal, request_id: query.requestId })) {
      if (value !== undefined) select = select.where(column as "kind", "=", value);
    }
    if (query.after !== undefined) select = select.where("index", ">", query.after);
    if (sinceMs !== undefined) {
      const first = await this.#firstNotBefore(sinceMs);
      if (first === undefined) return [];
      select = select.where("index", ">=", first).where("time", ">=", sinceMs);
    }
    if (untilMs !== undefined) {
      // No leaf lies further behind the latest time than `maxLagMs`, so everything from there on is too late.
      const end = await this.#firstNotBefore(untilMs + position.maxLagMs);
      if (end !== undefined) select = select.where("index", "<", end);
      select = select.where("time", "<", untilMs);
    }
    const rows = await select.execute();
    return rows.map((row) => row.index);
  }

  /** Index of the outcome leaf of an intent. */
  async outcomeOf(intent: number): Promise<number | undefined> {
    const isOutcome = (
      eb: ExpressionBuilder<Tables, "ledger_entry">,
    ): ExpressionWrapper<Tables, "ledger_entry", SqlBool> =>
      eb.and([eb("intent", "=", intent), eb("kind", "=", "outcome")]);
    const select = this.#db.read.selectFrom("ledger_entry").select("index").where(isOutcome).orderBy("index").limit(1);
    return (await select.executeTakeFirst())?.index;
  }

  /** The first entry at which the latest time so far had reached `timeMs`. */
  async #firstNotBefore(timeMs: number): Promise<number | undefined> {
    const select = this.#db.read.selectFrom("ledger_entry").select("index").where("high_time", ">=", timeMs);
    return (await select.orderBy("high_time").orderBy("index").limit(1).executeTakeFirst())?.index;
  }
}

/** How many entries the index has seen: a log with fewer has lost its end. The index must have been migrated. */
export async function indexedEntries(database: Database): Promise<number> {
  return (await new EntryIndexStore(database).position()).next;
}

/** Inserts many rows with one parameter, which costs a fraction of a statement with a parameter per cell. */
function insertRows(dialect: Database["dialect"], rows: readonly unknown[][]) {
  const json = JSON.stringify(rows);
  const columns = sql.raw('"index", kind, time, high_time, product, principal, operation, request_id, intent');
  if (dialect === "sqlite") {
    const cells = sql.raw(rows[0]?.map((_, at) => `value->>${at}`).join(", ") ?? "");
    return sql`insert into ledger_entry (${columns}) select ${cells} from json_each(${json})`;
  }
  const types = ["bigint", "text", "bigint", "bigint", "text", "text", "text", "text", "bigint"];
  const cells = sql.raw(types.map((type, at) => `(value->>${at})::${type}`).join(", "));
  return sql`insert into ledger_entry (${columns}) select ${cells} from jsonb_array_elements(${json}::jsonb)`;
}
