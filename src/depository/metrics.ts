// What is measured of the depository: artifacts stored and read, and the room that they take.
import { codeOf } from "../kernel/fault.ts";
import { requestBuckets, secondsSince } from "../kernel/meter.ts";
import type { Meter, Reading } from "../kernel/meter.ts";
import { contentCodes } from "./blobs/errors.ts";
import { depositoryCodes } from "./errors.ts";

/** How a product's room is used, bytes. */
export interface RoomUse {
  readonly product: string;
  readonly usedBytes: number;
  readonly heldBytes: number;
  readonly quotaBytes: number;
  readonly artifacts: number;
}

/** What is asked when the metrics are read. */
export interface DepositoryGauges {
  /** The products of the constitution. */
  readonly products: readonly string[];
  writers(): { readonly inside: number; readonly paused: boolean };
  use(): Promise<readonly RoomUse[]>;
}

const codes = [...Object.keys(depositoryCodes), ...Object.keys(contentCodes)];

/** The metrics of the writing side. */
export function depositoryMetrics(meter: Meter, depository: DepositoryGauges) {
  const durations = meter
    .histogram({
      name: "charter_depository_put_duration_seconds",
      help: "Time to store an artifact, its upload and its ledger entries included.",
      unit: "seconds",
      buckets: requestBuckets,
    })
    .with({});
  const puts = meter.counter({
    name: "charter_depository_puts_total",
    help: "Artifacts by what became of them; `replayed` were stored before under the same Idempotency-Key.",
    labels: { result: ["stored", "replayed", "refused"] },
  });
  const received = meter
    .counter({
      name: "charter_depository_stored_bytes_total",
      help: "Bytes of the artifacts that were stored.",
      unit: "bytes",
    })
    .with({});
  const errors = meter.counter({
    name: "charter_depository_put_errors_total",
    help: "Artifacts that were not stored, by code; `other` for what the gate, the ledger or the database refused.",
    labels: { error_type: codes },
  });
  meter.observe({ name: "charter_depository_writers", help: "Uploads under way." }, () => depository.writers().inside);
  meter.observe(
    { name: "charter_depository_writes_paused", help: "1 while new uploads are turned away, otherwise 0." },
    () => (depository.writers().paused ? 1 : 0),
  );
  observeUse(meter, depository);
  return {
    /** Measures one artifact. */
    async put<T extends { readonly artifact: { readonly sizeBytes: number }; readonly replayed: boolean }>(
      store: () => Promise<T>,
    ): Promise<T> {
      const startMs = performance.now();
      try {
        const stored = await store();
        puts.with({ result: stored.replayed ? "replayed" : "stored" }).add();
        if (!stored.replayed) {
          durations.observe(secondsSince(startMs));
          received.add(stored.artifact.sizeBytes);
        }
        return stored;
      } catch (error) {
        puts.with({ result: "refused" }).add();
        errors.with({ error_type: codeOf(error) }).add();
        throw error;
      }
    },
  };
}

/** The gauges of the room, which are read together. */
function observeUse(meter: Meter, depository: DepositoryGauges): void {
  let reading: Promise<readonly RoomUse[]> | undefined;
  const figures = async (figure: (one: RoomUse) => number): Promise<readonly Reading<"charter_product">[]> => {
    reading ??= depository.use().finally(() => (reading = undefined));
    return (await reading).map((one) => ({ labels: { charter_product: one.product }, value: figure(one) }));
  };
  const labels = { charter_product: depository.products };
  const observe = (name: string, help: string, figure: (one: RoomUse) => number, unit?: "bytes"): void =>
    meter.observe({ name, help, labels, ...(unit && { unit }) }, () => figures(figure));
  observe("charter_depository_used_bytes", "Bytes that a product stores.", ({ usedBytes }) => usedBytes, "bytes");
  observe(
    "charter_depository_held_bytes",
    "Bytes reserved for uploads under way.",
    ({ heldBytes }) => heldBytes,
    "bytes",
  );
  observe("charter_depository_quota_bytes", "Bytes that a product may store.", ({ quotaBytes }) => quotaBytes, "bytes");
  observe("charter_depository_artifacts", "Artifacts that a product stores.", ({ artifacts }) => artifacts);
}

/** The metrics of the reading side. */
export function readerMetrics(meter: Meter) {
  const durations = meter
    .histogram({
      name: "charter_depository_read_duration_seconds",
      help: "Time to read the content of an artifact, as fast as the caller takes it.",
      unit: "seconds",
      buckets: requestBuckets,
    })
    .with({});
  const sent = meter
    .counter({
      name: "charter_depository_read_bytes_total",
      help: "Bytes of artifacts that were read.",
      unit: "bytes",
    })
    .with({});
  const errors = meter.counter({
    name: "charter_depository_read_errors_total",
    help: "Contents that could not be read, by code; `other` for what the gate or the database refused.",
    labels: { error_type: codes },
  });
  /** The same bytes, counted when they have been read. */
  async function* counted(bytes: AsyncIterable<Uint8Array>, startMs: number): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of bytes) {
        sent.add(piece.length);
        yield piece;
      }
      durations.observe(secondsSince(startMs));
    } catch (error) {
      errors.with({ error_type: codeOf(error) }).add();
      throw error;
    }
  }
  return {
    /** Measures the reading of one content. */
    async read(open: () => Promise<AsyncIterable<Uint8Array>>): Promise<AsyncIterable<Uint8Array>> {
      const startMs = performance.now();
      try {
        return counted(await open(), startMs);
      } catch (error) {
        errors.with({ error_type: codeOf(error) }).add();
        throw error;
      }
    },
  };
}
