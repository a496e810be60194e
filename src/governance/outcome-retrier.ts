// The leaves that end acts. One that cannot be written now is kept and tried again until it is; if the process
// ends first, the next start closes the intent as interrupted.
import type { Leaf, Ledger } from "../ledger/index.ts";

/** How often leaves that could not be written are tried again, milliseconds. */
const retryMs = 1000;

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

/** A retrier for one ledger. */
export function openOutcomeRetrier(ledger: Pick<Ledger, "append">): OutcomeRetrier {
  const waiting: { readonly leaves: readonly Leaf[]; readonly written: () => void }[] = [];
  let trying: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  /** One try at a time, so that none is lost from sight while it is under way. */
  const tryAgain = (): Promise<void> => {
    trying ??= appendWaiting().finally(() => (trying = undefined));
    return trying;
  };

  const appendWaiting = async (): Promise<void> => {
    for (let [next] = waiting; next; [next] = waiting) {
      try {
        await ledger.append(next.leaves);
        next.written();
      } catch {
        return;
      }
      waiting.shift();
    }
    clearInterval(timer);
    timer = undefined;
  };

  return {
    get waiting() {
      return waiting.length;
    },
    async append(leaves, written) {
      try {
        const last = (await ledger.append(leaves)) + leaves.length - 1;
        written();
        return last;
      } catch (error) {
        waiting.push({ leaves, written });
        timer ??= setInterval(() => void tryAgain(), retryMs).unref();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await trying;
      if (waiting.length > 0) await tryAgain();
    },
  };
}
