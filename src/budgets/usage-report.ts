// What was used, added up for people: by model, key, product, project, provider or day.
//
// 1. A call is in one row and no more, so that rows add up to the total.
// 2. What it cost that is not known is counted apart and never in the cost.
// 3. It is added up once for all its pages, where one process makes them, so that those are of one moment and cost no more than the first.
// 4. It is added up in whole hours, UTC, by when room for the call was reserved, from the same rows that limits are counted from.
import { setImmediate as nextRound } from "node:timers/promises";
import type { Kysely } from "kysely";
import { BoundedMap } from "../kernel/bounded-map.ts";
import type { Clock } from "../kernel/clock.ts";
import { maxCounted } from "./budget.ts";
import { budgetFault } from "./errors.ts";
import type { BudgetTables } from "./store/tables.ts";
import type { UsageField } from "./usage-fields.ts";
import { usageBetween } from "./store/usage-reading.ts";
import type { UsageGroup, UsageKey, UsageWanted } from "./store/usage-reading.ts";

/** What a report is asked for. Times are milliseconds; the end is not included. A product of null is that of calls without one. */
export interface UsageQuestion extends Omit<UsageWanted, "by"> {
  readonly by: readonly UsageField[];
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly signal: AbortSignal;
  /** It is asked for a further page of a report that was begun. */
  readonly isContinued?: boolean;
}

/** What a number of calls used. */
export interface Used {
  /** Calls of models that were charged, and claims that were committed. */
  readonly calls: number;
  /** Asked with, as providers said; what they had cached is a part of it. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** What budgets were charged: asked and answered, and what no one said more of. */
  readonly tokens: number;
  /** US dollars with six decimals, of the calls whose cost is known. */
  readonly costUsd: string;
  /** Calls whose cost is not known, and what budgets were charged for them. */
  readonly unpricedCalls: number;
  readonly unpricedEstimateUsd: string;
}

/** A row: the names that it is of, in the order that was asked for, and what these used. */
export interface UsageLine {
  readonly names: readonly (string | null)[];
  readonly used: Used;
}

/** A report: every row, sorted by its names, and all of them together. */
export interface UsageReport {
  /** Milliseconds: the whole hours that it is of. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly lines: readonly UsageLine[];
  readonly total: Used;
}

/** The provider of a model by its name in budgets; null where no one knows of one. */
export type ProviderOf = (model: string) => string | null;

const [hourMs, dayMs] = [3_600_000, 86_400_000];

/** Longest time of one report, days. */
export const maxReportDays = 400;

/** Most rows of one report: all of them are held in memory while its pages are read. */
const maxLines = 50_000;

/** The last hour that RFC 3339 can write, which has four digits for the year; milliseconds. */
const lastHourMs = Date.UTC(9999, 11, 31, 23);

/** Most rows of reports whose pages are still read, of all of them together: one of the largest, and some. */
const maxKeptLines = 60_000;
/** How long they are kept, milliseconds: long enough to read 500 pages. */
const keptMs = 10 * 60_000;

/** Makes reports, each once for all its pages. */
export class UsageReports {
  readonly #db: Kysely<BudgetTables>;
  readonly #clock: Clock;
  readonly #kept = new BoundedMap<string, KeptReport>(maxKeptLines, ({ report }) => report.lines.length + 1);

