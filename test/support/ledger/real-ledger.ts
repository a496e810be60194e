// A ledger as Charter itself writes it, closed again, with what a stranger would have been given meanwhile: for the
// tests that check it with other people's tools.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../../src/db/index.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import { instant } from "../../../src/kernel/clock.ts";
import type { Clock } from "../../../src/kernel/clock.ts";
import { ledgerMigrations, openLedger } from "../../../src/ledger/index.ts";
import type { Leaf } from "../../../src/ledger/index.ts";

/** A closed ledger. */
export interface RealLedger extends AsyncDisposable {
  /** The ledger's folder. */
  readonly path: string;
  readonly verifierKey: string;
  readonly size: number;
  /** A checkpoint that was signed when about half of the entries were there. */
  readonly olderCheckpoint: string;
  /** tlog-proof files by index, under the newest checkpoint. */
  readonly proofs: ReadonlyMap<number, string>;
  /** Another folder with the same bytes, to be damaged; removed with the ledger. */
  copy(): Promise<string>;
}

/** What else to do with the ledger before it is closed. */
export interface WhileOpen {
  /** Indexes to take proofs of, under the newest checkpoint. */
  readonly proofs?: readonly number[];
  /** Called after every act while the ledger is open and growing. */
  readonly afterEach?: (path: string) => Promise<void>;
}

/** Writes a ledger of `acts` intents with their outcomes in commits of different sizes, and closes it. */
export async function writeRealLedger(acts: number, whileOpen: WhileOpen = {}): Promise<RealLedger> {
  const root = await mkdtemp(join(tmpdir(), "charter-real-"));
  const path = join(root, "ledger");
  const clock: Clock = { nowMs: () => Date.UTC(2026, 10, 21) };
  await using database = await openDatabase({ kind: "sqlite", file: join(root, "charter.db") }, silentLog);
  await database.migrate(ledgerMigrations);
  const ledger = await openLedger({ dir: path, origin: "charter.test/ledger", clock, log: silentLog, database });
  let olderCheckpoint = "";
  for (let act = 0; act < acts;) {
    const count = Math.min(acts - act, 1 + (act % 61));
    const leaves = Array.from({ length: count }, (_, i) => intentLeaf(act + i, clock));
    const first = await ledger.append(leaves);
    await ledger.append(leaves.map((leaf, i) => outcomeLeaf(leaf, first + i)));
    act += count;
    await whileOpen.afterEach?.(path);
    if (olderCheckpoint === "" && act * 2 >= acts) olderCheckpoint = ledger.checkpoint();
  }
  const proofs = new Map<number, string>();
  for (const index of whileOpen.proofs ?? []) proofs.set(index, await ledger.proof(index));
  const { size, verifierKey } = ledger;
  await ledger[Symbol.asyncDispose]();
  return {
    path,
    verifierKey,
    size,
    olderCheckpoint,
    proofs,
    copy: async () => {
      const copy = await mkdtemp(join(root, "copy-"));
      await cp(path, copy, { recursive: true });
      return copy;
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

function intentLeaf(act: number, clock: Clock): Leaf {
  return {
    kind: "intent",
    time: instant(clock.nowMs() + act),
    principal: `key_${act % 7}`,
    principalKind: "product",
    product: "AI_ASSISTANT",
    operation: "artifact.create",
    // Entries of many lengths, so that bundles do not look alike.
    resource: `artifact/${"0123456789".repeat(act % 40)}${act}`,
    decision: { allow: true, articles: [], policies: ["products-create"] },
    constitutionHash: "0123456789abcdef",
    requestId: `request-${act}`,
  };
}

function outcomeLeaf(intent: Leaf, index: number): Leaf {
  return { ...intent, kind: "outcome", intent: index, outcome: "committed" };
}
