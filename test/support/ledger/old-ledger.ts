// A ledger whose leaves have format 1, as a server of commit 02357e4 wrote it before it was killed: calls of a model, a refused
// upload and an open one. The key that signed it was made for it. 14 entries are published, three lie in the journal.
import { chmod, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDatabase } from "../../../src/db/index.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import { ledgerMigrations, openLedger } from "../../../src/ledger/index.ts";
import type { DiskLedger } from "../../../src/ledger/index.ts";
import { intentLeaf, outcomeLeaf } from "./ledger-folder.ts";

const fixture = fileURLToPath(new URL("../../fixtures/ledger-v1", import.meta.url));

/** Entries of the old ledger. */
export const oldSize = 17;

/** A copy of the old ledger. */
export interface OldLedger extends AsyncDisposable {
  readonly path: string;
  readonly verifierKey: string;
  /** The checkpoint that is published in it, over its first 14 entries. */
  readonly checkpoint: string;
  /** Opens it with the present code and an empty index, does something with it and closes it. */
  withOpen<T>(work: (ledger: DiskLedger) => Promise<T>): Promise<T>;
  /** Closes the open intent and adds an intent and an outcome with facts, all in format 2: three entries. */
  grow(): Promise<void>;
}

/** Copies the old ledger into a folder that is removed when it is disposed of. */
export async function oldLedger(): Promise<OldLedger> {
  const root = await mkdtemp(join(tmpdir(), "charter-old-"));
  const path = join(root, "ledger");
  await cp(fixture, path, { recursive: true });
  // Git keeps no modes.
  await chmod(join(path, "key.pem"), 0o600);
  const withOpen: OldLedger["withOpen"] = async (work) => {
    await using database = await openDatabase({ kind: "sqlite", file: join(root, "charter.db") }, silentLog);
    await database.migrate(ledgerMigrations);
    const options = { dir: path, origin: "charter.local/ledger", clock: systemClock, log: silentLog, database };
    await using ledger = await openLedger(options);
    return await work(ledger);
  };
  return {
    path,
    verifierKey: (await readFile(join(path, "verifier-key"), "utf8")).trim(),
    checkpoint: await readFile(join(path, "checkpoint"), "utf8"),
    withOpen,
    grow: () =>
      withOpen(async (ledger) => {
        await ledger.closeInterrupted(async () => new Set());
        const intent = await ledger.append([intentLeaf(1)]);
        await ledger.append([{ ...outcomeLeaf(intent), facts: { kind: "x", steps: 3 } }]);
      }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
