// How budgets stand: limits, what is used and held under them, and what is left.
import { sql } from "kysely";
import type { Kysely } from "kysely";
import { instant } from "../kernel/clock.ts";
import { slotOf } from "./budget.ts";
import type { Budget, BudgetId, BudgetScope, BudgetUnit } from "./budget.ts";
import { groundWindow } from "./limit-book.ts";
import type { Limit, LimitBook } from "./limit-book.ts";
import { defaultProject } from "./reservation.ts";
import { counterOf, sums } from "./store/counters.ts";
import type { Counted, Counter } from "./store/counters.ts";
import type { BudgetTables } from "./store/tables.ts";
import { usedSince } from "./store/usage.ts";
import type { UsedInAll } from "./store/usage.ts";
import { windowEnd, windowStart } from "./window.ts";
import type { BudgetWindow } from "./window.ts";

/** Which budgets are asked for: those that concern the product and project; absent means every one. */
export interface StateQuery {
  readonly product?: string | null;
  readonly project?: string;
  /** Whose calls are added up in `usage`; those of all credentials when absent. */
  readonly key?: string;
}

/** One limit in its present window. */
export interface BudgetLine {
  /** Null for the default limit, which no one set. */
  readonly id: BudgetId | null;
  readonly scope: BudgetScope;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
  readonly limit: number;
  readonly used: number;
  readonly held: number;
  /** What a call may still ask for; 0 when more was used than the limit. */
  readonly available: number;
  /** RFC 3339; when the window began, and when it ends and the budget is whole again. Null for `total`. */
  readonly since: string | null;
  readonly until: string | null;
}

/** How the budgets of a product and project stand. */
export interface BudgetState {
  readonly budgets: readonly BudgetLine[];
  /** What was used today and in this month, in UTC, limited or not. */
  readonly usage: { readonly day: UsedInAll; readonly month: UsedInAll };
}

/** Most projects that are listed where none is named. */
const maxProjects = 1_000;

/** Reads the state of the budgets that a question is about. */
export async function readState(
  db: Kysely<BudgetTables>,
  book: LimitBook,
  query: StateQuery,
  nowMs: number,
): Promise<BudgetState> {
  const set = book.limits.filter(({ scope }) => concerns(scope, query));
  const grounds = await groundsOf(db, book, query);
  const limits = new Map([...set, ...grounds].map((limit) => [limit.slot, limit]));
  const counters = [...limits.values()].sort(byScope).map((limit) => counterOf(limit, nowMs));
  const counted = await readCounters(db, counters);
  const [day, month] = await Promise.all(
    (["day", "month"] as const).map((window) => usedSince(db, query, windowStart(window, nowMs))),
  );
  if (day === undefined || month === undefined) throw new Error("two questions got fewer answers");
  return { budgets: counters.flatMap((counter) => lineOf(counter, counted.get(counter.name))), usage: { day, month } };
}

/** How the limits of these slots stand, by slot; one that no limit is in force for is left out. */
export async function readLines(
  db: Kysely<BudgetTables>,
  book: LimitBook,
  slots: ReadonlySet<string>,
  nowMs: number,
): Promise<ReadonlyMap<string, BudgetLine>> {
  const counters = book.limits.filter(({ slot }) => slots.has(slot)).map((limit) => counterOf(limit, nowMs));
  const counted = await readCounters(db, counters);
  return new Map(
    counters.flatMap((counter) =>
      lineOf(counter, counted.get(counter.name)).map((line) => [counter.limit.slot, line] as const),
    ),
  );
}

/** How a budget stands that has just been set for calls of which there was none yet. */
export function freshLine(budget: Budget, nowMs: number): BudgetLine | undefined {
  const { scope, unit, window, limit } = budget;
  const counter = counterOf({ slot: slotOf(scope, unit, window), scope, unit, window, amount: limit, budget }, nowMs);
  return lineOf(counter)[0];
}

/** By product, project and window; limits of every product come last. */
function byScope(left: Limit, right: Limit): number {
  const place = ({ scope: { product, project, key, model }, window, unit }: Limit) =>
    [product === undefined ? 1 : 0, product ?? "", project ?? "", key ?? "", model ?? "", window, unit].join("\n");
  return place(left) < place(right) ? -1 : 1;
}

function concerns({ product, project }: BudgetScope, query: StateQuery): boolean {
  return (
    (product === undefined || query.product === undefined || product === query.product) &&
    (project === undefined || query.project === undefined || project === query.project)
  );
}

/** The default limits: of the project that is named, or of those that have been used. */
async function groundsOf(db: Kysely<BudgetTables>, book: LimitBook, query: StateQuery): Promise<readonly Limit[]> {
  const pairs: (readonly [string | null, string])[] = [];
  if (query.product !== undefined) pairs.push([query.product, query.project ?? defaultProject]);
  if (query.product === undefined || query.project === undefined) {
    // As a scope is written in the name of its slot: the product comes first.
    const begin = query.product === undefined ? "[" : `[${JSON.stringify(query.product)},`;
    const slots = `tokens/${groundWindow}/`;
    const pattern = `${slots}${begin.replaceAll(/[%_\\]/g, String.raw`\$&`)}%`;
    const rows = await db
      .selectFrom("budget_counters")
      .select("slot")
      .where(sql<boolean>`slot like ${pattern} escape '\\'`)
      .orderBy("slot")
      .limit(maxProjects)
      .execute();
    for (const { slot } of rows) {
      const [product, project, key, model] = JSON.parse(slot.slice(slots.length)) as (string | null | 0)[];
      if (product === 0 || product === undefined || typeof project !== "string" || key !== 0 || model !== 0) continue;
      if (concerns({ product, project }, query)) pairs.push([product, project]);
    }
  }
  return pairs.map(([product, project]) => book.ground(product, project));
}

async function readCounters(
  db: Kysely<BudgetTables>,
  counters: readonly Counter[],
): Promise<ReadonlyMap<string, Counted>> {
  if (counters.length === 0) return new Map();
  const names = counters.map(({ name }) => name);
  const rows = await db.selectFrom("budget_counters_now").selectAll().where("name", "in", names).execute();
  const found = new Map<string, Counted>(rows.map(({ name, used, held }) => [name, { used, held }]));
  // What has not been asked for since its window began has no counter yet.
  for (const counter of counters) if (!found.has(counter.name)) found.set(counter.name, await sums(db, counter));
  return found;
}

function lineOf({ limit, startMs }: Counter, counted: Counted = { used: 0, held: 0 }): readonly BudgetLine[] {
  const { amount, budget, scope, unit, window } = limit;
  if (amount === null) return [];
  const { used, held } = counted;
  const endMs = windowEnd(window, startMs);
  return [
    {
      id: budget?.id ?? null,
      scope,
      unit,
      window,
      limit: amount,
      used,
      held,
      available: Math.max(0, amount - used - held),
      since: endMs === null ? null : instant(startMs),
      until: endMs === null ? null : instant(endMs),
    },
  ];
}
