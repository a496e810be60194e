// Prices that change: from a day on, or by the hour. Which table holds at an instant is decided as the price data says: the
// last of its alternatives whose condition is met, else the first.
import type { ConditionalPrice, ModelPrice } from "@pydantic/genai-prices";
import { decimalOf, scaled } from "./exact.ts";
import { Tariff } from "./tariff.ts";
import type { PriceLine } from "./tariff.ts";
import { unitsByPriceName } from "./units.ts";

/** How long after a reservation was made its call may still be priced: reservations expire after an hour. */
const reservationMs = 3_600_000;

const dayMs = 86_400_000;

interface Alternative {
  readonly tariff: Tariff | null;
  /** Undefined holds always. */
  readonly holds: ((atMs: number) => boolean) | undefined;
}

/** The prices of one model over time; a null tariff is an unknown price. */
export class Schedule {
  readonly #alternatives: readonly [Alternative, ...Alternative[]];

  constructor(alternatives: readonly [Alternative, ...Alternative[]]) {
    this.#alternatives = alternatives;
  }

  /** One table for all time. */
  static constant(tariff: Tariff): Schedule {
    return new Schedule([{ tariff, holds: undefined }]);
  }

  /** Reads the library's form; undefined when it holds something that is not understood. */
  static of(prices: ModelPrice | readonly ConditionalPrice[]): Schedule | undefined {
    const [first, ...others] = (isList(prices) ? prices : [{ prices }]).map(alternativeOf);
    if (first === undefined || others.includes(undefined)) return undefined;
    return new Schedule([first, ...others.filter((each) => each !== undefined)]);
  }

  /** The table that holds at an instant. */
  at(atMs: number): Tariff | null {
    const held = this.#alternatives.findLast(({ holds }) => holds === undefined || holds(atMs));
    return (held ?? this.#alternatives[0]).tariff;
  }

  /** The tables that hold at an instant and when a reservation made then expires; no published price changes twice between. */
  around(atMs: number): readonly (Tariff | null)[] {
    return [...new Set([this.at(atMs), this.at(atMs + reservationMs)])];
  }
}

function isList(prices: ModelPrice | readonly ConditionalPrice[]): prices is readonly ConditionalPrice[] {
  return Array.isArray(prices);
}

function alternativeOf({ constraint, prices }: ConditionalPrice): Alternative | undefined {
  const tariff = tariffOf(prices);
  if (constraint === undefined) return { tariff, holds: undefined };
  if (constraint.type === "start_date") {
    const startMs = Date.parse(constraint.start_date);
    return Number.isNaN(startMs) ? undefined : { tariff, holds: (atMs) => atMs >= startMs };
  }
  const [from, until] = [timeOfDayMs(constraint.start_time), timeOfDayMs(constraint.end_time)];
  if (from === undefined || until === undefined) return undefined;
  const holds = (atMs: number): boolean => {
    const time = ((atMs % dayMs) + dayMs) % dayMs;
    return until < from ? time >= from || time < until : time >= from && time < until;
  };
  return { tariff, holds };
}

/** Reads `16:30:00Z` or `16:30:00+08:00` as milliseconds of the day in UTC. */
function timeOfDayMs(text: string): number | undefined {
  const instantMs = Date.parse(`1970-01-02T${text}`);
  return Number.isNaN(instantMs) ? undefined : instantMs % dayMs;
}

/** Reads a table in dollars; null when it is empty or names a price that is not known here, so that nothing is left out. */
function tariffOf(prices: ModelPrice): Tariff | null {
  const table: PriceLine[] = [];
  for (const [name, price] of Object.entries(prices)) {
    if (price === undefined) continue;
    const unit = unitsByPriceName.get(name);
    if (unit === undefined) return null;
    const [base, tiers] = typeof price === "number" ? [price, []] : [price.base, price.tiers];
    const each = (dollars: number) => scaled(decimalOf(dollars), 1_000_000, unit.per);
    const steps = tiers
      .toSorted((left, right) => left.start - right.start)
      .map((tier) => ({ above: tier.start, price: each(tier.price) }));
    table.push({ unit, price: each(base), steps });
  }
  return table.length === 0 ? null : new Tariff(table);
}
