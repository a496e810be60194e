// Exact arithmetic with decimal numbers: money is summed as fractions of integers and rounded once, at the end.

/** A rational number; the denominator is positive. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** The decimal that a number is written as: 0.1 is one tenth, not the binary fraction nearest to it. The number is finite. */
export function decimalOf(value: number): Fraction {
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const [whole = "0", decimals = ""] = mantissa.split(".");
  const digits = BigInt(whole + decimals);
  const places = decimals.length - Number(exponent);
  return places > 0
    ? { numerator: digits, denominator: 10n ** BigInt(places) }
    : { numerator: digits * 10n ** BigInt(-places), denominator: 1n };
}

/** A fraction times a ratio of two integers. */
export function scaled({ numerator, denominator }: Fraction, times: number, over: number): Fraction {
  return { numerator: numerator * BigInt(times), denominator: denominator * BigInt(over) };
}

/** The smallest positive integer that all denominators divide. */
export function commonDenominator(fractions: Iterable<Fraction>): bigint {
  let common = 1n;
  for (const { numerator, denominator } of fractions) {
    const own = denominator / greatestDivisor(numerator, denominator);
    common = (common / greatestDivisor(common, own)) * own;
  }
  return common;
}

/** Euclid's algorithm; the result is positive when one argument is. */
function greatestDivisor(left: bigint, right: bigint): bigint {
  let [a, b] = [left < 0n ? -left : left, right];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** The nearest integer to a fraction that is not negative; a half goes up. */
export function roundHalfUp({ numerator, denominator }: Fraction): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}

/** The smallest integer that is not below a fraction that is not negative. */
export function roundUp({ numerator, denominator }: Fraction): bigint {
  return (numerator + denominator - 1n) / denominator;
}
