// The plain way to make blobs durable, to compare with: a file of its own for each, and an fdatasync. No governance, no
// digest, no record, no directory sync.
import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { nearestRank } from "../bench.ts";

/** What the process is asked for. */
export interface FileLoad {
  readonly folder: string;
  readonly writers: number;
  readonly sizeBytes: number;
  readonly seconds: number;
}

/** What it answers. */
export interface FileResult {
  readonly writes: number;
  readonly seconds: number;
  readonly p99Ms: number;
}

async function writeFiles({ folder, writers, sizeBytes, seconds }: FileLoad): Promise<FileResult> {
  const dir = await mkdtemp(join(folder, "each-"));
  const latencies: number[] = [];
  let name = 0;
  const started = performance.now();
  const writer = async (): Promise<void> => {
    for (;;) {
      const begun = performance.now();
      if (begun - started >= seconds * 1000) return;
      await using file = await open(join(dir, String(name++)), "wx");
      await file.write(randomBytes(sizeBytes));
      await file.datasync();
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const took = (performance.now() - started) / 1000;
  await rm(dir, { recursive: true });
  return { writes: latencies.length, seconds: took, p99Ms: nearestRank(Float64Array.from(latencies).sort(), 0.99) };
}

if (import.meta.main) console.log(JSON.stringify(await writeFiles(JSON.parse(process.argv[2] ?? "") as FileLoad)));
