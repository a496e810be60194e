// A lease: what memory may count of the budgets, the calls that began there, and the rules by which calls are admitted and charged.
// `store/batch-function.ts` says the same rules to PostgreSQL.
import { maxAmount, maxCounted } from "./budget.ts";
import type { BudgetUnit } from "./budget.ts";
import type { Limit, LimitBook } from "./limit-book.ts";
import { chargeOf } from "./reservation.ts";
import type { Flex, Reservation } from "./reservation.ts";
import { counterOf } from "./store/counters.ts";
import type { Counted, Counter } from "./store/counters.ts";

/** What happened to a call: it was made, or has ended, and counts under these counters. */
export interface Entry {
  readonly reservation: Reservation;
  readonly counters: readonly Counter[];
}

/** Room that this process alone may give out, under the limits of one book. */
export class Lease {
  readonly id = crypto.randomUUID();
  readonly book: LimitBook;
  /** Whether it is all that there is of its budgets: then a refusal is final, and a charge is cut to what is free. */
  readonly isWhole: boolean;
  readonly states: Map<string, CounterState>;
  /** Calls that were admitted under it and have not ended, by id. */
  readonly open = new Map<string, readonly Counter[]>();

  constructor(book: LimitBook, isWhole: boolean, states = new Map<string, CounterState>()) {
    this.book = book;
    this.isWhole = isWhole;
    this.states = states;
  }

