// A reservation: room that a call has been promised before it runs.
import type { Id } from "../kernel/ids.ts";
import type { BudgetCall } from "./budget.ts";

/** Identifies a reservation. */
export type ReservationId = Id<"reservation">;

/**
 * What happens to a reservation that no one ends. A model `call` may have cost all that was estimated, so it is charged in
 * full; a `claim` of a caller that manages its own work is given back.
 */
export type ReservationKind = "call" | "claim";

/** `held` is the only state that can be left, and it is left once. */
export type ReservationState = "held" | "settled" | "released" | "expired";

/** A request for room. */
export interface ReserveRequest extends Omit<BudgetCall, "project"> {
  /** `default` when absent. */
  readonly project?: string;
  readonly kind: ReservationKind;
  /**
   * Makes the request idempotent: the same id of the same kind, product, project and task within 300 s is the same
   * reservation. Absent: every request is a new one. An id that a caller can choose must not be given for a model call that
   * is run again all the same, or the second run would be free.
   */
  readonly requestId?: string;
  readonly task?: string;
  readonly purpose?: string;
  /** Estimated tokens. */
  readonly tokens: number;
  /** Estimated cost in micro-dollars; null when the price is unknown, which is never taken for 0. */
  readonly microdollars: number | null;
  /** Ledger index of the intent, where it is known already. */
  readonly intentIndex?: number;
}

/** How far a request for room may be answered with less, or with more, than it names. */
export interface Flex {
  /** With less than this the request is refused. */
  readonly least: { readonly tokens: number; readonly microdollars: number | null };
  /**
   * What is held in a unit that budgets limit, at least `least`. `share`: what is asked for, or less where that would leave
   * others nothing. `all`: everything that is left, so that nothing else is admitted meanwhile. `whole`: what is asked for, or
   * everything that is left of a budget that is smaller than that. Of a budget that products share, both take a part.
   */
  readonly takes: "share" | "all" | "whole";
}

/** What the tokens of a call were, as its provider reported them. */
export interface TokenParts {
  /** Asked with; what the provider had cached is a part of it. */
  readonly input: number;
  readonly cached: number;
  readonly output: number;
}

/** A promise of room. Records do not change: ending a reservation gives a new one of the same id. */
export interface Reservation extends BudgetCall {
  readonly id: ReservationId;
  readonly requestId: string;
  readonly kind: ReservationKind;
  readonly task: string | null;
  readonly purpose: string | null;
  readonly tokens: number;
  readonly microdollars: number | null;
  readonly state: ReservationState;
  /** When it was made, milliseconds; decides in which windows it counts, whenever it ends. */
  readonly createdMs: number;
  /** When it is taken for abandoned, milliseconds. */
  readonly expiresMs: number;
  readonly intentIndex: number | null;
  /** What the call used; null while it is held, and for cost that is not known. */
  readonly settledTokens: number | null;
  readonly settledMicrodollars: number | null;
  /** What its tokens were; absent where no one said. It is counted with what was used and not kept with the reservation. */
  readonly settledParts?: TokenParts;
}

/** A reservation as `reserve` answers. */
export interface Reserved extends Reservation {
  /** The request had been made before, and nothing more is held for it. */
  readonly duplicate: boolean;
}

/** How long an abandoned reservation is held, milliseconds, as in the predecessor. */
export const reservationLifeMs = 3_600_000;

/** How long a request id stands for its reservation, milliseconds, as in the predecessor. */
export const requestIdLifeMs = 300_000;

/** The project of calls that name none. */
export const defaultProject = "default";

/**
 * How a reservation ends. Cost that is not known is null. Amounts may exceed what was reserved: what is beyond that is charged
 * as far as the budgets have room, see `withinLimits`.
 */
export type End =
  | {
      readonly to: "settled";
      readonly tokens: number;
      readonly microdollars: number | null;
      readonly parts?: TokenParts | undefined;
    }
  | { readonly to: "released" | "expired" };

/** The record of a held reservation once it has ended. */
export function ended(held: Reservation, end: End): Reservation {
  if (end.to === "settled") {
    const { tokens: settledTokens, microdollars: settledMicrodollars, parts } = end;
    const settled = { ...held, state: "settled", settledTokens, settledMicrodollars } as const;
    return parts === undefined ? settled : { ...settled, settledParts: parts };
  }
  const charged = end.to === "expired" && held.kind === "call";
  if (!charged) return { ...held, state: end.to };
  return { ...held, state: "expired", settledTokens: held.tokens, settledMicrodollars: held.microdollars };
}

/** What an ended reservation has used. */
export interface Charge {
  readonly tokens: number;
  readonly microdollars: number;
  /** The cost is not known; `microdollars` is what had been reserved for it, or 0 when that was not known either. */
  readonly unpriced: boolean;
  readonly parts: TokenParts;
}

/** The parts of tokens of which no one said what they were. */
export const noParts: TokenParts = { input: 0, cached: 0, output: 0 };

/** What an ended reservation is charged with; undefined when it was given back. */
export function chargeOf(ended: Reservation): Charge | undefined {
  const { settledTokens, settledMicrodollars, microdollars, settledParts: parts = noParts } = ended;
  if (settledTokens === null) return undefined;
  const unpriced = settledMicrodollars === null;
  return { tokens: settledTokens, microdollars: settledMicrodollars ?? microdollars ?? 0, unpriced, parts };
}
