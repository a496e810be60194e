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
  return { perSecond: latencies.length / seconds, p99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0 };
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

async function small(blobs: Blobs, dir: string): Promise<string> {
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
  const rate = (of: Round[]) => median(of.map(({ perSecond }) => perSecond)).toFixed(0);
  const p99 = (of: Round[]) => median(of.map(({ p99Ms }) => p99Ms)).toFixed(1);
  return (
    `${smallBytes} B puts from ${callers}: ${rate(packed)}/s p99 ${p99(packed)} ms, ` +
    `file each ${rate(each)}/s p99 ${p99(each)} ms, ratio ${median(ratios).toFixed(1)} ` +
    `(${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)} in ${rounds} rounds)`
  );
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

async function large(blobs: Blobs, dir: string): Promise<string> {
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
  return (
    `500 MiB put ${putSeconds.toFixed(2)} s (cp + sync + sha256sum ${copy.toFixed(2)} s, ratio ${(copy / putSeconds).toFixed(2)}) ` +
    `peak +${putPeak.toFixed(0)} MiB, read ${readSeconds.toFixed(2)} s (sha256sum ${sum.toFixed(2)} s, ` +
    `ratio ${(sum / readSeconds).toFixed(2)}) peak +${readPeak.toFixed(0)} MiB, ` +
    `resident at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`
  );
}

/** Runs both questions in a temporary folder and answers with one line. */
export async function benchBlobs(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "bench-blobs-"));
  try {
    await using blobs = await openDiskBlobs({ dir: join(dir, "store"), log: silentLog });
    return `blobs: ${await large(blobs, dir)}; ${await small(blobs, dir)}`;
  } finally {
    await rm(dir, { recursive: true });
  }
}

if (import.meta.main) console.log(await benchBlobs());
