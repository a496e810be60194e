// The leaves that end acts. One that cannot be written now is kept and tried again until it is; if the process
// ends first, the next start closes the intent as interrupted.
import type { Log } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { RetryPace } from "../kernel/retry-pace.ts";
import type { Leaf, Ledger } from "../ledger/index.ts";

/** Writes outcomes. Disposing of it tries what is left once more. */
export interface OutcomeRetrier extends AsyncDisposable {
  /** How many acts wait for the leaves that end them. */
  readonly waiting: number;
  /**
   * Resolves with the index of the last leaf; rejects when they could not be written yet. `written` is called when they are,
   * now or later.
   */
  append(leaves: readonly Leaf[], written: () => void): Promise<number>;
}

/** The leaves that end one act, the outcome last. */
interface Ending {
  readonly leaves: readonly Leaf[];
  readonly written: () => void;
}

/** A retrier for one ledger. */
export function openOutcomeRetrier(ledger: Pick<Ledger, "append">, log: Log): OutcomeRetrier {
  const waiting = new Set<Ending>();
  const pace = new RetryPace();
  let trying: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  /** Resolves with the index of the outcome. What no ledger takes is left out: an act has an outcome, whatever its facts are. */
  const write = async ({ leaves, written }: Ending): Promise<number> => {
    let refusal: unknown;
    const bare = leaves.map(withoutFacts);
    for (const form of [leaves, bare, bare.slice(-1)]) {
      try {
        const first = await ledger.append(form);
        written();
        return first + form.length - 1;
      } catch (error) {
        if (!isOfLeaves(error)) throw error;
        refusal ??= error;
        const intent = leaves.at(-1)?.intent;
        log.error({ err: error, intent }, "an outcome cannot be recorded whole; leaving out what no ledger takes");
      }
    }
    throw refusal;
  };

  /** One try at a time, so that none is lost from sight while it is under way. */
  const tryAgain = (): Promise<void> => {
    trying ??= writeWaiting().finally(() => {
      trying = undefined;
      schedule();
    });
    return trying;
  };

  const writeWaiting = async (): Promise<void> => {
    for (const ending of waiting) {
      try {
        await write(ending);
        waiting.delete(ending);
        pace.succeeded();
      } catch (error) {
        // What is wrong with one says nothing about those behind it; what is wrong with the ledger does.
        if (!isOfLeaves(error)) return;
      }
    }
  };

  const schedule = (): void => {
    if (waiting.size === 0 || timer !== undefined || isClosed) return;
    timer = setTimeout(() => {
      timer = undefined;
      void tryAgain();
    }, pace.failed().pauseMs).unref();
  };

  return {
    get waiting() {
      return waiting.size;
    },
    async append(leaves, written) {
      const ending = { leaves, written };
      try {
        return await write(ending);
      } catch (error) {
        waiting.add(ending);
        if (trying === undefined) schedule();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      clearTimeout(timer);
      await trying;
      if (waiting.size > 0) await tryAgain();
    },
  };
}

/** Whether leaves were refused for what they are; whatever else goes wrong may have gone wrong after they were written. */
function isOfLeaves(error: unknown): boolean {
  return error instanceof Fault && (error.code === "ledger.leaf_too_large" || error.code === "ledger.batch_too_large");
}

function withoutFacts(leaf: Leaf): Leaf {
  const { facts: _, ...rest } = leaf;
  return rest;
}
