// What the units of one model cost at one time. It promises:
//
// 1. The sum is exact and rounded once, half up, to whole micro-dollars.
// 2. Every token is billed once, at the price of the most specific unit that has one: a token written to the cache for an
//    hour costs what that costs, or what a written token costs, or what an input token costs.
// 3. What cannot be priced is null, never 0: a table without prices, tokens that no price covers, and cached audio of which
//    the provider does not say how much was both.
import { commonDenominator, roundHalfUp, roundUp } from "./exact.ts";
import type { Fraction } from "./exact.ts";
import { priceFault } from "./errors.ts";
import { isPartOf, overlapOf, units } from "./units.ts";
import type { Unit } from "./units.ts";

/** Counts by the name of their unit; what the provider did not report is not there. */
export type Counts = ReadonlyMap<string, number>;

/** The price of one unit. */
export interface PriceLine {
  readonly unit: Unit;
  /** Micro-dollars for one. */
  readonly price: Fraction;
  /** Prices that hold instead for the whole call when it has more input tokens than `above`; ascending. */
  readonly steps: readonly { readonly above: number; readonly price: Fraction }[];
}

/** Micro-dollars for a million tokens, rounded half up. */
export interface TokenRates {
  readonly inputMicrodollarsPerMillion: number;
  readonly outputMicrodollarsPerMillion: number;
}

/** A line ready to be multiplied; prices are integers over the tariff's denominator. */
interface Line {
  readonly unit: Unit;
  readonly price: bigint;
  readonly steps: readonly { readonly above: number; readonly price: bigint }[];
  /** Places of the lines that are parts of this one; they come earlier. */
  readonly parts: readonly number[];
  /** Names of all units that are parts of this one, priced or not. */
  readonly partNames: readonly string[];
  /** Pairs of counts whose overlap this unit is, so that it cannot be taken for 0 when both are reported. */
  readonly overlaps: readonly (readonly [string, string])[];
}

/** What is billed without being counted in tokens, by the call of a tool, or by the request. */
const ordinaryFamilies: ReadonlySet<string> = new Set(["tokens", "tool_calls", "requests"]);

/** The prices of one model at one time. */
export class Tariff {
  readonly #lines: readonly Line[];
  readonly #denominator: bigint;
  /** Names of units such as seconds and pages: a table that has some bills by them and not by tokens. */
  readonly #measures: readonly string[];
  readonly #pricesInput: boolean;
  readonly #pricesOutput: boolean;

