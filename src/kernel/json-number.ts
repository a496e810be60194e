// Numbers of a JSON text that a double cannot hold: integers beyond 2^53-1, more digits than a double has, and what is too
// large or too small for one. Where digits must not get lost they stay text, in the engine's own form for that
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

/** Longest text of at most 15 digits with a sign or a point. A double keeps so many. */
const surelyKept = 16;

/** Whether a value is a number that was kept as it was written. */
export function isRawNumber(value: unknown): value is RawNumber {
  return engine.isRawJSON(value);
}

/** The number that a JSON text spells, as it was written where a double would lose digits. */
export function exactNumber(text: string): number | RawNumber {
  const value = Number(text);
  return keepsDigits(text, value) ? value : engine.rawJSON(text);
}

/** Whether a double says the same number as the text that it was read from. */
export function keepsDigits(text: string, value: number): boolean {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return false;
  return (text.length <= surelyKept && value !== 0) || digitsOf(text) === digitsOf(String(value));
}

/** The digits that count, without the exponent: it is the same where they are. */
function digitsOf(text: string): string {
  const [mantissa = ""] = text.split(/e/i, 1);
  return mantissa.replaceAll(/[-.]/g, "").replaceAll(/^0+|0+$/g, "");
}
