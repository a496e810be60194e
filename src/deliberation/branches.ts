// The branches of a deliberation: three ways to one answer. A branch never rejects; it says how it ended.
import { Fault } from "../kernel/fault.ts";
import type { Asker, CallUsage } from "./calls.ts";
import { modeTemperatures } from "./governor.ts";
import type { BranchName } from "./governor.ts";
import { askComposed, askParts, askWhole, partsSchema } from "./questions.ts";
import { maxParts } from "./sub-questions.ts";
import type { SubQuestionReader } from "./sub-questions.ts";

/** What a branch is given. */
export interface BranchTask {
  readonly name: BranchName;
  readonly question: string;
  readonly temperature: number;
  /** Levels of questions that the recursive branch may use. */
  readonly depth: number;
  readonly asker: Asker;
  readonly readParts: SubQuestionReader;
  readonly signal: AbortSignal;
}

/** How a branch ended, or how it stands when no one waits for it any longer. */
export interface Branch {
  readonly name: BranchName;
  /** The answer; undefined when the branch did not finish. */
  readonly text: string | undefined;
  /** Why it did not finish: what went wrong, or undefined when its time was over. */
  readonly error: unknown;
  readonly used: CallUsage;
  /** Levels of questions that were reached. */
  readonly depth: number;
  /** Lists of sub-questions that were refused; their questions were answered undivided. */
  readonly refusedParts: number;
}

/** Tokens for a list of sub-questions; two questions of a thousand characters fit. */
const partsTokens = 600;

/** One branch at work. */
export class BranchRun {
  readonly #task: BranchTask;
  #text: string | undefined;
  #error: unknown;
  #depth = 0;
  #refusedParts = 0;
  /** Resolves when the branch has ended; it has failed where `state` has no text. */
  readonly ended: Promise<void>;

  constructor(task: BranchTask) {
    this.#task = task;
    this.ended = this.#run();
  }

  /** How it stands now. */
  get state(): Branch {
    const { name, asker } = this.#task;
    return {
      name,
      text: this.#text,
      error: this.#error,
      used: asker.used,
      depth: this.#depth,
      refusedParts: this.#refusedParts,
    };
  }

  async #run(): Promise<void> {
    const { name, question, temperature, signal } = this.#task;
    try {
      this.#text =
        name === "recursive"
          ? await this.#solve(question, 1)
          : await this.#whole(question, name === "conservative" ? cautious(temperature) : temperature);
    } catch (error) {
      // A branch whose time is over has not gone wrong.
      if (!signal.aborted) this.#error = error;
    }
  }

  /** Answers a question undivided. */
  #whole(question: string, temperature: number): Promise<string> {
    this.#depth = Math.max(this.#depth, 1);
    return this.#task.asker.ask(askWhole(this.#task.name, question), temperature);
  }

  /** Answers a question by its parts, or undivided at the deepest level and where it has no parts. */
  async #solve(question: string, level: number): Promise<string> {
    const { asker, depth, temperature } = this.#task;
    this.#depth = Math.max(this.#depth, level);
    const parts = level >= depth ? [] : await this.#parts(question);
    if (parts.length === 0) return this.#whole(question, temperature);
    const answers = await Promise.all(
      parts.map(async (part) => ({ question: part, answer: await this.#solve(part, level + 1) })),
    );
    return asker.ask(askComposed(question, answers), temperature);
  }

  /** The parts of a question; none when the list that came is refused: it is not used, and the refusal is counted. */
  async #parts(question: string): Promise<readonly string[]> {
    const { asker, readParts, signal } = this.#task;
    try {
      const list = await asker.ask(askParts(question, maxParts), 0, { maxTokens: partsTokens, schema: partsSchema });
      return readParts(list);
    } catch (error) {
      if (signal.aborted || !isUseless(error)) throw error;
      this.#refusedParts++;
      return [];
    }
  }
}

/** The conservative branch is no warmer than the conservative mode. */
function cautious(temperature: number): number {
  return Math.min(temperature, modeTemperatures.conservative);
}

/** The list has not the form that was asked for, or the provider does not know how to give it that form. */
function isUseless(error: unknown): boolean {
  return error instanceof Fault && unusable.has(error.code);
}

const unusable: ReadonlySet<string> = new Set([
  "output.refused",
  "upstream.garbled",
  "upstream.refused",
  "upstream.unprocessable",
  "dialect.unsupported",
]);