  constructor(table: readonly PriceLine[]) {
    const sorted = table.toSorted((left, right) => right.unit.dimensions.size - left.unit.dimensions.size);
    this.#denominator = commonDenominator(
      sorted.flatMap(({ price, steps }) => [price, ...steps.map((step) => step.price)]),
    );
    this.#lines = sorted.map((line) => lineOf(line, sorted, this.#denominator));
    this.#measures = sorted.filter(({ unit }) => !ordinaryFamilies.has(unit.family)).map(({ unit }) => unit.name);
    this.#pricesInput = this.#tokenLines("input").length > 0;
    this.#pricesOutput = this.#tokenLines("output").length > 0;
  }

  /**
   * Micro-dollars for what was counted, or null when this table does not say.
   * @param percent What tokens cost in the tier of service that was used, of what they cost here.
   * @throws `usage.invalid` for parts that are more than their whole.
   */
  cost(counts: Counts, percent = 100): bigint | null {
    if (!this.#covers(counts)) return null;
    const inputTokens = counts.get("input_tokens") ?? 0;
    const rests: number[] = [];
    let sum = 0n;
    for (const line of this.#lines) {
      let rest = countOf(line, counts);
      if (rest === null) return null;
      for (const part of line.parts) rest -= rests[part] ?? 0;
      if (rest < 0) throw contradiction(line.unit.name);
      rests.push(rest);
      if (rest === 0) continue;
      const share = line.unit.family === "tokens" ? percent : 100;
      sum += BigInt(rest) * priceAt(line, inputTokens) * BigInt(share);
    }
    return roundHalfUp({ numerator: sum, denominator: this.#denominator * 100n });
  }

  /** Whether tokens of a medium have a price of their own. */
  pricesMedium(medium: string): boolean {
    return this.#lines.some(({ unit }) => unit.dimensions.get("medium") === medium);
  }

  /**
   * The most that so many tokens can cost, in micro-dollars, whatever they are; tools are not in it. Null when unknown.
   * @param percent As for `cost`.
   */
  most(inputTokens: number, outputTokens: number, percent = 100): bigint | null {
    if (this.#lines.length === 0 || this.#measures.length > 0) return null;
    if ((inputTokens > 0 && !this.#pricesInput) || (outputTokens > 0 && !this.#pricesOutput)) return null;
    const highest = (lines: readonly Line[]): bigint =>
      lines.map((line) => priceAt(line, inputTokens)).reduce((most, price) => (price > most ? price : most), 0n);
    const requests = this.#lines.filter(({ unit }) => unit.family === "requests");
    const tokens =
      BigInt(inputTokens) * highest(this.#tokenLines("input")) +
      BigInt(outputTokens) * highest(this.#tokenLines("output"));
    const numerator = tokens * BigInt(percent) + highest(requests) * 100n;
    return roundUp({ numerator, denominator: this.#denominator * 100n });
  }

  /** The prices of plain tokens below every step; an output price that the table lacks is 0, as for embeddings. */
  rates(): TokenRates | null {
    const perMillion = (name: string): number | undefined => {
      const line = this.#lines.find(({ unit }) => unit.name === name);
      if (line === undefined) return undefined;
      return Number(roundHalfUp({ numerator: line.price * 1_000_000n, denominator: this.#denominator }));
    };
    const inputMicrodollarsPerMillion = perMillion("input_tokens");
    if (inputMicrodollarsPerMillion === undefined) return null;
    return { inputMicrodollarsPerMillion, outputMicrodollarsPerMillion: perMillion("output_tokens") ?? 0 };
  }

  #covers(counts: Counts): boolean {
    if (this.#lines.length === 0) return false;
    if (this.#measures.length > 0) return this.#measures.some((name) => counts.has(name));
    return (
      (this.#pricesInput || (counts.get("input_tokens") ?? 0) === 0) &&
      (this.#pricesOutput || (counts.get("output_tokens") ?? 0) === 0)
    );
  }

  #tokenLines(direction: "input" | "output"): readonly Line[] {
    return this.#lines.filter(({ unit }) => unit.family === "tokens" && unit.dimensions.get("direction") === direction);
  }
}

function lineOf({ unit, price, steps }: PriceLine, sorted: readonly PriceLine[], denominator: bigint): Line {
  const whole = (fraction: Fraction): bigint => (fraction.numerator * denominator) / fraction.denominator;
  const wholes = units.filter((each) => isPartOf(unit, each));
  return {
    unit,
    price: whole(price),
    steps: steps.map((step) => ({ above: step.above, price: whole(step.price) })),
    parts: sorted.flatMap((other, place) => (isPartOf(other.unit, unit) ? [place] : [])),
    partNames: units.filter((each) => isPartOf(each, unit)).map(({ name }) => name),
    overlaps: wholes.flatMap((left, i) =>
      wholes
        .slice(i + 1)
        .filter((right) => overlapOf(left, right) === unit)
        .map((right) => [left.name, right.name] as const),
    ),
  };
}

/** How much of a unit was used; null when the provider's numbers leave it open. */
function countOf({ unit, partNames, overlaps }: Line, counts: Counts): number | null {
  if (unit.family === "requests") return 1;
  const reported = counts.get(unit.name);
  if (reported !== undefined) return reported;
  const isUsed = (name: string): boolean => (counts.get(name) ?? 0) > 0;
  if (partNames.some(isUsed)) throw contradiction(unit.name);
  return overlaps.some(([left, right]) => isUsed(left) && isUsed(right)) ? null : 0;
}

function priceAt({ price, steps }: Line, inputTokens: number): bigint {
  let held = price;
  for (const step of steps) if (inputTokens > step.above) held = step.price;
  return held;
}

function contradiction(name: string): Error {
  return priceFault("usage.invalid", `the provider reports parts of ${name} that are more than all of them`);
}
