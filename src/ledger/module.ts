// The ledger as a domain.
import { join } from "node:path";
import type { Config } from "../config/index.ts";
import { Effects } from "../db/index.ts";
import type { Database } from "../db/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Keep, Module } from "../kernel/module.ts";
import { openLedger } from "./disk/disk.ts";
import type { DiskLedger } from "./disk/disk.ts";
import { ledgerCodes } from "./errors.ts";
import { indexedEntries, ledgerMigrations } from "./index-store.ts";
import { ledgerOperations } from "./operations.ts";
import { unasked } from "../kernel/meter.ts";
import { ledgerMetrics } from "./metrics.ts";

interface Needs {
  readonly config: Pick<Config, "data" | "ledger">;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Told how much of the ledger has been verified, in leaves. */
  readonly onVerify?: ((done: number, total: number) => void) | undefined;
}

/** What happened, provably. */
export const ledgerModule = {
  name: "ledger",
  metrics: {
    title: "Ledger",
    declare: (meter: Meter) => {
      ledgerMetrics(meter, { entries: unasked, unpublished: unasked, waiting: unasked, state: unasked });
    },
  },
  codes: ledgerCodes,
  operations: ledgerOperations,
  nouns: { ledger: "The tamper-evident record: checkpoints, tiles, proofs and leaves." },
  migrations: ledgerMigrations,
  async open(
    { config, database, clock, log, meter, onVerify }: Needs,
    keep: Keep,
  ): Promise<{ readonly ledger: DiskLedger }> {
    const newestEffect = await new Effects(database).newest();
    const ledger = await openLedger({
      dir: join(config.data.dir, "ledger"),
      origin: config.ledger.origin,
      clock,
      log,
      meter,
      database,
      knownEntries: Math.max(newestEffect + 1, await indexedEntries(database)),
      ...(onVerify && { onProgress: onVerify }),
    });
    return { ledger: keep(ledger) };
  },
} as const satisfies Module<Needs>;
