// What of a call does not reach a provider whose API has no word for it. A wish (a parameter, a mark, a tool that only another
// provider runs) is left out and named, or refused where the caller wants that. What the newest words of the user hold is
// refused, since an answer without it would answer another question; in the history a note stands for it, so that a
// conversation that was accepted once stays acceptable.
import { Fault } from "../../kernel/fault.ts";
import type { ModelCall, Part, Target, Turn } from "../conversation.ts";
import { leftOut } from "../parameters/ordinary.ts";
import { unsupported } from "./faults.ts";

/** Gathers what is left out of one request. */
export class Losses {
  /** Names of parameters, and JSON pointers of what stands deeper. */
  readonly names: string[] = [];
  readonly #refuses: boolean;
  readonly #newest: Turn | undefined;

  constructor(call: ModelCall, target: Target) {
    this.#refuses = target.unsupported === "refuse";
    this.#newest = call.turns.findLast(
      ({ role, parts }) => role === "user" && parts.some(({ kind }) => kind !== "tool_result"),
    );
  }

  /** Leaves a wish out. @throws `dialect.unsupported` where the caller wants that. */
  leave(at: string, why: string): void {
    if (this.#refuses) throw unsupported(why, at.startsWith("/") ? at : `/${at}`);
    this.names.push(at.startsWith("/") && at.indexOf("/", 1) === -1 ? at.slice(1) : at);
  }

  /** Leaves out the wishes of a call that its caller's API alone has a word for; `carried` are those that are said after all. */
  leaveUntranslated(call: ModelCall, carried: (pointer: string) => boolean = () => false): void {
    for (const at of call.untranslated ?? []) {
      if (!carried(at)) this.leave(at, `${at} means nothing to the provider that would answer`);
    }
  }

  /** Names the parameters that ask nothing of the answer and are not told to the provider. */
  leaveCircumstances({ dialect, raw }: ModelCall, told: ReadonlySet<string>): void {
    for (const name of leftOut[dialect]) if ((raw[name] ?? null) !== null && !told.has(name)) this.names.push(name);
  }

  /** A part of the assistant's own API is left out of its turn; it is named with the rest of the untranslated. */
  refuse({ at, type }: Extract<Part, { readonly kind: "foreign" }>): void {
    if (this.#refuses) throw unsupported(`${at} holds ${type}, which the provider that would answer cannot read`, at);
  }

  /**
   * A part as the target says it, or what stands for it where it cannot.
   * @throws `dialect.unsupported` for what the user says just now, and wherever the caller wants that.
   */
  say<Written>(part: Part, turn: Turn, { say, note }: Saying<Written>): Written {
    try {
      if (part.kind !== "foreign") return say(part);
      throw unsupported(`${part.at} holds ${part.type}, which the provider that would answer cannot read`, part.at);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "dialect.unsupported" || this.#refuses) throw error;
      if (turn === this.#newest || turn.role === "system") throw error;
      const what = part.kind === "foreign" ? part.type : part.kind;
      // What its own API alone can say is named with the rest of the untranslated.
      if (part.kind !== "foreign") this.names.push(`${what} in the history`);
      return note(`[${what} left out: this model cannot read it]`);
    }
  }
}

/** How a part is said, and how words are that stand for one. */
export interface Saying<Written> {
  readonly say: (part: Exclude<Part, { readonly kind: "foreign" }>) => Written;
  readonly note: (words: string) => Written;
}

/** Stands for the turn of what a tool returned, which is never the user's newest words. */
export const resultTurn: Turn = { role: "user", parts: [] };

/** Where the work begins that the model has not finished: behind what the user has said last. */
export function unfinishedFrom(turns: readonly Turn[]): number {
  const said = turns.findLastIndex(
    ({ role, parts }) => role === "user" && parts.some(({ kind }) => kind !== "tool_result"),
  );
  return said + 1;
}
