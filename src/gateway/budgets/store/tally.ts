// What a batch does to counters, reckoned before it is written. Pure: locked counters go in, changes come out.
import type { Confirm } from "../../../db/index.ts";
import { maxCounted } from "../budget.ts";
import type { BudgetUnit } from "../budget.ts";
import type { Limit, LimitBook } from "../limit-book.ts";
import { chargeOf } from "../reservation.ts";
import type { Charge, Reservation } from "../reservation.ts";
import { counterOf } from "./counters.ts";
import type { Counted, Counter, CounterChange } from "./counters.ts";

/** A reservation that is to end: the record as it will be. */
export interface Ending {
  readonly ended: Reservation;
  readonly effect: number | undefined;
  /** Makes sure that the intent may still be carried out. */
  readonly confirm?: Confirm | undefined;
}

/** What became of an opening. */
export type Opened =
  | { readonly outcome: "admitted" | "duplicate"; readonly reservation: Reservation }
  | ({ readonly outcome: "insufficient"; readonly counter: Counter } & Counted)
  | { readonly outcome: "price_unknown"; readonly limit: Limit };

/** A counter while its changes are gathered. */
export class Tally {
  readonly counter: Counter;
  readonly #before: Counted;
  #used = 0;
  #held = 0;
  #admitted = false;

  constructor(counter: Counter, before: Counted) {
    this.counter = counter;
    this.#before = before;
  }

  get now(): Counted {
    return { used: this.#before.used + this.#used, held: this.#before.held + this.#held };
  }

  free(held: number, used: number): void {
    this.#held -= held;
    this.#used = Math.min(this.#used + used, maxCounted - this.#before.used);
  }

  hasRoomFor(amount: number): boolean {
    const { used, held } = this.now;
    return used + held + amount <= this.#most;
  }

  hold(amount: number): void {
    this.#held += amount;
    this.#admitted = true;
  }

  get change(): CounterChange {
    const ceiling = this.#admitted ? this.#most : null;
    return { name: this.counter.name, usedMore: this.#used, heldMore: this.#held, ceiling };
  }

  get #most(): number {
    return this.counter.limit.amount ?? maxCounted;
  }
}

/** The counters of a reservation under the limits in force, in the windows in which it was made. */
export function countersOf(book: LimitBook, reservation: Reservation): readonly Counter[] {
  return book.covering(reservation).map((limit) => counterOf(limit, reservation.createdMs));
}

/** Moves what ended from held to used; resolves with the charges. */
export function chargeAll(book: LimitBook, tallies: ReadonlyMap<string, Tally>, endings: ReadonlyMap<string, Ending>) {
  const charges: { readonly reservation: Reservation; readonly charge: Charge }[] = [];
  for (const { ended: reservation } of endings.values()) {
    const charge = chargeOf(reservation);
    if (charge !== undefined) charges.push({ reservation, charge });
    for (const { name, limit } of countersOf(book, reservation)) {
      tallies.get(name)?.free(amountOf(reservation, limit.unit) ?? 0, charge?.[limit.unit] ?? 0);
    }
  }
  return charges;
}

/** Holds room for a reservation under all its counters, or says which of them has none. */
export function admit(tallies: ReadonlyMap<string, Tally>, counters: readonly Counter[], made: Reservation): Opened {
  const own = counters.flatMap(({ name }) => tallies.get(name) ?? []);
  for (const { counter, now } of own) {
    const { limit } = counter;
    const amount = amountOf(made, limit.unit);
    if (amount === null) return { outcome: "price_unknown", limit };
    if (!tallies.get(counter.name)?.hasRoomFor(amount)) return { outcome: "insufficient", counter, ...now };
  }
  for (const tally of own) tally.hold(amountOf(made, tally.counter.limit.unit) ?? 0);
  return { outcome: "admitted", reservation: made };
}

/** What a reservation holds in a unit; null when that is not known. */
export function amountOf({ tokens, microdollars }: Reservation, unit: BudgetUnit): number | null {
  return unit === "tokens" ? tokens : microdollars;
}
