// A circuit breaker for each deployment: after failures in a row it refuses calls for a while, then lets a few probe.
//
// 1. The states are a total table of pure functions; the class around it only holds the current standing and the clock.
// 2. An outcome counts for the state in which its call was let in: a late failure of before does not end the probing of now.
// 3. A permit that is dropped without an outcome gives its place back; places of probes that never end are given out again.
//
// What counts as a failure is decided by `outcomeOf`: 5xx, timeouts, broken connections. A caller that leaves, answers of 4xx,
// and answers that Charter cannot read say nothing about the deployment's health; 429 makes its key rest instead.
import type { Clock } from "../kernel/clock.ts";
import { instant } from "../kernel/clock.ts";
import { UpstreamFault } from "./upstream.ts";

/** Calls pass, no call passes, a few calls probe. */
export type BreakerState = "closed" | "open" | "half_open";

/** A call asks to pass; a call that passed went well, went wrong, or said nothing; an operator resets. */
export type BreakerEvent = "ask" | CallOutcome | "reset";

/** What a call says about its deployment. */
export type CallOutcome = "success" | "failure" | "nothing";

/** When a breaker opens and closes. */
export interface BreakerTerms {
  /** Failures in a row that open it. */
  readonly failureThreshold: number;
  /** How long it stays open, milliseconds. */
  readonly recoveryMs: number;
  /** Calls that may probe at a time. */
  readonly halfOpenMaxCalls: number;
}

/** The terms that Charter runs with. */
export const breakerTerms: BreakerTerms = { failureThreshold: 5, recoveryMs: 30_000, halfOpenMaxCalls: 3 };

/** Everything that decides what a breaker does next. */
export interface BreakerStanding {
  readonly state: BreakerState;
  /** Counts the changes of state; an outcome with another number than this one is late. */
  readonly era: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Successes in a row. */
  readonly successes: number;
  /** Probes that are under way. */
  readonly probes: number;
  /** When the state was entered, or probes were last given out anew; milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** A breaker that has seen nothing. */
export const restedBreaker: BreakerStanding = {
  state: "closed",
  era: 0,
  failures: 0,
  successes: 0,
  probes: 0,
  sinceMs: 0,
};

type Rule = (standing: BreakerStanding, nowMs: number, terms: BreakerTerms) => BreakerStanding;

const stay: Rule = (standing) => standing;

function enter(state: BreakerState, probes: number): Rule {
  return (standing, nowMs) => ({ ...standing, state, probes, era: standing.era + 1, sinceMs: nowMs });
}

const open = enter("open", 0);
const close: Rule = (standing, nowMs) => ({ ...restedBreaker, era: standing.era + 1, sinceMs: nowMs });
const probeFirst = enter("half_open", 1);

const fail: Rule = (standing) => ({ ...standing, failures: standing.failures + 1, successes: 0 });
const succeed: Rule = (standing) => ({ ...standing, failures: 0, successes: standing.successes + 1 });

/** Every state with every event. */
const table: Readonly<Record<BreakerState, Readonly<Record<BreakerEvent, Rule>>>> = {
  closed: {
    ask: stay,
    success: succeed,
    failure: (standing, nowMs, terms) => {
      const failed = fail(standing, nowMs, terms);
      return failed.failures >= terms.failureThreshold ? open(failed, nowMs, terms) : failed;
    },
    nothing: stay,
    reset: close,
  },
  open: {
    ask: (standing, nowMs, terms) =>
      nowMs - standing.sinceMs >= terms.recoveryMs ? probeFirst(standing, nowMs, terms) : standing,
    // No call is let in, so an outcome can only be late.
    success: stay,
    failure: stay,
    nothing: stay,
    reset: close,
  },
  half_open: {
    ask: (standing, nowMs, terms) => {
      if (standing.probes < terms.halfOpenMaxCalls) return { ...standing, probes: standing.probes + 1 };
      return nowMs - standing.sinceMs >= terms.recoveryMs ? probeFirst(standing, nowMs, terms) : standing;
    },
    success: (standing, nowMs, terms) => ({ ...close(standing, nowMs, terms), successes: 1 }),
    failure: (standing, nowMs, terms) => open(fail(standing, nowMs, terms), nowMs, terms),
    nothing: (standing) => ({ ...standing, probes: standing.probes - 1 }),
    reset: close,
  },
};

/** What follows from a standing and an event. */
export function nextStanding(
  standing: BreakerStanding,
  event: BreakerEvent,
  nowMs: number,
  terms: BreakerTerms,
): BreakerStanding {
  return table[standing.state][event](standing, nowMs, terms);
}

/** Whether a call would be let in now. */
export function admits(standing: BreakerStanding, nowMs: number, terms: BreakerTerms): boolean {
  return standing.state === "closed" || nextStanding(standing, "ask", nowMs, terms) !== standing;
}

/** What an answer's status, or what was thrown instead of an answer, says about the deployment. */
export function outcomeOf(result: unknown): CallOutcome {
  if (typeof result === "number") {
    if (result >= 500) return "failure";
    return result >= 200 && result < 300 ? "success" : "nothing";
  }
  // What is too much or too strange to be read is decided here, and a caller can ask for it.
  return result instanceof UpstreamFault && result.code !== "upstream.garbled" ? "failure" : "nothing";
}

/** The right to make one call; tell it how the call went, once. Disposing of it tells nothing and gives the place back. */
export interface Permit extends Disposable {
  settle(outcome: CallOutcome): void;
}

/** What a breaker has seen, with the names of the predecessor's API. */
export interface BreakerStats {
  readonly state: BreakerState;
  /** Failures in a row. */
  readonly failure_count: number;
  /** Successes in a row. */
  readonly success_count: number;
  /** RFC 3339. */
  readonly last_failure_time: string | null;
  /** When it opened, RFC 3339; null while it is closed. */
  readonly opened_at: string | null;
  /** Calls that were let in. */
  readonly total_calls: number;
  readonly total_failures: number;
  readonly total_successes: number;
}

/** The breaker of one deployment. */
export class Breaker {
  readonly #clock: Clock;
  readonly #terms: BreakerTerms;
  #standing = restedBreaker;
  #lastFailureMs: number | undefined;
  #openedMs: number | undefined;
  #calls = 0;
  #failures = 0;
  #successes = 0;

