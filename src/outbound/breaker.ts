// A circuit breaker for each deployment: after failures in a row it refuses calls for a while, then lets a few probe.
//
// 1. The states are a total table of pure functions; the class around it only holds the current snapshot and the clock.
// 2. An outcome counts for the state in which its call was let in: a late failure of before does not end the probing of now.
// 3. A permit that is dropped without an outcome gives its place back; places of probes that never end are given out again.
//
// What counts as a failure is decided by `outcomeOf`: 5xx, timeouts, broken connections. A caller that leaves, answers of 4xx,
// and answers that Charter cannot read say nothing about the deployment's health; 429 makes its key rest instead.
import type { Clock } from "../kernel/clock.ts";
import { instant, steady } from "../kernel/clock.ts";
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
export interface BreakerSnapshot {
  readonly state: BreakerState;
  /** Counts the changes of state; an outcome with another number than this one is late. */
  readonly era: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Successes in a row. */
  readonly successes: number;
  /** Probes that are under way. */
  readonly probes: number;
  /** When the state was entered, or probes were last given out again; milliseconds of the steady clock. */
  readonly sinceMs: number;
}

/** A breaker that has seen nothing. */
export const restedBreaker: BreakerSnapshot = {
  state: "closed",
  era: 0,
  failures: 0,
  successes: 0,
  probes: 0,
  sinceMs: 0,
};

type Rule = (snapshot: BreakerSnapshot, nowMs: number, terms: BreakerTerms) => BreakerSnapshot;

const stay: Rule = (snapshot) => snapshot;

function enter(state: BreakerState, probes: number): Rule {
  return (snapshot, nowMs) => ({ ...snapshot, state, probes, era: snapshot.era + 1, sinceMs: nowMs });
}

const open = enter("open", 0);
const close: Rule = (snapshot, nowMs) => ({ ...restedBreaker, era: snapshot.era + 1, sinceMs: nowMs });
const probeFirst = enter("half_open", 1);

const fail: Rule = (snapshot) => ({ ...snapshot, failures: snapshot.failures + 1, successes: 0 });
const succeed: Rule = (snapshot) => ({ ...snapshot, failures: 0, successes: snapshot.successes + 1 });

/** Every state with every event. */
const table: Readonly<Record<BreakerState, Readonly<Record<BreakerEvent, Rule>>>> = {
  closed: {
    ask: stay,
    success: succeed,
    failure: (snapshot, nowMs, terms) => {
      const failed = fail(snapshot, nowMs, terms);
      return failed.failures >= terms.failureThreshold ? open(failed, nowMs, terms) : failed;
    },
    nothing: stay,
    reset: close,
  },
  open: {
    ask: (snapshot, nowMs, terms) =>
      nowMs - snapshot.sinceMs >= terms.recoveryMs ? probeFirst(snapshot, nowMs, terms) : snapshot,
    // No call is let in, so an outcome can only be late.
    success: stay,
    failure: stay,
    nothing: stay,
    reset: close,
  },
  half_open: {
    ask: (snapshot, nowMs, terms) => {
      if (snapshot.probes < terms.halfOpenMaxCalls) return { ...snapshot, probes: snapshot.probes + 1 };
      return nowMs - snapshot.sinceMs >= terms.recoveryMs ? probeFirst(snapshot, nowMs, terms) : snapshot;
    },
    success: (snapshot, nowMs, terms) => ({ ...close(snapshot, nowMs, terms), successes: 1 }),
    failure: (snapshot, nowMs, terms) => open(fail(snapshot, nowMs, terms), nowMs, terms),
    nothing: (snapshot) => ({ ...snapshot, probes: snapshot.probes - 1 }),
    reset: close,
  },
};

/** What follows from a snapshot and an event. */
export function nextSnapshot(
  snapshot: BreakerSnapshot,
  event: BreakerEvent,
  nowMs: number,
  terms: BreakerTerms,
): BreakerSnapshot {
  return table[snapshot.state][event](snapshot, nowMs, terms);
}

/** Whether a call would be let in now. */
export function admits(snapshot: BreakerSnapshot, nowMs: number, terms: BreakerTerms): boolean {
  return snapshot.state === "closed" || nextSnapshot(snapshot, "ask", nowMs, terms) !== snapshot;
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
  readonly #steady: Clock;
  readonly #terms: BreakerTerms;
  #snapshot = restedBreaker;
  #lastFailureMs: number | undefined;
  #openedMs: number | undefined;
  #calls = 0;
  #failures = 0;
  #successes = 0;

  constructor(clock: Clock, terms: BreakerTerms = breakerTerms) {
    this.#clock = clock;
    this.#steady = steady(clock);
    this.#terms = terms;
  }

  /** The state as it was last entered; an open breaker whose time is over stays open until someone asks. */
  get state(): BreakerState {
    return this.#snapshot.state;
  }

  /** Whether a call would be let in now; changes nothing. */
  get admits(): boolean {
    return admits(this.#snapshot, this.#steady.nowMs(), this.#terms);
  }

  /** In how many milliseconds it is worth asking again; 0 when calls are let in. */
  get retryInMs(): number {
    return this.admits ? 0 : this.#snapshot.sinceMs + this.#terms.recoveryMs - this.#steady.nowMs();
  }

  /** Lets a call in, or returns undefined. */
  ask(): Permit | undefined {
    if (!this.admits) return undefined;
    this.#move("ask");
    this.#calls++;
    const { era } = this.#snapshot;
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
    const { state, failures, successes } = this.#snapshot;
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
    if (era === this.#snapshot.era) this.#move(outcome);
  }

  #move(event: BreakerEvent): void {
    const before = this.#snapshot.state;
    this.#snapshot = nextSnapshot(this.#snapshot, event, this.#steady.nowMs(), this.#terms);
    const { state } = this.#snapshot;
    if (state === "open" && before !== "open") this.#openedMs = this.#clock.nowMs();
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
