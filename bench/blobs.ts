// How much do shared segments and group commit gain for small blobs, and what does streaming a large blob cost?
// Small: 4 KiB puts from 100 callers against one file per blob with fdatasync, in the same run.
// Large: 500 MiB put and read (both hashed) against `cp` and `sha256sum` of the same bytes, with peak resident memory.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Blobs } from "../src/depository/blobs/blobs.ts";
import { openDiskBlobs } from "../src/depository/blobs/disk.ts";
import { silentLog } from "../src/kernel/ctx.ts";
import { costFigure, nearestRank, numberText, rateFigure, runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";

const callers = 100;
const smallBytes = 4096;
const rounds = 5;
const roundMs = 600;
const largeBytes = 500 * 1024 * 1024;
const signal = new AbortController().signal;

interface Round {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Operations per second and the 99th percentile (nearest rank) of `callers` loops that run for `roundMs`. */
async function throughput(operation: (content: Buffer) => Promise<void>): Promise<Round> {
  const started = performance.now();
  const latencies: number[] = [];
  const loop = async (): Promise<void> => {
    while (performance.now() - started < roundMs) {
      const content = randomBytes(smallBytes);
      const begun = performance.now();
      await operation(content);
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: callers }, loop));
  const seconds = (performance.now() - started) / 1000;
  const sorted = latencies.toSorted((a, b) => a - b);
  return { perSecond: latencies.length / seconds, p99Ms: nearestRank(sorted, 0.99) };
}

async function* one(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

/** What Charter does not do: a file and a sync of its own for every blob, without even the directory's sync. */
async function filePerBlob(dir: string, name: number, content: Buffer): Promise<void> {
  const handle = await open(join(dir, String(name)), "wx");
  try {
    await handle.write(content);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function seconds(work: () => Promise<void> | void): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** The most resident memory seen while `work` ran beyond what was resident before, MiB; large blobs go first for its sake. */
async function peakGrowth(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
  await work();
  clearInterval(timer);
  return (peak - before) / 1024 ** 2;
}

async function* small(blobs: Blobs, dir: string): AsyncGenerator<Figure> {
  await mkdir(join(dir, "each"));
  let name = 0;
  const packed: Round[] = [];
  const each: Round[] = [];
  // The two take turns, so that a busy moment of the machine falls on both.
  for (let round = 0; round < rounds; round++) {
    packed.push(
      await throughput(async (content) => {
        await blobs.put({ product: "BENCH", body: one(content), maxBytes: smallBytes, signal });
      }),
    );
    each.push(await throughput((content) => filePerBlob(join(dir, "each"), name++, content)));
  }
  const ratios = packed.map(({ perSecond }, i) => perSecond / (each[i]?.perSecond ?? Number.NaN));
  const rate = (of: Round[]): number => median(of.map(({ perSecond }) => perSecond));
  const p99 = (of: Round[]): string => numberText(median(of.map(({ p99Ms }) => p99Ms)));
  yield rateFigure({
    name: `${smallBytes} B puts from ${callers} callers`,
    value: rate(packed),
    unit: "/s",
    against: "file and fdatasync each",
    base: rate(each),
    note:
      `p99 ${p99(packed)} and ${p99(each)} ms, ratio from ${numberText(Math.min(...ratios))} ` +
      `to ${numberText(Math.max(...ratios))} in ${rounds} rounds`,
  });
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

async function* large(blobs: Blobs, dir: string): AsyncGenerator<Figure> {
  const source = join(dir, "source");
  const handle = await open(source, "w");
  for (let i = 0; i < largeBytes / 2 ** 20; i++) await handle.write(randomBytes(2 ** 20));
  await handle.close();
  const body = (): AsyncIterable<Buffer> => createReadStream(source, { highWaterMark: 64 * 1024 });

  const copy = await seconds(() => {
    execFileSync("cp", [source, join(dir, "copy")]);
    execFileSync("sync", ["-d", join(dir, "copy")]);
    execFileSync("sha256sum", [source]);
  });
  let stored = await blobs.put({ product: "BENCH", body: one(randomBytes(1)), maxBytes: 1, signal });
  let putSeconds = 0;
  const putPeak = await peakGrowth(async () => {
    putSeconds = await seconds(async () => {
      stored = await blobs.put({ product: "BENCH", body: body(), maxBytes: largeBytes, signal });
    });
  });
  let readSeconds = 0;
  const readPeak = await peakGrowth(async () => {
    readSeconds = await seconds(async () => {
      let seen = 0;
      for await (const chunk of await blobs.read("BENCH", stored)) seen += chunk.length;
      if (seen !== largeBytes) throw new Error("the large blob came back shorter");
    });
  });
  const sum = await seconds(() => void execFileSync("sha256sum", [source]));
  yield costFigure({
    name: "500 MiB put",
    value: putSeconds,
    unit: "s",
    against: "cp, sync and sha256sum",
    base: copy,
    note: `memory grew by ${numberText(putPeak)} MiB`,
  });
  yield costFigure({
    name: "500 MiB read",
    value: readSeconds,
    unit: "s",
    against: "sha256sum",
    base: sum,
    note: `memory grew by ${numberText(readPeak)} MiB`,
  });
}

/** The blob store alone, in a temporary folder. */
export const blobs: Bench = {
  name: "blobs",
  question: "What do shared segments gain for small blobs, and what does streaming a large one cost?",
  options: {},
  async *run() {
    const dir = await mkdtemp(join(tmpdir(), "bench-blobs-"));
    try {
      await using store = await openDiskBlobs({ dir: join(dir, "store"), log: silentLog });
      yield* large(store, dir);
      yield* small(store, dir);
    } finally {
      await rm(dir, { recursive: true });
    }
  },
};

if (import.meta.main) await runAlone(blobs);
