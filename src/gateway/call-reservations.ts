// What one call reserves in the budgets, attempt by attempt. Promises:
//
// 1. An attempt is made with room for the most that it can cost, held under the deployment that is asked. What an attempt held
//    that cost nothing serves the next one; what may have been billed stays held, and the next attempt needs room of its own.
// 2. A call ends once; each reservation is then charged with what its own attempts used, or given back.
import { asCallRefusal } from "../budgets/index.ts";
import type { Budgets, Flex, Reservation, TokenParts } from "../budgets/index.ts";
import type { Deployment, Cost } from "../models/index.ts";

/** Tokens, and micro-dollars or null where no price is known. */
export interface Amount {
  readonly tokens: number;
  readonly microdollars: number | null;
}

/** What an attempt asks for. */
export interface Wanted extends Amount {
  /** With less it is not made, and how much is held otherwise; absent when it is just so much. */
  readonly flex?: Flex;
}

/** Room that one attempt was promised. */
export interface Seat extends Amount {
  readonly deployment: Deployment;
  readonly reservation: Reservation;
}

interface HeldReservation {
  readonly reservation: Reservation;
  readonly deployment: Deployment;
  readonly kept: Promise<unknown>;
  /** Not taken by any attempt. */
  free: { tokens: number; microdollars: number | null };
  seats: number;
  /** It is kept for a later attempt, whatever is asked meanwhile. */
  readonly isAhead: boolean;
}

/** Who pays. */
export interface Payer {
  readonly product: string | null;
  readonly project?: string;
  /** The credential, by its public id. */
  readonly key: string;
}

/** The reservations of one call. */
export class CallReservations {
  readonly #budgets: Pick<Budgets, "admit" | "charge" | "giveBack">;
  readonly #payer: Payer;
  #held: HeldReservation[] = [];

  constructor(budgets: Pick<Budgets, "admit" | "charge" | "giveBack">, payer: Payer) {
    this.#budgets = budgets;
    this.#payer = payer;
  }

  /** Resolves when all that was promised outlives the process; nothing of an answer may be seen before. */
  async kept(): Promise<void> {
    const promises = this.#held.map(({ kept }) => kept);
    for (const promise of promises) await promise;
  }

  /** Takes room for an attempt. @throws `budget.exhausted`, `budget.insufficient`, `budget.price_unknown`. */
  async take(deployment: Deployment, wanted: Wanted): Promise<Seat> {
    const there = this.#held.find((held) => held.deployment === deployment && fits(held, wanted));
    if (there !== undefined) return seated(there, wanted);
    await this.#giveBack((held) => held.seats === 0 && !held.isAhead);
    return await this.#hold(deployment, wanted, (held) => seated(held, wanted));
  }

  /** Holds room for attempts that may follow. @throws `budget.exhausted`, `budget.insufficient`, `budget.price_unknown`. */
  async ahead(deployment: Deployment, wanted: Wanted): Promise<void> {
    await this.#hold(deployment, wanted);
  }

  /** @param use What the room is for, at once, before another attempt of the call can take it; it is kept ahead without. */
  async #hold<Use>(deployment: Deployment, wanted: Wanted, use?: (held: HeldReservation) => Use): Promise<Use> {
    const { tokens, microdollars, flex } = wanted;
    const request = { ...this.#payer, model: deployment.name, tokens, microdollars };
    const admitted = this.#budgets.admit(request, flex);
    const { held: reservation, kept } = await admitted.catch((error: unknown) => {
      throw asCallRefusal(error);
    });
    // It is waited for once an answer has landed, and a call may have failed by then.
    kept.catch(() => {});
    const free = { tokens: reservation.tokens, microdollars: reservation.microdollars };
    const held: HeldReservation = { reservation, deployment, kept, free, seats: 0, isAhead: use === undefined };
    this.#held.push(held);
    return use?.(held) as Use;
  }

  /** An attempt has cost nothing: its room serves the next one. */
  free({ reservation, tokens, microdollars }: Seat): void {
    const held = this.#held.find((each) => each.reservation === reservation);
    if (held === undefined) return;
    held.seats--;
    held.free.tokens += tokens;
    if (held.free.microdollars !== null) held.free.microdollars += microdollars ?? 0;
  }

  /** Ends the call; resolves with what was charged, which is less than what was used where no budget had room for more. */
  async settle(costs: readonly { readonly seat: Seat; readonly cost: Cost }[]): Promise<Amount> {
    const charges = this.#held.splice(0).map(async ({ reservation }) => {
      const own = costs.filter(({ seat }) => seat.reservation === reservation).map(({ cost }) => cost);
      const { tokens, microdollars } = own.map(amountOf).reduce(plus, { tokens: 0, microdollars: 0 });
      if (tokens === 0 && (microdollars ?? 0) === 0) {
        await this.#budgets.giveBack(reservation);
        return { tokens: 0, microdollars: 0 };
      }
      const { reservation: ended } = await this.#budgets.charge(reservation, tokens, microdollars, partsOf(own));
      return { tokens: ended?.settledTokens ?? tokens, microdollars: ended?.settledMicrodollars ?? null };
    });
    return (await Promise.all(charges)).reduce(plus, { tokens: 0, microdollars: 0 });
  }

  async #giveBack(isOver: (held: HeldReservation) => boolean): Promise<void> {
    const over = this.#held.filter(isOver);
    if (over.length === 0) return;
    this.#held = this.#held.filter((held) => !isOver(held));
    await Promise.all(over.map(({ reservation }) => this.#budgets.giveBack(reservation)));
  }
}

function fits({ free }: HeldReservation, wanted: Wanted): boolean {
  const least = wanted.flex?.least ?? wanted;
  return free.tokens >= least.tokens && (free.microdollars ?? 0) >= (least.microdollars ?? 0);
}

function seated(held: HeldReservation, { tokens, microdollars, flex }: Wanted): Seat {
  const { reservation, deployment, free } = held;
  const takesAll = flex?.takes === "all";
  const taken = {
    tokens: takesAll ? free.tokens : Math.min(tokens, free.tokens),
    microdollars:
      free.microdollars === null
        ? null
        : takesAll
          ? free.microdollars
          : Math.min(microdollars ?? free.microdollars, free.microdollars),
  };
  free.tokens -= taken.tokens;
  if (free.microdollars !== null) free.microdollars -= taken.microdollars ?? 0;
  held.seats++;
  return { deployment, reservation, ...taken };
}

function amountOf({ usage, microdollars }: Cost): Amount {
  return { tokens: usage.inputTokens + usage.outputTokens, microdollars };
}

function partsOf(costs: readonly Cost[]): TokenParts {
  const sum = (part: "inputTokens" | "cacheReadTokens" | "outputTokens") =>
    costs.reduce((all, { usage }) => all + usage[part], 0);
  return { input: sum("inputTokens"), cached: sum("cacheReadTokens"), output: sum("outputTokens") };
}

function plus(left: Amount, right: Amount): Amount {
  const known = left.microdollars !== null && right.microdollars !== null;
  return {
    tokens: left.tokens + right.tokens,
    microdollars: known ? (left.microdollars ?? 0) + (right.microdollars ?? 0) : null,
  };
}
