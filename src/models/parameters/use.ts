// What a call asks of its provider other than words.
import type { ParameterEffect } from "../../constitution/index.ts";
import type { Measure } from "./governed-rows.ts";

/** One thing that a call asks for. */
export interface Use {
  /** Where it stands, as a JSON pointer, or the name of a header. */
  readonly at: string;
  /** What it is called in the tables; never a caller's words. */
  readonly name: string;
  readonly effects: readonly ParameterEffect[];
  /** What it says about the price: which measure, and which value of it. */
  readonly measure?: { readonly of: Measure; readonly value: string };
  /** What it costs cannot be known beforehand. */
  readonly unpriced?: true;
}

/** What a body asks for. */
export interface Asked {
  readonly uses: readonly Use[];
  /** Names of parameters that nothing is known of, as the caller wrote them. */
  readonly unknown: readonly string[];
}
