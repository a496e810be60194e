// An operator's decision on a damaged log. What can be rewritten from intact parts is; what is lost can be accepted as
// lost, on record; what no longer folds to the signed root is left alone, because only a backup can bring it back.
import { mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { instant } from "../kernel/clock.ts";
import { digestOf } from "../kernel/hash.ts";
import { newId } from "../kernel/ids.ts";
import { readAccepted, writeAccepted } from "./disk-accepted.ts";
import type { Damage, Mend } from "./damage.ts";
import { DurableFolder, readIfThere, systemCode } from "./disk-files.ts";
import { verifierKeyFile } from "./disk-keys.ts";
import { DiskLog } from "./disk-log.ts";
import { openParts } from "./disk-opening.ts";
import type { DiskLogOptions } from "./disk-opening.ts";
import { ledgerFault } from "./errors.ts";
import type { Leaf } from "./leaf.ts";
import { parseVerifierKey } from "./note.ts";
import { tilePath } from "./tiles.ts";

/** What an operator decides. The ledger must not be open. */
export interface RepairOptions extends Omit<DiskLogOptions, "origin"> {
  /** Entries whose loss is accepted; without them nothing is given up. */
  readonly accept?: readonly number[];
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
  /** What still stands in the way of writing; empty when the ledger is open again. */
  readonly remaining: readonly FoundDamage[];
  /** Index of the admin leaf that records the repair; undefined when nothing was changed or the ledger is still damaged. */
  readonly recordedAt: number | undefined;
}

/** Carries out an operator's decision. Rejects with `ledger.locked` or `ledger.key_unusable`. */
export async function repairLedger(options: RepairOptions): Promise<RepairReport> {
  const logOptions: DiskLogOptions = { ...options, origin: await originOf(options.dir) };
  const { damages } = await inspect(logOptions);
  const accepting = new Set(options.accept ?? []);
  const losses = damages.filter((damage) => damage.mend === "accept" && accepting.has(damage.index));
  const rewrites = damages.filter((damage) => damage.mend === "rewrite");
  await recordLosses(options, losses);
  const rewritten = await rewriteFiles(options, [...rewrites, ...losses]);
  const { damages: remaining } = rewritten.length > 0 ? await inspect(logOptions) : { damages };
  const changed = rewritten.length > 0 && remaining.length === 0;
  return {
    found: damages.map(described),
    rewritten,
    accepted: losses.map(({ index }) => index),
    remaining: remaining.map(described),
    recordedAt: changed ? await recordRepair(logOptions, options) : undefined,
  };
}

async function originOf(dir: string): Promise<string> {
  const text = await readIfThere(join(dir, verifierKeyFile));
  const verifier = parseVerifierKey(text?.toString().trimEnd() ?? "");
  if (verifier === undefined)
    throw ledgerFault("ledger.key_unusable", "The ledger's verifier key is missing or damaged.");
  return verifier.name;
}

async function inspect(options: DiskLogOptions) {
  const { damages, journal, lock } = await openParts(options);
  await journal?.close();
  await lock.release();
  return { damages };
}

async function recordLosses(options: RepairOptions, losses: readonly Damage[]): Promise<void> {
  if (losses.length === 0) return;
  const accepted = await readAccepted(options.dir);
  const [reason, time] = [digestOf(options.reason), instant(options.clock.nowMs())];
  for (const { index, leafHash = "" } of losses) accepted.set(index, { index, leafHash, reason, time });
  await writeAccepted(options.dir, accepted.values());
}

/** Puts the right bytes in place; the damaged file is kept below `damaged/` as evidence. Resolves with the paths. */
async function rewriteFiles({ dir, clock }: RepairOptions, damages: readonly Damage[]): Promise<string[]> {
  const files = new Map(
    damages.flatMap(({ tile, bytes }) => (tile && bytes ? [[tilePath(tile), bytes] as const] : [])),
  );
  const evidence = join(dir, "damaged", instant(clock.nowMs()).replaceAll(":", "-"));
  const folder = new DurableFolder(dir);
  await folder.prepare();
  for (const path of files.keys()) {
    await mkdir(dirname(join(evidence, path)), { recursive: true });
    await rename(join(dir, path), join(evidence, path)).catch(ignoreMissing);
  }
  await folder.write([...files].map(([path, bytes]) => ({ path, bytes })));
  return [...files.keys()];
}

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}

async function recordRepair(logOptions: DiskLogOptions, options: RepairOptions): Promise<number> {
  await using log = await DiskLog.open(logOptions);
  const leaf: Leaf = {
    v: 1,
    kind: "admin",
    time: instant(options.clock.nowMs()),
    principal: "system",
    principalKind: "system",
    operation: "ledger.repair",
    constitutionHash: options.constitutionHash,
    requestId: newId(options.clock),
    note: digestOf(options.reason),
  };
  return log.append([leaf]);
}

function described({ index, reason, mend }: Damage): FoundDamage {
  return { index, reason, mend };
}
