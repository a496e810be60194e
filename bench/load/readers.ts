// A process that asks for one path so many times a second, whether or not the answers keep up (an open loop), so that a
// slow server is not asked less. Prints one line of JSON at the end.
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import { nearestRank } from "../bench.ts";

/** What the process is asked for, as its one argument in JSON. */
export interface ReadLoad {
  readonly url: string;
  readonly path: string;
  readonly authorization: string;
  readonly perSecond: number;
  readonly seconds: number;
}

/** What it answers; times count from when a request was due, milliseconds. */
export interface ReadResult {
  readonly reads: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Seconds at the start that are not counted. */
const warmSeconds = 2;

async function load({ url, path, authorization, perSecond, seconds }: ReadLoad): Promise<ReadResult> {
  const pool = new Pool(url, { connections: 64, pipelining: 1 });
  const times: number[] = [];
  const running: Promise<void>[] = [];
  let failed = 0;
  const ask = async (dueMs: number, counts: boolean): Promise<void> => {
    const { statusCode, body } = await pool.request({ method: "GET", path, headers: { authorization } });
    await body.dump();
    if (!counts) return;
    if (statusCode === 200) times.push(performance.now() - dueMs);
    else failed++;
  };
  const begin = performance.now();
  for (let sent = 0; sent < perSecond * (seconds + warmSeconds);) {
    const due = ((performance.now() - begin) / 1000) * perSecond;
    for (; sent < due; sent++) {
      running.push(ask(begin + (sent / perSecond) * 1000, sent >= warmSeconds * perSecond).catch(() => void failed++));
    }
    await delay(1);
  }
  await Promise.all(running);
  await pool.close();
  const sorted = Float64Array.from(times).sort();
  const at = (share: number) => nearestRank(sorted, share);
  return { reads: sorted.length, failed, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

console.log(JSON.stringify(await load(JSON.parse(process.argv[2] ?? "{}") as ReadLoad)));
