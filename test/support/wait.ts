// Waiting for what happens, not for a time: a busy machine is late for everything.
import { setTimeout as sleep } from "node:timers/promises";

/** Longest wait for anything, milliseconds; below the limit of a test, so that the reason is told. */
export const patienceMs = 60_000;

/** How often is looked, milliseconds. */
const lookMs = 10;

/** Waits until something holds. @throws Error when it does not within `patienceMs`. */
export async function eventually(holds: () => boolean | Promise<boolean>, what = "what was waited for"): Promise<void> {
  for (const endMs = performance.now() + patienceMs; !(await holds()); await sleep(lookMs)) {
    if (performance.now() > endMs) throw new Error(`${what} has not come in ${patienceMs / 1000} seconds`);
  }
}
