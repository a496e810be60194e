// A process of writers: so many loops that each store one blob over HTTP and wait for the answer. It is a process of its
// own so that making requests does not take turns with the server's event loop. Prints one line of JSON at the end.
import { randomBytes } from "node:crypto";
import { Pool } from "undici";
import { nearestRank } from "../bench.ts";

/** What the process is asked for, as its one argument in JSON. */
export interface WriteLoad {
  readonly url: string;
  readonly key: string;
  readonly product: string;
  readonly type: string;
  readonly writers: number;
  readonly sizeBytes: number;
  readonly seconds: number;
}

/** What it answers. */
export interface WriteResult {
  readonly writes: number;
  /** Answers other than 201, by status. */
  readonly others: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Writes in each whole second, to see whether the rate holds. */
  readonly perSecond: readonly number[];
}

async function load(asked: WriteLoad): Promise<WriteResult> {
  const { url, key, product, type, writers, sizeBytes, seconds } = asked;
  const pool = new Pool(url, { connections: writers, pipelining: 1 });
  const path = `/v1/artifacts?product=${product}&type=${type}`;
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/octet-stream" };
  const latencies: number[] = [];
  const perSecond = Array.from({ length: Math.floor(seconds) }, () => 0);
  const others: Record<string, number> = {};
  const started = performance.now();
  const writer = async (): Promise<void> => {
    for (;;) {
      const begun = performance.now();
      if (begun - started >= seconds * 1000) return;
      const answer = await pool.request({ method: "POST", path, headers, body: randomBytes(sizeBytes) });
      await answer.body.dump();
      const ended = performance.now();
      if (answer.statusCode !== 201) {
        others[answer.statusCode] = (others[answer.statusCode] ?? 0) + 1;
        continue;
      }
      latencies.push(ended - begun);
      const second = Math.floor((ended - started) / 1000);
      if (second < perSecond.length) perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const took = (performance.now() - started) / 1000;
  await pool.close();
  const sorted = Float64Array.from(latencies).sort();
  return {
    writes: sorted.length,
    others,
    seconds: took,
    p50Ms: nearestRank(sorted, 0.5),
    p99Ms: nearestRank(sorted, 0.99),
    maxMs: nearestRank(sorted, 1),
    perSecond,
  };
}

if (import.meta.main) console.log(JSON.stringify(await load(JSON.parse(process.argv[2] ?? "") as WriteLoad)));
