// What the attempts of one call cost, by room and altogether.
import type { Attempted } from "./overrun.ts";
import type { Cost } from "../models/index.ts";

/** An attempt that was paid for, and with how much. */
export interface Charged {
  readonly attempt: Attempted;
  readonly cost: Cost;
  /** Its answer is the one that was passed on. */
  readonly isLast?: true;
}

/** What was paid for which room. */
export function asPaid(charges: readonly Charged[]) {
  return charges.map(({ attempt: { seat }, cost }) => ({ seat, cost }));
}

/** What a call cost altogether; an answer that no provider gave costs what it says. */
export function totalOf(ending: Cost, charges: readonly Charged[]): Cost {
  const costs = charges.map(({ cost }) => cost);
  return charges.some(({ isLast }) => isLast) ? costs.reduce(plus) : [...costs, ending].reduce(plus);
}

function plus(left: Cost, right: Cost): Cost {
  const { usage: a } = left;
  const { usage: b } = right;
  const source = left.source ?? right.source;
  return {
    ...(source && { source }),
    usage: {
      inputTokens: a.inputTokens + b.inputTokens,
      outputTokens: a.outputTokens + b.outputTokens,
      cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
      cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
      reasoningTokens: a.reasoningTokens + b.reasoningTokens,
      estimated: a.estimated || b.estimated,
    },
    microdollars:
      left.microdollars === null || right.microdollars === null ? null : left.microdollars + right.microdollars,
  };
}
