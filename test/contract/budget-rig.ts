// What the suites of budgets share: budgets over a database of their own, a clock that is set by hand, and a look at the
// counters that is independent of the code that keeps them.
import { sql } from "kysely";
import type { Kysely } from "kysely";
import type { Database } from "../../src/db/index.ts";
import { budgetMigrations, openBudgets } from "../../src/budgets/index.ts";
import type {
  BudgetDraft,
  Budgets,
  BudgetLine,
  LeaseTerms,
  Reservation,
  ReserveRequest,
} from "../../src/budgets/index.ts";
import { identityMigrations } from "../../src/identity/index.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import type { DatabasePlace, DatabasePlaces } from "./databases.ts";
import { actOn } from "../support/storage/acts.ts";

/** A moment in the middle of an hour, a day and a month. */
export const noonMs = Date.UTC(2026, 5, 15, 12, 30);

/** Limits in the tests are far below it. */
export const defaultTokens = 1_000_000;

/** A row of any table. */
type Row = Record<string, string | number | null>;

/** Budgets to try. */
export class BudgetRig implements AsyncDisposable {
  readonly clock = { ms: noonMs, nowMs: () => this.clock.ms };
  /** Whether nobody else uses the database. */
  readonly isAlone: boolean;
  readonly #places: DatabasePlaces;
  readonly #leases: LeaseTerms | undefined;
  place: DatabasePlace;
  db: Database;
  budgets: Budgets;
  #defaultTokens: number;
  #names = 0;

  private constructor(
    places: DatabasePlaces,
    place: DatabasePlace,
    db: Database,
    isAlone: boolean,
    tokens: number,
    leases: LeaseTerms | undefined,
  ) {
    this.#places = places;
    this.#leases = leases;
    this.place = place;
    this.db = db;
    this.isAlone = isAlone;
    this.#defaultTokens = tokens;
    this.budgets = this.#open();
  }

  static async open(
    places: DatabasePlaces,
    isAlone: boolean,
    tokens = defaultTokens,
    leases?: LeaseTerms,
  ): Promise<BudgetRig> {
    const place = await places();
    const db = await place.open();
    await db.migrate([...identityMigrations, ...budgetMigrations]);
    return new BudgetRig(places, place, db, isAlone, tokens, leases);
  }

  /** Budgets of the same database, as another process would open them; who is alone has but one, and closes it alone. */
  another(): Budgets {
    return this.isAlone ? { ...this.budgets, [Symbol.asyncDispose]: async () => {} } : this.#open();
  }

