// A process that calls models over connections that stay open, as it is told: it reads one order a line, as JSON, and
// prints one result a line. It lives through a whole comparison, so that it is equally warm for everyone. Every prompt is
// new, so that no cache answers.
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { createInterface } from "node:readline";
import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { nearestRank } from "../bench.ts";

/** Where calls go. */
export interface CallTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Which calls. */
export interface CallShape {
  readonly model: string;
  readonly stream: boolean;
}

/** An order. */
export type LoadOrder = { readonly target: CallTarget } & (
  | /** As many as can be, so many at a time, until the time is over or so many were made; the shapes take turns. */
    {
      readonly kind: "busy";
      readonly shapes: readonly CallShape[];
      readonly connections: number;
      readonly seconds: number;
      readonly calls: number;
    }
  /** So many a second, each at its time, whether or not the others were answered. */
  | { readonly kind: "steady"; readonly shape: CallShape; readonly perSecond: number; readonly seconds: number }
  /** So many streams at once. Says `open` in its own line when all have begun, and ends when all have ended. */
  | { readonly kind: "streams"; readonly shape: CallShape; readonly streams: number; readonly reads: boolean }
);

/** What became of an order. Times count from when a call was due, milliseconds. */
export interface LoadResult {
  readonly calls: number;
  readonly failed: number;
  /** What the first failure was. */
  readonly failure: string | null;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Until the first byte of the body. */
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
}

/** How long a stream that no one reads stays open, milliseconds. */
const unreadMs = 3000;
/** Seconds at the start of a steady order that are not counted: connections are opened again. */
const steadyWarmSeconds = 0.5;
/** How much earlier than a call is due its timer is set: timers are up to so late, milliseconds. */
const timerSlackMs = 2;

const pools = new Map<string, Pool>();
let serial = 0;

function poolOf({ url }: CallTarget, connections: number): Pool {
  const key = `${connections} ${url}`;
  let pool = pools.get(key);
  if (pool === undefined) pools.set(key, (pool = new Pool(url, { connections, pipelining: 1 })));
  return pool;
}

function bodyOf({ model, stream }: CallShape): string {
  return JSON.stringify({
    model,
    // What is meant to be new each time is not kept.
    temperature: 1,
    max_tokens: 100,
    stream,
    messages: [
      { role: "system", content: "You answer questions about the sea in one short paragraph." },
      { role: "user", content: `Question ${process.pid}-${serial++}: how high are the waves today, and why?` },
    ],
  });
}

/** Times of calls as they end. */
class Tally {
  readonly times: number[] = [];
  readonly firsts: number[] = [];
  failed = 0;
  failure: string | null = null;

  fail(why: string): void {
    this.failed++;
    this.failure ??= why;
  }

  result(seconds: number): LoadResult {
    const [times, firsts] = [Float64Array.from(this.times).sort(), Float64Array.from(this.firsts).sort()];
    return {
      calls: times.length,
      failed: this.failed,
      failure: this.failure,
      seconds,
      p50Ms: nearestRank(times, 0.5),
      p99Ms: nearestRank(times, 0.99),
      firstP50Ms: nearestRank(firsts, 0.5),
      firstP99Ms: nearestRank(firsts, 0.99),
    };
  }
}

function ask(pool: Pool, { headers }: CallTarget, shape: CallShape): Promise<Dispatcher.ResponseData> {
  return pool.request({
    method: "POST",
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", ...headers },
    body: bodyOf(shape),
  });
}

/** One call, read to its end. A stream that does not say its end counts as failed. */
async function call(pool: Pool, target: CallTarget, shape: CallShape, dueMs: number, tally: Tally): Promise<void> {
  try {
    const { statusCode, body } = await ask(pool, target, shape);
    let firstMs = 0;
    let tail = "";
    for await (const piece of body as AsyncIterable<Buffer>) {
      firstMs ||= performance.now();
      tail = (tail + piece.toString("latin1", Math.max(0, piece.length - 32))).slice(-32);
    }
    const complete = shape.stream ? tail.includes("data: [DONE]") : tail.trimEnd().endsWith("}");
    if (statusCode !== 200 || !complete) return tally.fail(`${statusCode} ...${tail}`);
    tally.times.push(performance.now() - dueMs);
    tally.firsts.push(firstMs - dueMs);
  } catch (error) {
    tally.fail(String(error));
  }
}

async function busy({
  target,
  shapes,
  connections,
  seconds,
  calls,
}: LoadOrder & { kind: "busy" }): Promise<LoadResult> {
  const pool = poolOf(target, connections);
  const tally = new Tally();
  const beginMs = performance.now();
  const endMs = beginMs + seconds * 1000;
  let sent = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const shape = shapes[sent % shapes.length];
      const nowMs = performance.now();
      if (shape === undefined || sent >= calls || nowMs >= endMs) return;
      sent++;
      await call(pool, target, shape, nowMs, tally);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return tally.result((performance.now() - beginMs) / 1000);
}

async function steady({ target, shape, perSecond, seconds }: LoadOrder & { kind: "steady" }): Promise<LoadResult> {
  const pool = poolOf(target, 64);
  const [warming, tally] = [new Tally(), new Tally()];
  const warm = perSecond * steadyWarmSeconds;
  const running: Promise<void>[] = [];
  const beginMs = performance.now();
  for (let sent = 0; sent < warm + perSecond * seconds; sent++) {
    const dueMs = beginMs + (sent / perSecond) * 1000;
    const leftMs = dueMs - performance.now() - timerSlackMs;
    if (leftMs >= 1) await sleep(leftMs);
    // A timer is late by more than what is measured; the last bit of the way is waited for turn by turn.
    while (performance.now() < dueMs) await turn();
    running.push(call(pool, target, shape, dueMs, sent < warm ? warming : tally));
  }
  await Promise.all(running);
  return tally.result((performance.now() - beginMs) / 1000);
}

async function streams(order: LoadOrder & { kind: "streams" }): Promise<LoadResult> {
  const { target, shape, streams: count, reads } = order;
  const pool = new Pool(target.url, { connections: count, pipelining: 1 });
  const tally = new Tally();
  const beginMs = performance.now();
  const begun = await Promise.allSettled(Array.from({ length: count }, () => ask(pool, target, shape)));
  console.log(JSON.stringify({ open: begun.filter(({ status }) => status === "fulfilled").length }));
  const end = async (each: PromiseSettledResult<Dispatcher.ResponseData>): Promise<void> => {
    if (each.status === "rejected") return tally.fail(String(each.reason));
    const { statusCode, body } = each.value;
    if (statusCode !== 200) return tally.fail(`${statusCode} ${await body.text()}`);
    if (!reads) {
      await sleep(unreadMs);
      body.on("error", () => {}).destroy();
    } else await body.dump({ limit: Number.MAX_SAFE_INTEGER });
    tally.times.push(performance.now() - beginMs);
  };
  await Promise.all(begun.map((each) => end(each).catch((error: unknown) => tally.fail(String(error)))));
  await pool.destroy();
  return tally.result((performance.now() - beginMs) / 1000);
}

function carryOut(order: LoadOrder): Promise<LoadResult> {
  switch (order.kind) {
    case "busy":
      return busy(order);
    case "steady":
      return steady(order);
    default:
      return streams(order);
  }
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await carryOut(JSON.parse(line) as LoadOrder)));
  }
  process.exit();
}
