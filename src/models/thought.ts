// How long a model may think, by whatever in a caller's body a server could go by. Servers differ in the name, in the place
// and in whether the limit of the answer holds for thought as well. Pure.
import { isRawNumber } from "../kernel/json-number.ts";
import { below } from "../kernel/json-pointer.ts";
import { canonicalName } from "./parameters/names.ts";

/** Parameters that say how a model thinks, and whether every number in them counts or only one whose name says so. */
const settings: ReadonlyMap<string, "every" | "named"> = new Map([
  ...["thinking", "thinkingbudget", "thinkingconfig", "reasoning", "reasoningeffort", "enablethinking", "think"].map(
    (name) => [name, "every"] as const,
  ),
  ["chattemplatekwargs", "named"],
]);

/** Names of a limit of tokens. */
const limitLike = /budget|token|limit|length|^max|^min/;
/** Names under which a template or a server may take such a limit. */
const thoughtLike = /budget|token|limit|length|^max|^min|think|reason/;

/** A value by which a server could limit thought. */
export interface ThoughtLimit {
  /** Where it stands, as a JSON pointer. */
  readonly at: string;
  readonly value: unknown;
  /** Whether it is a count of tokens that can be counted on; text and negative numbers cannot. */
  readonly isCount: boolean;
}

/** The most tokens of thought that a body asks for; zero when it names no number. */
export function thoughtTokensOf(raw: Readonly<Record<string, unknown>>): number {
  let most = 0;
  for (const { value } of thoughtLimitsIn(raw)) if (typeof value === "number") most = Math.max(most, Math.ceil(value));
  return most;
}

const noLimits: readonly ThoughtLimit[] = [];

/** Every limit of thought in a body. */
export function thoughtLimitsIn(raw: Readonly<Record<string, unknown>>): readonly ThoughtLimit[] {
  let limits = noLimits;
  for (const key of Object.keys(raw)) {
    const name = canonicalName(key);
    const counts = settings.get(name);
    if (counts !== undefined) limits = [...limits, ...limitsIn(raw[key], name, `/${key}`, counts === "every")];
  }
  return limits;
}

function* limitsIn(value: unknown, name: string, at: string, isEvery: boolean): Generator<ThoughtLimit> {
  if (isRawNumber(value)) {
    if (isEvery || thoughtLike.test(name)) yield { at, value, isCount: false };
    return;
  }
  if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      // What stands in a list has the list's name.
      const its = Array.isArray(value) ? name : canonicalName(key);
      yield* limitsIn(inner, its, below(at, key), isEvery);
    }
    return;
  }
  if (!isEvery && !thoughtLike.test(name)) return;
  if (typeof value === "number") yield { at, value, isCount: value >= 0 };
  else if (typeof value === "string" && (limitLike.test(name) || /^\s*[-+]?\.?\d/.test(value))) {
    yield { at, value, isCount: false };
  }
}
