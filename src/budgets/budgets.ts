// Budgets: room is reserved before a call and settled after it.
//
// 1. A call is admitted only when every budget that covers it has room for it: used + held + asked <= limit, for all or none,
//    others that ask at the same time, in this process or another one of the same database.
// 2. What is reserved is settled, released or expires, once; the sum of what is held is that of the reservations held.
// 3. A call counts in the windows in which it was reserved, whenever it ends, and under the budgets in force when it ends.
// 4. What a call used is what counts. What it used beyond its reservation is charged as far as every budget that covers it has
//    room, so that used + held never passes a limit; only a limit that is set below what is used already stands below it.
// 5. An unknown price is never 0: under a budget in money such a call is refused, and where the cost stays unknown afterwards,
//    the estimate is charged.
// 6. Counting starts with the calls, not with the budget: one that is set today covers what its window has used already.
import { newId } from "../kernel/ids.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { silentMeter } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Transaction } from "kysely";
import type { Database } from "../db/index.ts";
import { checkAmount, checkDraft, checkName, newBudgetId, slotOf } from "./budget.ts";
import type { Budget, BudgetDraft, BudgetId } from "./budget.ts";
import { Engine } from "./engine.ts";
import { budgetMetrics } from "./metrics.ts";
import { insufficient, priceUnknown } from "./refusal.ts";
import { defaultProject, ended, reservationLifeMs } from "./reservation.ts";
import type { End, Flex, Reservation, ReservationId, Reserved, ReserveRequest, TokenParts } from "./reservation.ts";
import { readLines, readState } from "./state.ts";
import type { BudgetLine, BudgetState, StateQuery } from "./state.ts";
import { StoredLimits } from "./store/limits.ts";
import type { Ended, Opened } from "./lease.ts";
import type { BudgetPage, LimitChange } from "./store/limits.ts";
import { abandoned, findClaim, sweepHistory } from "./store/history.ts";
import type { ClaimName } from "./store/history.ts";
import { PostgresStore } from "./store/postgres.ts";
import type { LeaseTerms } from "./store/postgres.ts";
import { SqliteStore } from "./store/sqlite.ts";
import type { BudgetTx } from "./store/statement.ts";
import type { Store } from "./store/store.ts";
import type { BudgetTables } from "./store/tables.ts";
import { UsageReports } from "./usage-report.ts";
import type { ProviderOf, UsageQuestion, UsageReport } from "./usage-report.ts";

/** Budgets, and the room that calls are promised under them. Disposing waits for what was asked. */
export interface Budgets extends AsyncDisposable {
  /**
   * Promises room in a transaction, with which the promise comes true or not. Rejects with `budget.insufficient`,
   * `budget.price_unknown` or `budget.invalid`. On PostgreSQL the budgets are locked from here to the end of the transaction.
   */
  reserve<T>(tx: Transaction<T>, request: ReserveRequest): Promise<Reserved>;
  /**
   * Charges in a transaction what was used: tokens, and micro-dollars or null where the cost is unknown. `applied` is false
   * when the reservation had ended before, and nothing is charged again; so it may be repeated after a failure.
   */
  settle<T>(tx: Transaction<T>, held: Reservation, tokens: number, microdollars: number | null): Promise<Ended>;
  /** Gives the room back in a transaction. */
  release<T>(tx: Transaction<T>, held: Reservation): Promise<Ended>;
  /**
   * Promises room to a call of a model, before that is certain to outlive the process. With `flex`, what is held may be less or
   * more than what was asked for. Rejects as `reserve` does.
   */
  admit(request: CallRequest, flex?: Flex): Promise<Admitted>;
  /** Charges as `settle` does, without a transaction of the caller's; a power cut may undo it. `parts` say what the tokens were. */
  charge(held: Reservation, tokens: number, microdollars: number | null, parts?: TokenParts): Promise<Ended>;
  /** Gives the room back as `release` does, without a transaction of the caller's. */
  giveBack(held: Reservation): Promise<Ended>;
  /** Ends what was abandoned: calls are charged their estimate, claims given back. Resolves with how many. */
  expire(nowMs: number): Promise<number>;
  /** Deletes reservations and counters that no one needs any more; what was used stays counted. Resolves with how many. */
  sweep(nowMs: number): Promise<number>;
  /** The newest claim of a product under a request id; undefined when there is none. */
  claim(name: ClaimName): Promise<Reservation | undefined>;
  state(query: StateQuery): Promise<BudgetState>;
  /** How the limits of such scopes, units and windows stand, in their order; undefined where none is in force. */
  lines(of: readonly Omit<BudgetDraft, "limit">[]): Promise<readonly (BudgetLine | undefined)[]>;
  /** Budgets in force, newest first. */
  list(page: BudgetPage): Promise<readonly Budget[]>;
  /** What was used, added up. Rejects with `budget.invalid` for more than one report has, and with the signal's reason. */
  usage(question: UsageQuestion, providerOf: ProviderOf): Promise<UsageReport>;
  /** Puts a limit in force from now on; it supersedes the one of the same scope, unit and window. Rejects with `budget.invalid`. */
  set(draft: BudgetDraft, change: LimitChange, id?: BudgetId): Promise<Budget>;
  /** Takes a limit out of force. Rejects with `budget.not_found`. */
  clear(id: string, change: LimitChange): Promise<Budget>;
}

/** What budgets are made of. */
export interface BudgetParts {
  /** Has run `budgetMigrations`. */
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Most tokens of a product and project that no budget names, over all of time; 0 for no limit. */
  readonly defaultTokens: number;
  /** Nothing is measured when it is absent. */
  readonly meter?: Meter;
  /** When a process that shares its database counts in memory; the usual terms when absent. */
  readonly leases?: LeaseTerms;
}

