// The order of the log: leaves wait together and are committed together, within the bounds of one disk write.
import type { Fault } from "../kernel/fault.ts";
import { GroupCommit } from "../kernel/group-commit.ts";
import type { CommitLine, Pending } from "../kernel/group-commit.ts";
import { maxCommitLeaves } from "../kernel/limits.ts";
import { ledgerFault } from "./errors.ts";

/** A leaf ready for the log: its bytes with length prefix, and its hash. */
export interface EncodedLeaf {
  readonly framed: Buffer;
  readonly hash: Buffer;
}

/** Leaves that must stand together in one commit. */
export interface Batch {
  readonly leaves: readonly EncodedLeaf[];
  readonly sizeBytes: number;
  /** Whether a leaf begins something new (an intent), which a full disk refuses. */
  readonly begins: boolean;
}

/** What the sequencer commits to. */
export interface CommitTarget {
  /** Makes leaves durable under a signed checkpoint; resolves with the index of the first. */
  commit(leaves: readonly EncodedLeaf[]): Promise<number>;
  /** Judges a failed commit: what its callers are told, and whether those that begin nothing may be tried once more. */
  failed(error: unknown): Promise<{ readonly fault: Fault; readonly tryAgain: boolean }>;
}

/** Largest commit in bytes, beyond a single batch that is larger; keeps one disk write short. */
export const maxCommitBytes = 4 * 1024 * 1024;
/** Most bytes that may wait for a commit; beyond it callers are turned away instead of filling the memory. */
export const maxWaitingBytes = 64 * 1024 * 1024;

/** The one queue in front of a log; a batch resolves with the index of its first leaf. */
export type Sequencer = GroupCommit<Batch, number>;

/** A queue in front of a log. A batch rejects with `ledger.busy` when too much waits, or as the target says. */
export function sequencerOf(target: CommitTarget): Sequencer {
  return new GroupCommit({
    commit: (line) => commit(target, takeBatches(line)),
    weightOf: ({ sizeBytes }) => sizeBytes,
    maxWaiting: maxWaitingBytes,
    overfull: () => ledgerFault("ledger.busy", "Too many leaves wait for the disk.", { retryAfterSeconds: 1 }),
  });
}

type Waiting = Pending<Batch, number>;

/** Takes batches from the front of the line, within the bounds of one commit but at least one. */
function takeBatches(line: CommitLine<Batch, number>): readonly Waiting[] {
  let [leaves, bytes] = [0, 0];
  return line.takeWhile((batch) => {
    leaves += batch.leaves.length;
    bytes += batch.sizeBytes;
    return leaves <= maxCommitLeaves && bytes <= maxCommitBytes;
  });
}

async function commit(target: CommitTarget, batches: readonly Waiting[]): Promise<void> {
  try {
    await commitOnce(target, batches);
  } catch (error) {
    const { fault, tryAgain } = await target.failed(error);
    const again = tryAgain ? batches.filter(({ item }) => !item.begins) : [];
    for (const batch of batches) if (!again.includes(batch)) batch.reject(fault);
    if (again.length === 0) return;
    await commitOnce(target, again).catch(async (second: unknown) => {
      throw (await target.failed(second)).fault;
    });
  }
}

async function commitOnce(target: CommitTarget, batches: readonly Waiting[]): Promise<void> {
  const only = batches.length === 1 ? batches[0]?.item.leaves : undefined;
  let first = await target.commit(only ?? batches.flatMap(({ item }) => item.leaves));
  for (const { item, resolve } of batches) {
    resolve(first);
    first += item.leaves.length;
  }
}