  /** Takes room for a call, or refuses it; undefined when memory is not sure. */
  begin(
    made: Reservation,
    flex?: Flex,
  ): { readonly opened: Opened; readonly counters: readonly Counter[] } | undefined {
    const counters = countersOf(this.book, made);
    if (!this.#hasAll(counters)) return undefined;
    if (!this.isWhole && !asksWhole(this.states, counters, made, flex)) return undefined;
    const opened = admit(this.states, counters, made, this.isWhole ? flex : undefined);
    if (opened.outcome === "admitted") this.open.set(opened.reservation.id, counters);
    else if (!this.isWhole) return undefined;
    return { opened, counters };
  }

  /** Ends a call that began here, and charges it; undefined when it did not, or when memory is not sure. */
  end(ending: Reservation): Entry | undefined {
    const counters = this.open.get(ending.id);
    if (counters === undefined || (exceeds(ending) && !this.#hasAll(counters))) return undefined;
    const reservation = withinLimits(this.states, counters, ending);
    if (reservation !== ending && !this.isWhole) return undefined;
    this.open.delete(ending.id);
    for (const { name, held, used } of sharesOf(reservation, counters)) this.states.get(name)?.free(held, used);
    return { reservation, counters };
  }

  #hasAll(counters: readonly Counter[]): boolean {
    return counters.every(({ name }) => this.states.has(name));
  }
}

/** What became of an opening. */
export type Opened =
  | { readonly outcome: "admitted" | "duplicate"; readonly reservation: Reservation }
  | ({ readonly outcome: "insufficient"; readonly counter: Counter; readonly asked: number } & Counted)
  | { readonly outcome: "price_unknown"; readonly limit: Limit };

/** What became of an ending: whether it took place, and the record as it stands now; undefined when there is none. */
export interface Ended {
  readonly applied: boolean;
  readonly reservation: Reservation | undefined;
}

/** A counter in memory. */
export class CounterState {
  readonly counter: Counter;
  /** The place of what was granted, as notes name it. */
  readonly place: number | undefined;
  readonly #most: number;
  #used: number;
  #held: number;

  /** `most` is what may be used and held: what was granted, or the limit where that is absent. */
  constructor(
    counter: Counter,
    { used, held }: Counted,
    { most, place }: { most?: number | undefined; place?: number } = {},
  ) {
    this.counter = counter;
    this.place = place;
    this.#most = most ?? counter.limit.amount ?? maxCounted;
    this.#used = used;
    this.#held = held;
  }

  get now(): Counted {
    return { used: this.#used, held: this.#held };
  }

  free(held: number, used: number): void {
    this.#held -= held;
    this.#used = Math.min(this.#used + used, maxCounted);
  }

  hasRoomFor(amount: number): boolean {
    return this.#used + this.#held + amount <= this.#most;
  }

  /** The most that may be held in addition, and the most that a call which holds `own` may be charged. */
  roomFor(own: number): number {
    return Math.max(own, this.#most - this.#used - this.#held + own);
  }

  hold(amount: number): void {
    this.#held += amount;
  }
}

/** The counters of a reservation under the limits in force, in the windows in which it was made. */
export function countersOf(book: LimitBook, reservation: Reservation): readonly Counter[] {
  return book.covering(reservation).map((limit) => counterOf(limit, reservation.createdMs));
}

/** Whether a reservation ended with more than it held. */
export function exceeds({ tokens, microdollars, settledTokens, settledMicrodollars }: Reservation): boolean {
  return (settledTokens ?? 0) > tokens || (settledMicrodollars ?? 0) > (microdollars ?? 0);
}

/**
 * The record of an ended reservation, charged within the limits: with what it held, and beyond that with no more than is free
 * under every limit that covers it. So no report of what was used takes a counter past its limit.
 */
export function withinLimits(
  states: ReadonlyMap<string, CounterState>,
  counters: readonly Counter[],
  ended: Reservation,
): Reservation {
  if (!exceeds(ended)) return ended;
  const most = { tokens: Number.POSITIVE_INFINITY, microdollars: Number.POSITIVE_INFINITY };
  for (const { name, limit } of counters) {
    const room = limit.amount === null ? undefined : states.get(name)?.roomFor(amountOf(ended, limit.unit) ?? 0);
    if (room !== undefined) most[limit.unit] = Math.min(most[limit.unit], room);
  }
  const { settledTokens, settledMicrodollars } = ended;
  const tokens = settledTokens === null ? null : Math.min(settledTokens, most.tokens);
  const microdollars = settledMicrodollars === null ? null : Math.min(settledMicrodollars, most.microdollars);
  if (tokens === settledTokens && microdollars === settledMicrodollars) return ended;
  return { ...ended, settledTokens: tokens, settledMicrodollars: microdollars };
}

/** Holds room for a reservation under all its counters, or says which of them has none. */
export function admit(
  states: ReadonlyMap<string, CounterState>,
  counters: readonly Counter[],
  asked: Reservation,
  flex?: Flex,
): Opened {
  const own = counters.flatMap(({ name }) => states.get(name) ?? []);
  const made = flex === undefined ? asked : fitted(own, asked, flex);
  for (const { counter, now } of own) {
    const { limit } = counter;
    const amount = amountOf(made, limit.unit);
    if (amount === null) return { outcome: "price_unknown", limit };
    if (!states.get(counter.name)?.hasRoomFor(amount))
      return { outcome: "insufficient", counter, asked: amount, ...now };
  }
  for (const state of own) state.hold(amountOf(made, state.counter.limit.unit) ?? 0);
  return { outcome: "admitted", reservation: made };
}

/** What is beyond the least of a request is at most such a part of what is left, so that calls at the same time find some too. */
export const sharers = 8;

/** The request with as much as there is room for: no less than its least, which is then refused where it does not fit. */
function fitted(own: readonly CounterState[], asked: Reservation, { least, takes }: Flex): Reservation {
  const granted = (unit: BudgetUnit, wanted: number, atLeast: number): number => {
    const limits = own.filter(({ counter: { limit } }) => limit.unit === unit && limit.amount !== null);
    if (limits.length === 0) return wanted;
    const left = Math.min(maxAmount, ...limits.map((state) => roomIn(state, atLeast)));
    if (takes === "all") return Math.max(atLeast, left);
    if (takes === "share") return Math.min(wanted, atLeast + Math.floor(Math.max(0, left - atLeast) / sharers));
    const isSmaller = limits.some(({ counter: { limit } }) => (limit.amount ?? wanted) < wanted);
    return isSmaller ? Math.max(atLeast, left) : wanted;
  };
  const { microdollars } = asked;
  return {
    ...asked,
    tokens: granted("tokens", asked.tokens, least.tokens),
    microdollars:
      microdollars === null ? null : granted("microdollars", microdollars, least.microdollars ?? microdollars),
  };
}

/** Whether a flexible request is for what it names, however much more is left than these tallies say. */
export function asksWhole(
  tallies: ReadonlyMap<string, CounterState>,
  counters: readonly Counter[],
  asked: Reservation,
  flex: Flex | undefined,
): boolean {
  if (flex === undefined) return true;
  const own = counters.flatMap(({ name }) => tallies.get(name) ?? []);
  const isLeft = counters.some(({ limit: { unit, amount } }) => {
    const wanted = amountOf(asked, unit) ?? 0;
    return amount !== null && (flex.takes === "all" || (flex.takes === "whole" && amount < wanted));
  });
  const { tokens, microdollars } = fitted(own, asked, flex);
  return !isLeft && tokens === asked.tokens && microdollars === asked.microdollars;
}

/** What a call may hold under a limit. Of one that other products share, it leaves them the most. */
function roomIn(state: CounterState, atLeast: number): number {
  const room = state.roomFor(0);
  const { product, key } = state.counter.limit.scope;
  const isShared = product === undefined && key === undefined;
  return isShared ? atLeast + Math.floor(Math.max(0, room - atLeast) / sharers) : room;
}

/** What a reservation holds and is charged under each of its counters. */
export function sharesOf(reservation: Reservation, counters: readonly Counter[]) {
  const charge = chargeOf(reservation);
  return counters.map(({ name, limit: { unit } }) => {
    return { name, held: amountOf(reservation, unit) ?? 0, used: charge?.[unit] ?? 0 };
  });
}

/** What a reservation holds in a unit; null when that is not known. */
export function amountOf({ tokens, microdollars }: Reservation, unit: BudgetUnit): number | null {
  return unit === "tokens" ? tokens : microdollars;
}