/** A call of a model asks for room; it is never the same request twice. */
export type CallRequest = Omit<ReserveRequest, "kind" | "requestId">;

/** Room that a call of a model was promised. */
export interface Admitted {
  readonly held: Reservation;
  /** Resolves when the promise outlives the process; nothing of an answer may be seen before. */
  readonly kept: Promise<unknown>;
}

/** Reservations that are looked for at a time when they expire. */
const expiringAtATime = 500;

/** Opens the budgets of a database. */
export function openBudgets({ db: database, clock, log, defaultTokens, meter, leases }: BudgetParts): Budgets {
  const db = database.tables<BudgetTables>();
  const limits = new StoredLimits(db, clock, defaultTokens, (tx) => store.endLeases(tx));
  const store: Store = db.dialect === "sqlite" ? new SqliteStore(db, limits) : new PostgresStore(db, limits, leases);
  const engine = new Engine(store);
  const reports = new UsageReports(db.read, clock);
  const metrics = budgetMetrics(meter ?? silentMeter, () => store.inMemory);
  const promised = (opened: Opened, made: Reservation): Reservation => {
    if (opened.outcome === "insufficient") throw insufficient(opened, made.kind, clock.nowMs());
    if (opened.outcome === "price_unknown") throw priceUnknown(opened.limit);
    return opened.reservation;
  };
  const end = (held: Reservation, how: End, tx?: BudgetTx): Promise<Ended> => {
    const after = ended(held, how);
    return metrics.end(held.kind, how.to, () => (tx === undefined ? engine.end(after) : engine.endIn(tx, after)));
  };
  const settled = (tokens: number, microdollars: number | null, parts?: TokenParts): End => {
    checkAmount(tokens, "tokens");
    if (microdollars !== null) checkAmount(microdollars, "microdollars");
    return { to: "settled", tokens, microdollars, parts };
  };

  return {
    async reserve(tx, request) {
      const made = reservationFor(request, clock);
      return metrics.reserve(made.kind, async () => {
        const opened = await engine.openIn(within(tx), made);
        return { ...promised(opened, made), duplicate: opened.outcome === "duplicate" };
      });
    },
    settle: async (tx, held, tokens, microdollars) => end(held, settled(tokens, microdollars), within(tx)),
    release: (tx, held) => end(held, { to: "released" }, within(tx)),
    async admit(request, flex) {
      if (flex !== undefined) checkAmount(flex.least.tokens, "tokens");
      const made = reservationFor({ ...request, kind: "call" }, clock);
      return metrics.reserve(made.kind, async () => {
        const { opened, kept } = await engine.open(made, flex);
        return { held: promised(opened, made), kept };
      });
    },
    charge: async (held, tokens, microdollars, parts) => end(held, settled(tokens, microdollars, parts)),
    giveBack: (held) => end(held, { to: "released" }),
    async expire(nowMs) {
      let count = 0;
      for (;;) {
        await store.fold();
        const found = await abandoned(db, nowMs, expiringAtATime);
        const results = await Promise.all(found.map((held) => end(held, { to: "expired" })));
        const applied = results.filter((result) => result.applied).length;
        count += applied;
        // Another process may be at it too: the one that finds nothing left to do stops.
        if (found.length < expiringAtATime || applied === 0) break;
      }
      if (count > 0) log.warn({ reservations: count }, "ended reservations of calls that never came back");
      return count;
    },
    sweep: (nowMs) => sweepHistory(db, nowMs),
    claim: (name) => findClaim(db, name),
    async state(query) {
      await store.show();
      return readState(db.read, await limits.book(db.read), query, clock.nowMs());
    },
    async lines(of) {
      const slots = of.map(({ scope, unit, window }) => slotOf(scope, unit, window));
      if (slots.length === 0) return [];
      await store.show();
      const found = await readLines(db.read, await limits.book(db.read), new Set(slots), clock.nowMs());
      return slots.map((slot) => found.get(slot));
    },
    list: (page) => limits.list(page),
    async usage(question, providerOf) {
      await store.show();
      return reports.report(question, providerOf);
    },
    async set(draft, change, id = newBudgetId(clock)) {
      checkDraft(draft);
      return limits.set(draft, change, id);
    },
    clear: (id, change) => limits.clear(id, change),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** The caller's transaction as one of these tables: they lie in the same database. */
function within<T>(tx: Transaction<T>): BudgetTx {
  return tx as unknown as BudgetTx;
}

/** The names in a request, and what they are called outside. */
const names = [
  ["product", "product"],
  ["project", "project"],
  ["key", "key"],
  ["model", "model"],
  ["requestId", "request_id"],
  ["task", "task"],
  ["purpose", "purpose"],
] as const;

/** The record of a request. @throws `budget.invalid`. */
function reservationFor(request: ReserveRequest, clock: Clock): Reservation {
  const { kind, key, model, tokens, microdollars } = request;
  checkAmount(tokens, "tokens");
  if (microdollars !== null) checkAmount(microdollars, "microdollars");
  for (const [field, outside] of names) {
    const name = request[field];
    if (typeof name === "string") checkName(name, outside);
  }
  const id: ReservationId = newId<"reservation">(clock);
  const createdMs = clock.nowMs();
  return {
    id,
    requestId: request.requestId ?? id,
    kind,
    product: request.product,
    project: request.project ?? defaultProject,
    key,
    model,
    task: request.task ?? null,
    purpose: request.purpose ?? null,
    tokens,
    microdollars,
    state: "held",
    createdMs,
    expiresMs: createdMs + reservationLifeMs,
    intentIndex: request.intentIndex ?? null,
    settledTokens: null,
    settledMicrodollars: null,
  };
}
