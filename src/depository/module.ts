// The depository as a domain: write-once artifacts.
import type { Constitution } from "../constitution/index.ts";
import type { Database } from "../db/index.ts";
import type { Gate } from "../governance/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Keep, Module } from "../kernel/module.ts";
import type { Ledger } from "../ledger/index.ts";
import type { Secrets } from "../secrets/index.ts";
import type { Blobs } from "./blobs/blobs.ts";
import { contentCodes } from "./blobs/errors.ts";
import { openDepository } from "./depository.ts";
import type { Depository } from "./depository.ts";
import { depositoryCodes } from "./errors.ts";
import { depositoryOperations } from "./operations.ts";
import { openArtifactReader } from "./artifact-reader.ts";
import type { ArtifactReader } from "./artifact-reader.ts";
import { collectLeftovers } from "./leftovers.ts";
import { depositoryMigrations } from "./store/migrations.ts";
import { openArtifactStore } from "./store/sql.ts";
import type { ArtifactStore } from "./store/store.ts";
import { unasked } from "../kernel/meter.ts";
import { depositoryMetrics, readerMetrics } from "./metrics.ts";

interface Needs {
  readonly constitution: Constitution;
  readonly database: Database;
  readonly ledger: Ledger;
  readonly gate: Gate;
  readonly secrets: Secrets;
  /** Where the bytes lie. */
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

interface Gives {
  readonly store: ArtifactStore;
  readonly reader: ArtifactReader;
  readonly depository: Depository;
}

/** What products and agents store. */
export const depositoryModule = {
  name: "depository",
  metrics: {
    title: "Depository",
    declare: (meter: Meter) => {
      depositoryMetrics(meter, { products: [], writers: unasked, use: unasked });
      readerMetrics(meter);
    },
  },
  codes: { ...depositoryCodes, ...contentCodes },
  operations: depositoryOperations,
  nouns: {
    artifact: "What products and agents have stored.",
    bucket: "The predecessor's name for storing.",
    product: "Products and their quotas.",
    storage: "How full the storage is.",
    depository: "The depository as a whole.",
  },
  migrations: depositoryMigrations,
  async open(house: Needs, _keep: Keep): Promise<Gives> {
    const store = openArtifactStore(house.database, await instanceOf(house));
    const reader = openArtifactReader({ ...house, store });
    return { store, reader, depository: openDepository({ ...house, store, reader }) };
  },
  async recover(house: Needs & Gives) {
    await house.store.dropReservationsOf(await instanceOf(house));
  },
  sweeps: [
    async ({ store, clock, log }: Needs & Gives) => {
      const reservations = await store.expireReservations(clock.nowMs());
      if (reservations > 0) log.warn({ reservations }, "gave back the space of uploads that never ended");
    },
    ({ store, clock }: Needs & Gives) => store.forgetKeys(clock.nowMs()),
    async (house: Needs & Gives) => {
      const removed = await collectLeftovers(house, house.clock.nowMs());
      if (removed > 0)
        house.log.info({ removed }, "removed the bytes of writes that were refused after they had been stored");
    },
  ],
} as const satisfies Module<Needs, Gives>;

/** What this installation is called in the database, which it may share. */
async function instanceOf({ secrets }: Needs): Promise<string> {
  return (await secrets.bytes("instance-id")).toString("hex");
}
