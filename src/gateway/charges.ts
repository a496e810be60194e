// What the attempts of one call cost: those whose answers were not used, the one that is passed on, and those of which nobody
// knows.
import { unreadCost, withinBound } from "./overrun.ts";
import type { Attempted } from "./overrun.ts";
import type { Room } from "./room.ts";
import type { Cost } from "../models/index.ts";

/** The attempts of one call, until it ends. */
export class Charges {
  readonly #room: Pick<Room, "free">;
  /** Attempts that were billed and whose answers were not used: the lower steps of a cascade. */
  readonly #spent: Charged[] = [];
  /** Attempts of which nobody knows yet what they cost: under way, or given up while the provider was at work. */
  readonly #open = new Set<Attempted>();
  /** The attempt whose answer is passed on. */
  #answering: Attempted | undefined;

  constructor(room: Pick<Room, "free">) {
    this.#room = room;
  }

  /** An attempt begins; what it costs is open until one of the others is told of it, or the call ends. */
  begun(attempt: Attempted): void {
    this.#open.add(attempt);
  }

  /** An attempt has failed in a way that no provider bills. */
  unbilled(attempt: Attempted): void {
    this.#open.delete(attempt);
    this.#room.free(attempt.seat);
  }

  /** An attempt is paid for, and its answer is not used. */
  spent(attempt: Attempted, cost: Cost): void {
    this.#open.delete(attempt);
    this.#spent.push({ attempt, cost });
  }

  /** The answer of this attempt is the one that is passed on; what it cost is told at the end. */
  answeredBy(attempt: Attempted): void {
    this.#answering = attempt;
  }

  /**
   * What each attempt cost. Of an attempt that was given up while the provider was at work nobody knows how far it was, so all
   * that was held for it counts, or leaving in the last moment would be free.
   */
  of(ending: Cost | undefined): readonly Charged[] {
    const charges = [...this.#spent];
    if (ending !== undefined && this.#answering !== undefined) {
      this.#open.delete(this.#answering);
      charges.push({ attempt: this.#answering, cost: ending, isLast: true });
    }
    for (const attempt of this.#open) charges.push({ attempt, cost: unreadCost(attempt) });
    this.#open.clear();
    return charges.map((charge) => ({ ...charge, cost: withinBound(charge.attempt, charge.cost) }));
  }
}

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
  return {
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
