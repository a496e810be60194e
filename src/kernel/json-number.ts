// Numbers of a JSON text that a double cannot hold: integers beyond 2^53-1, fractions of more than 17 digits (a double is told
// by 17), and what is too large or too small for one. Where digits must not get lost they stay text, in the engine's own form for that
// (`JSON.rawJSON`), which JSON.stringify writes as it is.

/** A number as it was written. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** ECMAScript 2026, JSON.parse source text access; not in the compiler's library yet. */
const engine = JSON as unknown as {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
};

/** Digits by which every double is told from the next; a fraction of no more is written by its double as well. */
export const digitsOfDouble = 17;

/** Whether a value is a number that was kept as it was written. */
export function isRawNumber(value: unknown): value is RawNumber {
  return engine.isRawJSON(value);
}

/** The number that a JSON text spells, as it was written where a double would lose digits. */
export function exactNumber(text: string): number | RawNumber {
  const value = Number(text);
  return keepsDigits(text, value) ? value : engine.rawJSON(text);
}

/** The nearest double of a number, kept as it was written or not; NaN for what is no number. */
export function doubleOf(value: unknown): number {
  if (typeof value === "number") return value;
  return isRawNumber(value) ? Number(value.rawJSON) : Number.NaN;
}

/** Whether a double is good for the number that it was read from. */
export function keepsDigits(text: string, value: number): boolean {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return false;
  if (text.length <= digitsOfDouble && value !== 0) return true;
  const digits = digitsOf(text);
  return (
    digits === digitsOf(String(value)) || (value !== 0 && !Number.isInteger(value) && digits.length <= digitsOfDouble)
  );
}

/** The digits that count, without the exponent. */
function digitsOf(text: string): string {
  const [mantissa = ""] = text.split(/e/i, 1);
  return mantissa.replaceAll(/[-.]/g, "").replaceAll(/^0+|0+$/g, "");
}