  constructor(clock: Clock, terms: BreakerTerms = breakerTerms) {
    this.#clock = clock;
    this.#terms = terms;
  }

  /** The state as it was last entered; an open breaker whose time is over stays open until somebody asks. */
  get state(): BreakerState {
    return this.#standing.state;
  }

  /** Whether a call would be let in now; changes nothing. */
  get admits(): boolean {
    return admits(this.#standing, this.#clock.nowMs(), this.#terms);
  }

  /** When it is worth asking again, milliseconds since the epoch; now when calls are let in. */
  get retryAtMs(): number {
    const nowMs = this.#clock.nowMs();
    return this.admits ? nowMs : this.#standing.sinceMs + this.#terms.recoveryMs;
  }

  /** Lets a call in, or returns undefined. */
  ask(): Permit | undefined {
    if (!this.admits) return undefined;
    this.#move("ask");
    this.#calls++;
    const { era } = this.#standing;
    let isSettled = false;
    const settle = (outcome: CallOutcome): void => {
      if (isSettled) return;
      isSettled = true;
      this.#settle(outcome, era);
    };
    return { settle, [Symbol.dispose]: () => settle("nothing") };
  }

  /** Closes the breaker and forgets failures in a row; the totals stay. */
  reset(): void {
    this.#move("reset");
  }

  stats(): BreakerStats {
    const { state, failures, successes } = this.#standing;
    return {
      state,
      failure_count: failures,
      success_count: successes,
      last_failure_time: this.#lastFailureMs === undefined ? null : instant(this.#lastFailureMs),
      opened_at: this.#openedMs === undefined ? null : instant(this.#openedMs),
      total_calls: this.#calls,
      total_failures: this.#failures,
      total_successes: this.#successes,
    };
  }

  #settle(outcome: CallOutcome, era: number): void {
    if (outcome === "success") this.#successes++;
    if (outcome === "failure") {
      this.#failures++;
      this.#lastFailureMs = this.#clock.nowMs();
    }
    if (era === this.#standing.era) this.#move(outcome);
  }

  #move(event: BreakerEvent): void {
    const before = this.#standing.state;
    const nowMs = this.#clock.nowMs();
    this.#standing = nextStanding(this.#standing, event, nowMs, this.#terms);
    const { state } = this.#standing;
    if (state === "open" && before !== "open") this.#openedMs = nowMs;
    if (state === "closed") this.#openedMs = undefined;
  }
}

/** The breakers of all deployments, by the deployment's name. */
export class Breakers {
  readonly #clock: Clock;
  readonly #terms: BreakerTerms;
  readonly #byName = new Map<string, Breaker>();

  constructor(clock: Clock, terms: BreakerTerms = breakerTerms) {
    this.#clock = clock;
    this.#terms = terms;
  }

  /** The breaker of a deployment, made at its first use. Names come from the catalogue, so there are few. */
  get(name: string): Breaker {
    let breaker = this.#byName.get(name);
    if (breaker === undefined) this.#byName.set(name, (breaker = new Breaker(this.#clock, this.#terms)));
    return breaker;
  }

  stats(): Readonly<Record<string, BreakerStats>> {
    return Object.fromEntries([...this.#byName].map(([name, breaker]) => [name, breaker.stats()]));
  }

  /** Closes one; false when there is none of this name. */
  reset(name: string): boolean {
    this.#byName.get(name)?.reset();
    return this.#byName.has(name);
  }

  /** Drops the breaker of a deployment that is no longer called. */
  forget(name: string): void {
    this.#byName.delete(name);
  }

  /** Closes all of them and says how many there are. */
  resetAll(): number {
    for (const breaker of this.#byName.values()) breaker.reset();
    return this.#byName.size;
  }
}
