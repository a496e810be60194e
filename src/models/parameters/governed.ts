// How the governed parameters are looked up, and the two kinds of names that count wherever they stand.
import { governedRows } from "./governed-rows.ts";
import type { GovernedPart, GovernedRow } from "./governed-rows.ts";
import { canonicalName, namesIn } from "./names.ts";

/** A row as it is looked up. */
export interface Governed {
  /** The name as the API spells it. */
  readonly name: string;
  readonly row: GovernedRow;
  readonly parts: ReadonlyMap<string, GovernedPart>;
}

/** Rows by the canonical names of their parameters. */
export const governedNames: ReadonlyMap<string, Governed> = new Map(
  governedRows.flatMap((row) =>
    row.names.split(" ").map((name) => [canonicalName(name), { name, row, parts: partsOf(row) }] as const),
  ),
);

function partsOf({ parts = [] }: GovernedRow): ReadonlyMap<string, GovernedPart> {
  return new Map(parts.flatMap((part) => namesIn(part.names).map((name) => [name, part] as const)));
}

/** Objects that clients and brokers merge into the body: their members count as if they stood in it. */
export const mergedObjects: ReadonlySet<string> = new Set(
  namesIn(
    "extra_body extra_params additional_params additional_model_request_fields provider_options litellm_params " +
      "optional_params vendor_params passthrough custom_params options config gateway google openai anthropic openrouter",
  ),
);

/** Names by which Charter itself decides. Of each only the API's own spelling is read here, so only that one may be sent. */
export const decisiveNames: ReadonlyMap<string, string> = new Map(
  (
    "model messages input system instructions tools functions stream n best_of max_tokens max_completion_tokens " +
    "max_output_tokens max_new_tokens num_predict"
  )
    .split(" ")
    .map((name) => [canonicalName(name), name]),
);
