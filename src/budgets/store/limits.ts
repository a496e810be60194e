// The limits: every one that was ever set is kept, and the newest of its slot is in force.
//
// 1. Setting and clearing add a record; nothing is changed (RULE_01).
// 2. A change waits until no batch runs and keeps batches out, so each batch sees the limits as they are.
import { sql } from "kysely";
import type { Kysely } from "kysely";
import type { Clock } from "../../kernel/clock.ts";
import { statement } from "../../db/index.ts";
import type { Database, Effect, Statement } from "../../db/index.ts";
import { newBudgetId, slotOf } from "../budget.ts";
import type { Budget, BudgetDraft, BudgetId } from "../budget.ts";
import { LimitBook } from "../limit-book.ts";
import { budgetFault } from "../errors.ts";
import type { BudgetTx } from "./statement.ts";
import { budgetOf } from "./tables.ts";
import type { BudgetTables, LimitRow } from "./tables.ts";

/** Who changes a limit, by which act. */
export interface LimitChange {
  readonly by: string;
  readonly act: Pick<Effect, "transact">;
}

/** Which budgets a listing wants: those after the budget `after`, and those whose scope names the product, and the key. */
export interface BudgetPage {
  readonly product?: string;
  readonly key?: string;
  readonly after?: BudgetId;
  readonly limit: number;
}

/** Reads and changes limits. */
export class StoredLimits {
  readonly #db: Database<BudgetTables>;
  readonly #clock: Clock;
  readonly #defaultTokens: number;
  readonly #alone: (tx: BudgetTx) => Promise<void>;
  readonly #version: Statement<{ version: number }>;

  /** `alone` keeps everybody else from counting until a transaction ends; what was counted is in the tables. */
  constructor(db: Database<BudgetTables>, clock: Clock, defaultTokens: number, alone: (tx: BudgetTx) => Promise<void>) {
    this.#db = db;
    this.#alone = alone;
    this.#clock = clock;
    this.#defaultTokens = defaultTokens;
    this.#version = statement(db.dialect, "select version from budget_book where id = 1");
  }

  /** The version of the limits as a transaction sees it. */
  async version(db: Kysely<BudgetTables>): Promise<number> {
    const { rows } = await this.#version(db);
    if (rows[0] === undefined) throw new Error("the limits have no version");
    return rows[0].version;
  }

  /** The limits in force. */
  async book(db: Kysely<BudgetTables>): Promise<LimitBook> {
    const version = await this.version(db);
    const rows = await this.#inForce(db).execute();
    return new LimitBook(
      version,
      rows.flatMap((row) => budgetOf(row) ?? []),
      this.#defaultTokens,
    );
  }

  /** Budgets in force, newest first. */
  async list(page: BudgetPage): Promise<readonly Budget[]> {
    // Ids are UUIDv7 and so in the order of time.
    let query = this.#inForce(this.#db.read).where("amount", "is not", null);
    if (page.product !== undefined) query = query.where("product", "=", page.product);
    if (page.key !== undefined) {
      // As a scope is written; in a name, quotes are escaped.
      const place = sql.raw(this.#db.dialect === "sqlite" ? "instr" : "strpos");
      query = query.where(sql<boolean>`${place}(scope, ${`"key":${JSON.stringify(page.key)}`}) > 0`);
    }
    if (page.after !== undefined) query = query.where("id", "<", page.after);
    const rows = await query.orderBy("id", "desc").limit(page.limit).execute();
    return rows.flatMap((row) => budgetOf(row) ?? []);
  }

  /** Puts a limit in force; the one before it in its slot is history from then on. */
  async set(draft: BudgetDraft, change: LimitChange, id: BudgetId): Promise<Budget> {
    const { scope, unit, window: period, limit: amount } = draft;
    const { product, project, key, model } = scope;
    const named = JSON.stringify({ product, project, key, model });
    const slot = slotOf(scope, unit, period);
    const ofProduct = product === undefined ? null : (product ?? "");
    const limit = { id, slot, scope: named, product: ofProduct, unit, period, amount };
    const row = await change.act.transact(async (tx: BudgetTx) => {
      await this.#alone(tx);
      return this.#supersede(tx, limit, change);
    });
    const budget = budgetOf(row);
    if (budget === undefined) throw new Error("a budget was set without a limit");
    return budget;
  }

  /** Puts no limit in the place of a budget. Rejects with `budget.not_found` when it is not in force. */
  async clear(id: string, change: LimitChange): Promise<Budget> {
    return change.act.transact(async (tx: BudgetTx) => {
      await this.#alone(tx);
      const row = await this.#inForce(tx).where("id", "=", id).executeTakeFirst();
      const cleared = row && budgetOf(row);
      if (row === undefined || cleared === undefined) {
        throw budgetFault("budget.not_found", "there is no such budget in force");
      }
      const { slot, scope, product, unit, period } = row;
      await this.#supersede(
        tx,
        { id: newBudgetId(this.#clock), slot, scope, product, unit, period, amount: null },
        change,
      );
      return cleared;
    });
  }

  async #supersede(
    tx: BudgetTx,
    limit: Omit<LimitRow, "revision" | "created_ms" | "created_by">,
    { by }: LimitChange,
  ): Promise<LimitRow> {
    const nowMs = this.#clock.nowMs();
    const newest = await tx
      .selectFrom("budget_limits")
      .select(({ fn }) => fn.max("revision").as("revision"))
      .where("slot", "=", limit.slot)
      .executeTakeFirstOrThrow();
    const row: LimitRow = {
      ...limit,
      revision: (newest.revision ?? 0) + 1,
      created_ms: nowMs,
      created_by: by,
    };
    await tx.insertInto("budget_limits").values(row).execute();
    await tx
      .updateTable("budget_book")
      .set({ version: sql`version + 1` })
      .execute();
    // A slot that no one limits is no longer counted; set again, it is counted from the calls themselves.
    if (row.amount === null) await tx.deleteFrom("budget_counters").where("slot", "=", limit.slot).execute();
    return row;
  }

  #inForce(db: Kysely<BudgetTables>) {
    const newest = sql<boolean>`not exists (select 1 from budget_limits as later
      where later.slot = budget_limits.slot and later.revision > budget_limits.revision)`;
    return db.selectFrom("budget_limits").selectAll().where(newest);
  }
}
