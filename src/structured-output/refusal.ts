// Why something that a model answered is not passed on as data.

/** One thing that is wrong. Holds nothing of what was answered but the caller's own field names. */
export interface Refusal {
  /** The field, as a JSON pointer; the empty string for the whole answer. */
  readonly at: string;
  /** What is wrong, as a stable word. */
  readonly rule: string;
  /** What is wrong, as a sentence without a full stop. */
  readonly reason: string;
}

/** A value that may be used, or why there is none. */
export type Parsed<Value> =
  | { readonly valid: true; readonly value: Value }
  | { readonly valid: false; readonly refusals: readonly Refusal[] };

/** A refusal as an answer. */
export function refused(at: string, rule: string, reason: string): { valid: false; refusals: readonly Refusal[] } {
  return { valid: false, refusals: [{ at, rule, reason }] };
}
