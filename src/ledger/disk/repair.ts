// An operator's decision on a damaged log, carried out under one lock. What can be rewritten from intact parts is; what is
// lost can be accepted as lost, on record, an entry by its index or the end as a whole; what no longer folds to the signed root is left alone, because only a backup can bring it back.
import { mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { instant } from "../../kernel/clock.ts";
import { privateFolderMode } from "../../kernel/file-modes.ts";
import { digestOf } from "../../kernel/hash.ts";
import { newId } from "../../kernel/ids.ts";
import { maxCommitLeaves } from "../../kernel/limits.ts";
import { readAccepted, writeAccepted } from "./accepted.ts";
import type { Damage, Mend } from "../damage.ts";
import { DurableFolder, ignoreMissing, readIfThere } from "../../durable-files/index.ts";
import { verifierKeyFile } from "./keys.ts";
import { lockFolder } from "./lock.ts";
import type { FolderLock } from "./lock.ts";
import { DiskLog } from "./log.ts";
import { openParts } from "./opening.ts";
import type { DiskLogOptions, UnderRepair } from "./opening.ts";
import { cutJournal } from "./tail.ts";
import { ledgerFault } from "../errors.ts";
import type { Leaf } from "../leaf.ts";
import { parseVerifierKey } from "../note.ts";

/** What an operator decides. The ledger must not be open. */
export interface RepairOptions extends Omit<DiskLogOptions, "origin"> {
  /** Entries whose loss is accepted; without them nothing is given up. */
  readonly accept?: readonly number[];
  /** Whether to go on although the end of the log is gone (default false). */
  readonly acceptLostTail?: boolean;
  /** Why, in the operator's words; only its digest is recorded. */
  readonly reason: string;
  /** First 16 hex digits of the constitution in force, for the record. */
  readonly constitutionHash: string;
}

/** One damage that was found. */
export interface FoundDamage {
  readonly index: number;
  readonly reason: string;
  readonly mend: Mend;
}

/** What was found and what was done. */
export interface RepairReport {
  readonly found: readonly FoundDamage[];
  /** Files rewritten from intact parts. */
  readonly rewritten: readonly string[];
  /** Entries now on record as lost. */
  readonly accepted: readonly number[];
  /** Entries at the end of the log that are gone; each place is kept by a leaf that says so. Undefined when none were given up. */
  readonly lostTail: { readonly first: number; readonly count: number } | undefined;
  /** What still stands in the way of writing; empty when the ledger is open again. */
  readonly remaining: readonly FoundDamage[];
  /** Index of the admin leaf that records the repair; undefined when nothing was changed or the ledger is still damaged. */
  readonly recordedAt: number | undefined;
}

/** Carries out an operator's decision. Rejects with `ledger.locked` or `ledger.key_unusable`. */
export async function repairLedger(options: RepairOptions): Promise<RepairReport> {
  const logOptions: DiskLogOptions = { ...options, origin: await originOf(options.dir) };
  const lock = await lockFolder(options.dir, options.lockWaitMs);
  try {
    return await repairLocked(options, logOptions, lock);
  } finally {
    await lock.release();
  }
}

async function repairLocked(options: RepairOptions, logOptions: DiskLogOptions, lock: FolderLock) {
  const first = await inspect(logOptions, { lock, withoutTail: false });
  const { damages } = first;
  const accepting = new Set(options.accept ?? []);
  const losses = damages.filter((damage) => damage.mend === "accept" && accepting.has(damage.index));
  const rewrites = damages.filter((damage) => damage.mend === "rewrite");
  const evidence = join(options.dir, "damaged", instant(options.clock.nowMs()).replaceAll(":", "-"));
  await recordLosses(options, losses);
  const rewritten = await rewriteFiles(options.dir, [...rewrites, ...losses], evidence);
  const rest = rewritten.length > 0 ? await inspect(logOptions, { lock, withoutTail: false }) : first;
  // What the end still tells of its length is given up last, when nothing else can stop the repair.
  const isLast = rest.damages.every((damage) => damage.mend === "tail");
  const tail = options.acceptLostTail === true && isLast ? rest.damages[0] : undefined;
  if (tail !== undefined && rest.journalEnd) await cutJournal(options.dir, rest.size, rest.journalEnd, evidence);
  const held: UnderRepair = { lock, withoutTail: tail !== undefined };
  const remaining = tail === undefined ? rest.damages : (await inspect(logOptions, held)).damages;
  const isMended = damages.length > 0 && remaining.length === 0;
  const lostTail = tail && isMended ? { first: rest.size, count: (tail.until ?? rest.size) - rest.size } : undefined;
  return {
    found: damages.map(described),
    rewritten,
    accepted: losses.map(({ index }) => index),
    lostTail,
    remaining: remaining.map(described),
    recordedAt: isMended ? await recordRepair(options, await DiskLog.open(logOptions, held), lostTail) : undefined,
  };
}

async function originOf(dir: string): Promise<string> {
  const text = await readIfThere(join(dir, verifierKeyFile));
  const verifier = parseVerifierKey(text?.toString().trimEnd() ?? "");
  if (verifier === undefined)
    throw ledgerFault("ledger.key_unusable", "The ledger's verifier key is missing or damaged.");
  return verifier.name;
}

async function inspect(options: DiskLogOptions, repair: UnderRepair) {
  const { damages, edge, journal, journalEnd } = await openParts(options, repair);
  await journal?.close();
  return { damages, size: edge.size, journalEnd };
}

async function recordLosses(options: RepairOptions, losses: readonly Damage[]): Promise<void> {
  if (losses.length === 0) return;
  const accepted = await readAccepted(options.dir);
  const [reason, time] = [digestOf(options.reason), instant(options.clock.nowMs())];
  for (const { index, leafHash = "" } of losses) accepted.set(index, { index, leafHash, reason, time });
  await writeAccepted(options.dir, accepted.values());
}

/** Puts the right bytes in place; the damaged file is kept below `damaged/` as evidence. Resolves with the paths. */
async function rewriteFiles(dir: string, damages: readonly Damage[], evidence: string): Promise<string[]> {
  const files = new Map(damages.flatMap(({ path, bytes }) => (path && bytes ? [[path, bytes] as const] : [])));
  const folder = new DurableFolder(dir);
  await folder.prepare();
  for (const path of files.keys()) {
    await mkdir(dirname(join(evidence, path)), { recursive: true, mode: privateFolderMode });
    await rename(join(dir, path), join(evidence, path)).catch(ignoreMissing);
  }
  await folder.write([...files].map(([path, bytes]) => ({ path, bytes })));
  return [...files.keys()];
}

/** Puts the repair on record and closes the log; resolves with the index of the leaf that ends the record. */
async function recordRepair(options: RepairOptions, open: DiskLog, lostTail: RepairReport["lostTail"]) {
  await using log = open;
  const leaf: Leaf = {
    kind: "admin",
    time: instant(options.clock.nowMs()),
    principal: "system",
    principalKind: "system",
    operation: "ledger.repair",
    constitutionHash: options.constitutionHash,
    requestId: newId(options.clock),
    note: digestOf(options.reason),
  };
  // An index that was given out once is never given to another act: each lost entry's place is taken by a separate leaf.
  const end = lostTail === undefined ? log.size : lostTail.first + lostTail.count;
  while (log.size < end) {
    const length = Math.min(maxCommitLeaves, end - log.size);
    const lost = (_: unknown, at: number): Leaf => {
      return { ...leaf, operation: "ledger.entry_lost", resource: `entry/${log.size + at}` };
    };
    await log.append(Array.from({ length }, lost));
  }
  return log.append([leaf]);
}

function described({ index, reason, mend }: Damage): FoundDamage {
  return { index, reason, mend };
}
