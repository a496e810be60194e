// What calls do to counters that lie in memory, and what counters or grants of them allow. `batch-function.ts` says the same to PostgreSQL.
import { maxAmount, maxCounted } from "../budget.ts";
import type { BudgetUnit } from "../budget.ts";
import type { Limit, LimitBook } from "../limit-book.ts";
import type { Flex, Reservation } from "../reservation.ts";
import { counterOf } from "./counters.ts";
import type { Counted, Counter } from "./counters.ts";

/** What became of an opening. */
export type Opened =
  | { readonly outcome: "admitted" | "duplicate"; readonly reservation: Reservation }
  | ({ readonly outcome: "insufficient"; readonly counter: Counter; readonly asked: number } & Counted)
  | { readonly outcome: "price_unknown"; readonly limit: Limit };

/** A counter in memory. */
export class CounterState {
  readonly counter: Counter;
  readonly #most: number;
  #used: number;
  #held: number;

  /** `most` is what may be used and held: the limit, or what was granted of it. */
  constructor(counter: Counter, { used, held }: Counted, most = counter.limit.amount ?? maxCounted) {
    this.counter = counter;
    this.#most = most;
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

/** What a reservation holds in a unit; null when that is not known. */
export function amountOf({ tokens, microdollars }: Reservation, unit: BudgetUnit): number | null {
  return unit === "tokens" ? tokens : microdollars;
}
