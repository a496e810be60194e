// Simulated time: a line of events, each of which belongs to a program and runs alone. Nothing happens between two events, so
// that the order of everything follows from the seed, and a program can be killed at any `await`.
//
// 1. After each event all that follows from it at once, promises and ticks, has run before the next one begins.
// 2. What runs in an event belongs to its program. Who is told of something by another program is told in an event of its own.
// 3. Events of a killed program do not run any more.
// 4. Every event goes into the trace, with its program and its moment: two runs with one trace did the same.
import { createHash } from "node:crypto";
import type { Random } from "./random.ts";

/** Node's own, kept before they are replaced. */
const nextRound = setImmediate;

/** What runs code: a start of Charter, a provider, or the world around them. */
export interface Program {
  readonly name: string;
  readonly pid: number;
  isAlive: boolean;
  /** Called when it is killed, for what it had in flight. */
  readonly atKill: Set<() => void>;
}

/** A program with a name. */
export function programOf(name: string, pid: number): Program {
  return { name, pid, isAlive: true, atKill: new Set() };
}

/** Something that will happen. */
export interface Event {
  readonly dueMs: number;
  readonly order: number;
  readonly program: Program;
  readonly isImmediate: boolean;
  act: (() => void) | undefined;
}

/** Processor time that a look at the clock takes, milliseconds: time passes also for who only computes. */
const lookMs = 0.001;

/** Most events in a simulated minute: some ten times as many as the busiest callers make. */
const mostSteps = 60_000;

/** Something is tried again and again without a pause. */
export class Spinning extends Error {
  override readonly name = "Spinning";
  readonly promise = "what fails is tried again after a pause";

  constructor() {
    super(`what fails is tried again after a pause: more than ${mostSteps} events in a minute`);
  }
}

/** Where the wall clock stands when a simulation begins. */
const beginningMs = Date.UTC(2030, 0, 10);

/** The line. */
export class Timeline {
  /** The program outside of all others: callers, operators, faults. */
  readonly world = programOf("world", 1);
  /** Whose event it is now. */
  current: Program = this.world;
  readonly #random: Random;
  readonly #heap: Event[] = [];
  readonly #trace = createHash("sha256");
  /** Told each line of the trace. */
  readonly #onStep: ((line: string) => void) | undefined;
  #nowMs = 0;
  #order = 0;
  #steps = 0;
  #minuteEndMs = 0;
  #minuteSteps = 0;
  /** How far the wall clock has been set away from its beginning, milliseconds. */
  wallSetMs = 0;
  /** Work that is done for real, by a thread of Node's; time stands still until it is. */
  #realWork = 0;
  #escaped: Error | undefined;

  constructor(random: Random, onStep?: (line: string) => void) {
    this.#random = random;
    this.#onStep = onStep;
  }

  /** Milliseconds since the simulation began; never goes back. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Milliseconds since the simulation began, for who looks at a clock. */
  look(): number {
    return (this.#nowMs += lookMs);
  }

  /** What the wall clock shows, milliseconds since the Unix epoch. */
  wallMs(): number {
    return Math.floor(beginningMs + this.wallSetMs + this.look());
  }

  get steps(): number {
    return this.#steps;
  }

  /** Lets something happen after so many milliseconds, as a part of a program. */
  at(delayMs: number, act: () => void, program = this.current, isImmediate = false): Event {
    const event = this.#event(delayMs, program, isImmediate);
    event.act = act;
    push(this.#heap, event);
    return event;
  }

  #event(delayMs: number, program: Program, isImmediate: boolean): Event {
    return { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, program, isImmediate, act: undefined };
  }

  /** The same, after a delay that the seed says; for what has no order of its own. */
  soon(fromMs: number, toMs: number, act: () => void, program = this.current): Event {
    return this.at(this.#random.between(fromMs, toMs), act, program);
  }

  /** Resolves after so many milliseconds. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.at(ms, resolve));
  }

  /** Runs work as a part of a program, and hands its result back to the one that asks. A killed program hands nothing back. */
  run<T>(program: Program, work: () => Promise<T>): Promise<T> {
    const asker = this.current;
    return new Promise<T>((resolve, reject) => {
      const back = (act: () => void): void => void this.at(0, act, asker);
      const begin = async (): Promise<void> => {
        try {
          const value = await work();
          if (program.isAlive) back(() => resolve(value));
        } catch (error) {
          if (program.isAlive) back(() => reject(error));
        }
      };
      this.at(0, () => void begin(), program);
    });
  }

  /** Lets work of Node's own threads end before anything else happens. Its place in the line is that of who asked for it. */
  real<T>(work: Promise<T>): Promise<T> {
    const event = this.#event(0, this.current, false);
    this.#realWork++;
    return new Promise<T>((resolve, reject) => {
      const end = (act: () => void): void => {
        this.#realWork--;
        event.act = act;
        push(this.#heap, event);
      };
      work.then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(error)),
      );
    });
  }

  /** Ends a program at once. What it had computed may go on computing, and reaches nothing any more. */
  kill(program: Program): void {
    program.isAlive = false;
    for (const end of program.atKill) end();
    program.atKill.clear();
  }

  /** Told of an error that nobody caught: it would have ended the program. What a killed one still computes may fail. */
  escaped(error: unknown): void {
    if (this.current.isAlive) this.#escaped ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Writes into the trace what is no event. */
  note(text: string): void {
    this.#trace.update(text).update("\n");
    this.#onStep?.(text);
  }

  /** Lets events happen until something holds. @throws Error when nothing happens any more before it does. */
  async until(holds: () => boolean): Promise<void> {
    await round();
    while (!holds()) {
      if (this.#escaped !== undefined) throw this.#escaped;
      while (this.#realWork > 0) await round();
      const event = pop(this.#heap);
      if (event === undefined) throw new Error("nothing happens any more, and what was waited for has not come");
      await this.#happen(event);
    }
  }

  async #happen(event: Event): Promise<void> {
    const { act, program } = event;
    if (act === undefined || (!program.isAlive && !event.isImmediate)) return;
    event.act = undefined;
    this.#nowMs = Math.max(this.#nowMs, event.dueMs);
    this.#steps++;
    this.#refuseSpinning();
    this.note(`${program.name} ${this.#nowMs.toFixed(3)}`);
    this.current = program;
    try {
      act();
    } catch (error) {
      this.escaped(error);
    }
    await round();
    this.current = this.world;
  }

  /** Who tries again without a pause what fails would go on for ever. @throws Error for more in a minute than callers make. */
  #refuseSpinning(): void {
    if (this.#nowMs >= this.#minuteEndMs) [this.#minuteEndMs, this.#minuteSteps] = [this.#nowMs + 60_000, this.#steps];
    else if (this.#steps - this.#minuteSteps > mostSteps) throw new Spinning();
  }

  /** What stands for all that has happened. */
  trace(): string {
    return this.#trace.copy().digest("hex").slice(0, 16);
  }
}

/** Everything that follows at once from what has happened: all promises and ticks. */
function round(): Promise<void> {
  return new Promise((resolve) => void nextRound(resolve));
}

const isBefore = (left: Event, right: Event): boolean =>
  left.dueMs === right.dueMs ? left.order < right.order : left.dueMs < right.dueMs;

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  for (let above = (at - 1) >> 1; at > 0 && isBefore(event, heap[above]!); above = (at - 1) >> 1) {
    heap[at] = heap[above]!;
    at = above;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
    if (!isBefore(heap[below]!, last)) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = last;
  return first;
}