  constructor(db: Kysely<BudgetTables>, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * A report. One that is continued is what it was for the page before, as long as this process remembers it; otherwise it is
   * added up again. @throws `budget.invalid` for more time, or more rows, than one report has.
   */
  async report(question: UsageQuestion, providerOf: ProviderOf): Promise<UsageReport> {
    const { by, sinceMs, untilMs, product = 0, project, key, model } = question;
    const name = JSON.stringify([by, sinceMs, untilMs, product, project ?? 0, key ?? 0, model ?? 0]);
    const known = question.isContinued === true ? this.#kept.get(name) : undefined;
    if (known !== undefined && performance.now() - known.madeMs < keptMs) return known.report;
    const report = await reportUsage(this.#db, question, providerOf, this.#clock.nowMs());
    this.#kept.set(name, { report, madeMs: performance.now() });
    return report;
  }
}

interface KeptReport {
  readonly report: UsageReport;
  readonly madeMs: number;
}

const columnOf: Readonly<Record<Exclude<UsageField, "day">, UsageKey>> = {
  product: "product",
  project: "project",
  key: "key_id",
  model: "model",
  provider: "model",
};

/** Adds up what was used. */
async function reportUsage(
  db: Kysely<BudgetTables>,
  question: UsageQuestion,
  providerOf: ProviderOf,
  nowMs: number,
): Promise<UsageReport> {
  const { by, signal } = question;
  const sinceMs = Math.floor(question.sinceMs / hourMs) * hourMs;
  const untilMs = Math.min(Math.ceil(question.untilMs / hourMs) * hourMs, lastHourMs);
  if (!(sinceMs < untilMs)) throw tooMuch("since is not before until", "since");
  if (untilMs - sinceMs > maxReportDays * dayMs) {
    throw tooMuch(`one report is of at most ${maxReportDays} days`, "since");
  }
  const columns = [...new Set(by.flatMap((field) => (field === "day" ? [] : [columnOf[field]])))];
  const lines = new Map<string, { readonly names: UsageLine["names"]; readonly sums: Sums }>();
  const total = noSums();
  for (let fromMs = sinceMs; fromMs < untilMs;) {
    signal.throwIfAborted();
    const toMs = Math.min(untilMs, (Math.floor(fromMs / dayMs) + 1) * dayMs);
    // Notes that are in no table yet are of the last minutes.
    const source = toMs > nowMs - dayMs ? "budget_usage_now" : "budget_usage";
    for (const group of await usageBetween(db, { ...question, by: columns }, fromMs, toMs, source)) {
      const names = by.map((field) => nameOf(field, group, fromMs, providerOf));
      const key = JSON.stringify(names);
      const line = lines.get(key) ?? { names, sums: noSums() };
      add(line.sums, group);
      add(total, group);
      lines.set(key, line);
    }
    if (lines.size > maxLines) throw tooMuch(`the report would have more than ${maxLines} rows`, "by");
    fromMs = toMs;
    await nextRound();
  }
  const sorted = [...lines.values()].toSorted((left, right) => compareNames(left.names, right.names));
  return {
    sinceMs,
    untilMs,
    lines: sorted.map(({ names, sums }) => ({ names, used: usedOf(sums) })),
    total: usedOf(total),
  };
}

/** How names of two rows are sorted: by characters, one name after the other, those without a name first. */
export function compareNames(left: UsageLine["names"], right: UsageLine["names"]): number {
  for (const [i, name] of left.entries()) {
    const other = right[i] ?? null;
    if (name === other) continue;
    if (name === null || other === null) return name === null ? -1 : 1;
    return name < other ? -1 : 1;
  }
  return 0;
}

type Sums = { -readonly [Sum in Exclude<keyof UsageGroup, UsageKey>]: number };

function noSums(): Sums {
  return {
    calls: 0,
    tokens: 0,
    microdollars: 0,
    unpriced: 0,
    input_tokens: 0,
    cached_tokens: 0,
    output_tokens: 0,
    unpriced_microdollars: 0,
  };
}

function add(sums: Sums, more: Readonly<Sums>): void {
  for (const name of Object.keys(sums) as (keyof Sums)[]) sums[name] = Math.min(sums[name] + more[name], maxCounted);
}

function nameOf(field: UsageField, group: UsageGroup, atMs: number, providerOf: ProviderOf): string | null {
  if (field === "day") return new Date(atMs).toISOString().slice(0, 10);
  const name = group[columnOf[field]] ?? "";
  if (field === "provider") return providerOf(name);
  return name === "" ? null : name;
}

function usedOf(sums: Sums): Used {
  return {
    calls: sums.calls,
    inputTokens: sums.input_tokens,
    cachedTokens: sums.cached_tokens,
    outputTokens: sums.output_tokens,
    tokens: sums.tokens,
    costUsd: dollarsOf(sums.microdollars - sums.unpriced_microdollars),
    unpricedCalls: sums.unpriced,
    unpricedEstimateUsd: dollarsOf(sums.unpriced_microdollars),
  };
}

/** Millionths of a dollar as dollars, without a detour through binary fractions. */
function dollarsOf(microdollars: number): string {
  const digits = String(Math.max(0, microdollars)).padStart(7, "0");
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

function tooMuch(detail: string, at: string): Error {
  return budgetFault("budget.invalid", detail, {
    at: `query/${at}`,
    remedy: "ask for less time, for fewer fields, or for one product, project, key or model",
  });
}
