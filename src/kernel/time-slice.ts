// Lets long work take turns with everything else that one process does. Work is a generator that yields where it may be
// interrupted; short work never gets that far and is done at once.

/** Longest that such work holds up everyone else in one go, milliseconds; a few such pauses no one notices. */
const maxStretchMs = 4;
/** Characters between two looks at the clock: at worst a millisecond or two of trying rules. */
export const sliceChars = 4096;

/** Work that may be interrupted where it yields. */
export type Steps<Value> = Generator<undefined, Value, undefined>;

/** When the stretch of this round of the event loop is over; 0 before anybody has looked. */
let roundEndMs = 0;

function beginRound(nowMs: number): void {
  roundEndMs = nowMs + maxStretchMs;
  setImmediate(endRound);
}

function endRound(): void {
  roundEndMs = 0;
}

/** Whose work it is when it is not said. */
const noHolder = "";

/** What has been done in one go. All that begins in one round of the event loop shares one stretch of time. */
export class TimeSlice {
  /** Whose work it is: holders have their turns one after the other, however many works each has. */
  readonly holder: string;
  #work = 0;

  constructor(holder = noHolder) {
    this.holder = holder;
  }

  /** Counts work, in characters that were looked at; says whether others should have their turn now. */
  isOver(work: number): boolean {
    this.#work += work;
    if (this.#work < sliceChars) return false;
    this.#work = 0;
    const nowMs = performance.now();
    if (roundEndMs === 0) beginRound(nowMs);
    return nowMs >= roundEndMs;
  }

  /** Others have had their turn. */
  renew(): void {
    roundEndMs = 0;
  }
}

/** Work in one go. */
export function atOnce<Value>(steps: Steps<Value>): Value {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Work in stretches, the first of them at once: short work is done when this returns.
 * @throws The signal's reason, when the waiter has gone.
 */
export function inTurns<Value>(steps: Steps<Value>, stretch: TimeSlice, signal?: AbortSignal): Value | Promise<Value> {
  const step = steps.next();
  return step.done === true ? step.value : rest(steps, stretch, signal);
}

async function rest<Value>(steps: Steps<Value>, stretch: TimeSlice, signal: AbortSignal | undefined): Promise<Value> {
  for (;;) {
    await yieldToEventLoop(stretch);
    signal?.throwIfAborted();
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Lets everyone else have their turn before a next stretch. */
export async function yieldToEventLoop(stretch: TimeSlice): Promise<void> {
  await turn(stretch.holder);
  stretch.renew();
}

/** Who waits for a turn, by holder: the holder whose turn is next comes first, and of each what has waited longest. */
const waiting = new Map<string, (() => void)[]>();

/** One stretch per round of the event loop, however many works are under way. */
function turn(holder: string): Promise<void> {
  return new Promise((resolve) => {
    const own = waiting.get(holder);
    if (own === undefined) waiting.set(holder, [resolve]);
    else own.push(resolve);
    if (own === undefined && waiting.size === 1) setImmediate(next);
  });
}

/** The holder that had its turn is last from then on. */
function next(): void {
  const [first] = waiting;
  if (first === undefined) return;
  const [holder, own] = first;
  own.shift()?.();
  waiting.delete(holder);
  if (own.length > 0) waiting.set(holder, own);
  if (waiting.size > 0) setImmediate(next);
}
