// The calls of one deliberation: counted, bounded, and left when their time is over. Promises:
//
// 1. No more calls are made than the plan allows, whatever the answers say.
// 2. A call whose time is over is left at once, whether or not the client heeds its signal.
import { modelFault } from "../models/index.ts";
import { maxParts } from "./sub-questions.ts";
import type { Governance } from "./governor.ts";
import type { AskTerms, Message, ModelClient, Completion } from "./model-client.ts";

/** What some calls used. */
export interface CallUsage {
  /** Calls that were made, those included that were not answered. */
  readonly calls: number;
  /** Tokens of the answered calls; null when one did not say. */
  readonly tokens: number | null;
  /** Integer micro-dollars of the answered calls; null when a price is unknown. */
  readonly microdollars: number | null;
}

/** Most calls for a question at a level with so many levels from it on: divide, answer each part, compose. */
function callsInTree(levels: number): number {
  return levels <= 1 ? 1 : 2 + maxParts * callsInTree(levels - 1);
}

/**
 * Most calls of one deliberation: one for each plain branch, the tree of the recursive one, and the synthesis. With three
 * branches and three levels that is 1 + 1 + 10 + 1 = 13.
 */
export function callLimit({ branches, depth }: Pick<Governance, "branches" | "depth">): number {
  const inBranches = branches.map((name) => (name === "recursive" ? callsInTree(depth) : 1));
  return inBranches.reduce((sum, calls) => sum + calls, 0) + (branches.length > 1 ? 1 : 0);
}

/** Makes calls and keeps what they used. */
export class Calls {
  readonly #client: ModelClient;
  readonly #limit: number;
  readonly #intents: number[] = [];
  #made = 0;
  #used: CallUsage = nothing;

  constructor(client: ModelClient, limit: number) {
    this.#client = client;
    this.#limit = limit;
  }

  /** What all calls used. */
  get used(): CallUsage {
    return this.#used;
  }

  /** Ledger indexes of the intents of the answered calls, ascending. */
  get intents(): readonly number[] {
    return this.#intents.toSorted((left, right) => left - right);
  }

  /** A counter of its own for one branch; its calls count here too. */
  asker(terms: Pick<AskTerms, "maxTokens" | "signal">): Asker {
    return new Asker(terms, (messages, all, note) => this.#ask(messages, all, note));
  }

  async #ask(messages: readonly Message[], terms: AskTerms, note: Note): Promise<Completion> {
    terms.signal.throwIfAborted();
    if (this.#made >= this.#limit) throw new Error(`a deliberation makes at most ${this.#limit} calls`);
    this.#made++;
    const count = (used: CallUsage): void => {
      this.#used = plus(this.#used, used);
      note(used);
    };
    count({ ...nothing, calls: 1 });
    const thought = await unlessAborted(this.#client.ask(messages, terms), terms.signal);
    count({ calls: 0, tokens: thought.tokens, microdollars: thought.microdollars });
    if (thought.intentIndex !== null) this.#intents.push(thought.intentIndex);
    return thought;
  }
}

type Note = (used: CallUsage) => void;

/** Asks on behalf of one branch. */
export class Asker {
  readonly #terms: Pick<AskTerms, "maxTokens" | "signal">;
  readonly #ask: (messages: readonly Message[], terms: AskTerms, note: Note) => Promise<Completion>;
  #used: CallUsage = nothing;

  constructor(
    terms: Pick<AskTerms, "maxTokens" | "signal">,
    ask: (messages: readonly Message[], terms: AskTerms, note: Note) => Promise<Completion>,
  ) {
    this.#terms = terms;
    this.#ask = ask;
  }

  /** What this branch used. */
  get used(): CallUsage {
    return this.#used;
  }

  /** Asks and gives the answer's text. @throws `upstream.garbled` when nothing was said, and what the client throws. */
  async ask(
    messages: readonly Message[],
    temperature: number,
    more: Partial<Pick<AskTerms, "maxTokens" | "schema">> = {},
  ): Promise<string> {
    const { text } = await this.#ask(messages, { ...this.#terms, temperature, ...more }, (used) => {
      this.#used = plus(this.#used, used);
    });
    if (text.trim() === "") throw modelFault("upstream.garbled", "the model said nothing");
    return text;
  }
}

const nothing: CallUsage = { calls: 0, tokens: 0, microdollars: 0 };

function plus(left: CallUsage, right: CallUsage): CallUsage {
  return {
    calls: left.calls + right.calls,
    tokens: sum(left.tokens, right.tokens),
    microdollars: sum(left.microdollars, right.microdollars),
  };
}

function sum(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : left + right;
}

/** What a promise gives, or the signal's reason as soon as it aborts; what comes later is dropped. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  // A call that is left may fail later; no one listens any more.
  promise.catch(() => {});
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
