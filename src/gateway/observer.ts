// What the gateway tells those who watch it: numbers, names and times of each attempt and each call, never a word of a
// prompt or a reply. A port: metrics and traces are drivers of it. Observers are told and never asked; they must not throw.
import type { ParameterEffect } from "../constitution/index.ts";
import type { Usage } from "../models/index.ts";

/** A stretch of a call's course, by the clock of `performance.now()`, milliseconds. */
export interface Phase {
  readonly name: "decision" | "route" | "attempt" | "stream";
  readonly startMs: number;
  readonly endMs: number;
  readonly deployment?: string;
  /** The code of the fault that ended it. */
  readonly error?: string;
}

/** One attempt at one deployment. */
export interface AttemptFacts {
  readonly deployment: string;
  readonly provider: string;
  /** The HTTP status of the provider's answer; undefined when there was none. */
  readonly status: number | undefined;
  /** The code of the fault that ended it; undefined when it went well. */
  readonly error: string | undefined;
  /** Not the first attempt of its call. */
  readonly isRetry: boolean;
  readonly durationMs: number;
}

/** What a call asked for other than words: what that changes, whether there were parameters that nothing is known of. */
export interface ParameterFacts {
  readonly effects: ReadonlySet<ParameterEffect>;
  readonly unknown: boolean;
  /** The terms refused it. */
  readonly refused: boolean;
}

/** One call, when it is over. */
export interface CallFacts {
  readonly requestId: string;
  readonly operation: string;
  readonly product: string | null;
  /** What the caller asked for. */
  readonly requestModel: string;
  /** What answered; undefined when nothing did. */
  readonly responseModel: string | undefined;
  readonly deployment: string | undefined;
  readonly provider: string | undefined;
  readonly tier: number;
  readonly strategy: string;
  readonly cache: "hit" | "miss" | "bypass";
  readonly streamed: boolean;
  readonly finish: string | undefined;
  /** The code of the refusal or failure; undefined for a call that was answered. */
  readonly error: string | undefined;
  readonly usage: Usage;
  /** Integer micro-dollars; null when the price is unknown. */
  readonly microdollars: number | null;
  /** The provider reported more than the call can use. */
  readonly isBeyondBound: boolean;
  readonly attempts: number;
  /** From the request to the end of the answer. */
  readonly durationMs: number;
  /** What Charter added: all the time that was not spent waiting for a provider. */
  readonly overheadMs: number;
  /** From the request to the first piece of a streamed answer; undefined for others. */
  readonly firstChunkMs: number | undefined;
  /** Mean time between two pieces of a streamed answer; undefined with fewer than two. */
  readonly perChunkMs: number | undefined;
  readonly phases: readonly Phase[];
  /** What the call asked for other than words. */
  readonly parameters: ParameterFacts;
}

/** Watches the gateway. */
export interface GatewayObserver {
  attempted(facts: AttemptFacts): void;
  ended(facts: CallFacts): void;
}

/** Tells several observers; none of them can disturb a call. */
export function observers(all: readonly GatewayObserver[]): GatewayObserver {
  const tell = (one: (observer: GatewayObserver) => void): void => {
    for (const observer of all) {
      try {
        one(observer);
      } catch {
        // An observer has its own log; the call goes on.
      }
    }
  };
  return {
    attempted: (facts) => tell((observer) => observer.attempted(facts)),
    ended: (facts) => tell((observer) => observer.ended(facts)),
  };
}