  /** Budgets of the same kind in a database of their own. */
  fresh(tokens: number): Promise<BudgetRig> {
    return BudgetRig.open(this.#places, this.isAlone, tokens, this.#leases);
  }

  /** Closes everything and opens it again. */
  async restart(tokens = this.#defaultTokens): Promise<void> {
    await this.budgets[Symbol.asyncDispose]();
    await this.db[Symbol.asyncDispose]();
    this.#defaultTokens = tokens;
    this.db = await this.place.open();
    this.budgets = this.#open();
  }

  /** Goes on with what a process would have left that was killed at this moment. */
  async kill(): Promise<void> {
    const [left, { place, db, budgets }] = [await this.place.killed?.(), this];
    if (left === undefined) throw new Error("a killed process leaves nothing here that could be copied");
    this.place = left;
    this.db = await left.open();
    this.budgets = this.#open();
    await budgets[Symbol.asyncDispose]();
    await db[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  }

  /** A product that no other test uses. */
  newProduct(): string {
    return `PRODUCT_${this.#names++}`;
  }

  request(product: string | null, tokens: number, more: Partial<ReserveRequest> = {}): ReserveRequest {
    return { kind: "call", product, key: "key_1", model: "small", tokens, microdollars: null, ...more };
  }

  /** Reserves for a call that asks once as calls of models do, and in a transaction otherwise. */
  async reserve(product: string | null, tokens: number, more: Partial<ReserveRequest> = {}, by = this.budgets) {
    const request = this.request(product, tokens, more);
    if (request.kind === "claim" || request.requestId !== undefined) return this.reserveInTx(request, by);
    const { held, kept } = await by.admit(request);
    await kept;
    return { ...held, duplicate: false };
  }

  /** Reserves in a transaction of its own, or in that of an act. */
  reserveInTx(request: ReserveRequest, by = this.budgets, act = actOn(this.db)) {
    return act.transact((tx) => by.reserve(tx, request));
  }

  /** Settles a claim in a transaction, and a call as calls of models are. */
  settle(held: Reservation, tokens: number, microdollars: number | null, by = this.budgets) {
    return held.kind === "claim"
      ? actOn(this.db).transact((tx) => by.settle(tx, held, tokens, microdollars))
      : by.charge(held, tokens, microdollars);
  }

  /** Releases a claim in a transaction, and a call as calls of models are. */
  release(held: Reservation, by = this.budgets) {
    return held.kind === "claim" ? actOn(this.db).transact((tx) => by.release(tx, held)) : by.giveBack(held);
  }

  set(draft: Partial<BudgetDraft> & Pick<BudgetDraft, "scope" | "limit">) {
    return this.budgets.set({ unit: "tokens", window: "total", ...draft }, this.change());
  }

  /** A change that an admin makes under an intent of its own. */
  change() {
    return { by: "key_admin", act: actOn(this.db) };
  }

  /** The only line of a product's project, or the one that matches. */
  async line(product: string, match: Partial<BudgetLine> = {}): Promise<BudgetLine> {
    const { budgets } = await this.budgets.state({ product });
    const fits = budgets.filter(
      (line) =>
        line.scope.product === product &&
        Object.entries(match).every(([name, value]) => Reflect.get(line, name) === value),
    );
    if (fits.length !== 1 || fits[0] === undefined)
      throw new Error(`${fits.length} lines fit: ${JSON.stringify(budgets)}`);
    return fits[0];
  }

  /** Counters that disagree with the calls they count, found with plain SQL; there must be none. */
  async wrongCounters(): Promise<unknown[]> {
    const [counters = [], usage = [], everyReservation = []] = await this.#read(
      "budget_counters",
      "budget_usage",
      "budget_reservations",
    );
    const reservations = everyReservation.filter((row) => row["state"] === "held");
    return counters.flatMap((counter) => {
      const [unit = "", window = "", ...rest] = String(counter["slot"]).split("/");
      const scope = JSON.parse(rest.join("/")) as (string | null | 0)[];
      const from = Number(counter["start_ms"]);
      const lengths: Record<string, number> = { hour: 3_600_000, day: 86_400_000, month: 30 * 86_400_000 };
      const to = window === "total" ? Infinity : from + (lengths[window] ?? 0);
      const sum = (rows: Row[], time: string) =>
        rows
          .filter((row) => Number(row[time]) >= from && Number(row[time]) < to)
          .filter((row) =>
            ["product", "project", "key_id", "model"].every(
              (name, i) => scope[i] === 0 || (scope[i] ?? "") === row[name],
            ),
          )
          .reduce((total, row) => total + Number(row[unit] ?? 0), 0);
      const truth = { used: sum(usage, "hour_ms"), held: sum(reservations, "created_ms") };
      const same = truth.used === Number(counter["used"]) && truth.held === Number(counter["held"]);
      return same ? [] : [{ ...counter, truth }];
    });
  }

  /** Whole tables, as they are at one moment. */
  async #read(...tables: readonly string[]): Promise<Row[][]> {
    const all = async (db: Kysely<unknown>) => {
      const found: Row[][] = [];
      for (const table of tables) found.push((await sql<Row>`select * from ${sql.table(table)}`.execute(db)).rows);
      return found;
    };
    const { read } = this.db;
    if (this.db.dialect === "sqlite") return all(read);
    return read.transaction().setIsolationLevel("repeatable read").execute(all);
  }

  #open(): Budgets {
    const { db, clock } = this;
    const leases = this.#leases;
    return openBudgets({ db, clock, log: silentLog, defaultTokens: this.#defaultTokens, ...(leases && { leases }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.budgets[Symbol.asyncDispose]();
    await this.db[Symbol.asyncDispose]();
    await this.place[Symbol.asyncDispose]();
  }
}

/** How many promises were fulfilled, and the codes of the others. */
export async function outcomesOf(promises: readonly Promise<unknown>[]) {
  const settled = await Promise.allSettled(promises);
  const codes = settled.flatMap((each) =>
    each.status === "rejected" ? [String(each.reason.code ?? each.reason)] : [],
  );
  return { admitted: settled.length - codes.length, codes: [...new Set(codes)] };
}
