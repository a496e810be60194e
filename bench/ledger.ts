// How many leaves per second become durable with 1, 10 and 100 writers that each wait for their append, next to one
// fdatasync per leaf of the same bytes in the same run; then what a proof and a listing cost as the ledger grows.
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { openDatabase } from "../src/db/index.ts";
import { canonicalJson } from "../src/kernel/canonical-json.ts";
import { systemClock, instant } from "../src/kernel/clock.ts";
import { silentLog } from "../src/kernel/ctx.ts";
import { digestOf } from "../src/kernel/hash.ts";
import { newId } from "../src/kernel/ids.ts";
import { ledgerMigrations, openLedger } from "../src/ledger/index.ts";
import type { DiskLedger, Leaf } from "../src/ledger/index.ts";

/** How long each rate is measured, seconds. */
const measureSeconds = 4;
/** Calls behind each latency. */
const samples = 1_000;

const products = ["AI_ASSISTANT", "GURUKUL", "ENFORCEMENT", "WORKFLOW"];

/** A leaf of the size that a governed write leaves, some 500 bytes. */
function leafOf(number: number): Leaf {
  const product = products[number % products.length] ?? "AI_ASSISTANT";
  return {
    v: 1,
    kind: "intent",
    time: instant(systemClock.nowMs()),
    principal: `key_${product.toLowerCase()}_3k9x2m`,
    principalKind: "product",
    product,
    operation: "artifact.create",
    resource: `artifact/${newId(systemClock)}`,
    digest: digestOf(String(number)),
    decision: { allow: true, articles: [], policies: ["products-create", "products-within-quota"] },
    constitutionHash: "0123456789abcdef",
    requestId: newId(systemClock),
  };
}

/** Leaves per second of one fdatasync per leaf. */
function syncPerLeaf(dir: string): number {
  const file = openSync(join(dir, "plain"), "w");
  let count = 0;
  const end = performance.now() + measureSeconds * 1_000;
  while (performance.now() < end) {
    writeSync(file, canonicalJson(leafOf(count++)));
    fdatasyncSync(file);
  }
  closeSync(file);
  return count / measureSeconds;
}

/** Leaves per second of some writers, each of which waits for its append. */
async function appendRate(ledger: DiskLedger, writers: number): Promise<number> {
  let count = 0;
  const end = performance.now() + measureSeconds * 1_000;
  const writer = async (): Promise<void> => {
    while (performance.now() < end) await ledger.append([leafOf(count++)]);
  };
  await Promise.all(Array.from({ length: writers }, writer));
  return count / measureSeconds;
}

/** Median and 99th percentile of calls made one after another, milliseconds. */
async function latency(call: (at: number) => Promise<unknown>): Promise<string> {
  const times: number[] = [];
  for (let at = 0; at < samples; at++) {
    const begin = performance.now();
    await call(at);
    times.push(performance.now() - begin);
  }
  times.sort((left, right) => left - right);
  const rank = (share: number): string => (times[Math.ceil(share * times.length) - 1] ?? 0).toFixed(3);
  return `p50 ${rank(0.5)} ms, p99 ${rank(0.99)} ms`;
}

async function fill(ledger: DiskLedger, size: number): Promise<void> {
  while (ledger.size < size) {
    const count = Math.min(2_000, size - ledger.size);
    await ledger.append(Array.from({ length: count }, (_, at) => leafOf(at)));
  }
  await ledger.publish();
}

async function withLedger<T>(work: (ledger: DiskLedger, dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "charter-bench-ledger-"));
  try {
    await using database = await openDatabase({ kind: "sqlite", file: join(dir, "charter.db") }, silentLog);
    await database.migrate(ledgerMigrations);
    const options = { dir: join(dir, "ledger"), origin: "bench.example/ledger", clock: systemClock, log: silentLog };
    await using ledger = await openLedger({ ...options, database });
    return await work(ledger, dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function benchAppends(): Promise<void> {
  for (const writers of [1, 10, 100]) {
    await withLedger(async (ledger, dir) => {
      const plain = syncPerLeaf(dir);
      const rate = await appendRate(ledger, writers);
      const ratio = (rate / plain).toFixed(2);
      console.log(
        `ledger append, ${writers} writers: ${rate.toFixed(0)} leaves/s, one fdatasync per leaf ${plain.toFixed(0)}/s, ratio ${ratio}`,
      );
    });
  }
}

async function benchGrowth(sizes: readonly number[]): Promise<void> {
  await withLedger(async (ledger) => {
    for (const size of sizes) {
      await fill(ledger, size);
      await ledger.outcomeOf(0);
      const place = (at: number): number => Math.floor(((at * 7_919) % samples) * (size / samples));
      const proof = await latency((at) => ledger.proof(place(at)));
      const entry = await latency((at) => ledger.entry(place(at)));
      const list = await latency((at) => ledger.entries({ product: "GURUKUL", after: place(at), limit: 20 }));
      console.log(`ledger at ${size}: proof ${proof}; entry ${entry}; list of 20 ${list}`);
    }
  });
}

const sizes = (process.argv[2] ?? "1000,100000,1000000").split(",").map(Number);
await benchAppends();
await benchGrowth(sizes);
