// The queue in front of what passwords cost: a flood from one address delays and refuses the flood, not the others.
import type { Semaphore } from "../../kernel/concurrency.ts";
import { userFault } from "./errors.ts";

/** When to come back after the queue was full, seconds; it is emptied in about as much. */
const busyRetrySeconds = 2;

/**
 * Runs a job when there is a place for it. Rejects with `auth.busy` when too many wait already.
 * @param holder Whose job it is, as an address; one that names none has the whole queue to itself.
 */
export async function runQueued<T>(queue: Semaphore, job: () => Promise<T>, holder?: string): Promise<T> {
  using place = await queue.enter(holder);
  if (place !== undefined) return await job();
  throw userFault("auth.busy", "too many passwords are being checked at this moment", {
    limit: "passwordQueue",
    retryAfterSeconds: busyRetrySeconds,
  });
}
