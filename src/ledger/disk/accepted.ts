// What an operator has accepted as lost, kept next to the log: the tree still holds each lost entry's hash, so the log
// stays provable, and everyone is told which bytes are gone.
import { join } from "node:path";
import type { Digest } from "../../kernel/hash.ts";
import { readIfThere, replaceFile } from "../../durable-files/index.ts";

/** Name of the file with the accepted losses. */
export const acceptedFile = "accepted.json";

/** One entry whose bytes are lost and whose loss an operator has accepted. */
export interface AcceptedLoss {
  readonly index: number;
  /** The hash that the tree holds for the entry, hex. */
  readonly leafHash: string;
  /** Digest of the operator's reason; the words themselves stay with the operator. */
  readonly reason: Digest;
  /** When it was accepted, RFC 3339. */
  readonly time: string;
}

/** The accepted losses of a ledger by index. */
export async function readAccepted(dir: string): Promise<Map<number, AcceptedLoss>> {
  const text = await readIfThere(join(dir, acceptedFile));
  const losses = text === undefined ? [] : (JSON.parse(text.toString()) as AcceptedLoss[]);
  return new Map(losses.map((loss) => [loss.index, loss]));
}

/** Indexes of the entries whose loss an operator has accepted, lowest first. */
export async function acceptedLosses(dir: string): Promise<readonly number[]> {
  return [...(await readAccepted(dir)).keys()].sort((left, right) => left - right);
}

/** Keeps the accepted losses durably. */
export async function writeAccepted(dir: string, losses: Iterable<AcceptedLoss>): Promise<void> {
  const sorted = [...losses].sort((left, right) => left.index - right.index);
  await replaceFile(join(dir, acceptedFile), Buffer.from(`${JSON.stringify(sorted, null, 2)}\n`));
}
