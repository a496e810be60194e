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
import { costFigure, nearestRank, numberText, rateFigure, runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";

/** How long each rate is measured, seconds. */
const measureSeconds = 4;
/** Calls behind each latency. */
const samples = 1_000;

const products = ["AI_ASSISTANT", "GURUKUL", "ENFORCEMENT", "WORKFLOW"];

/** A leaf of the size that a governed write leaves, some 500 bytes. */
function leafOf(number: number): Leaf {
  const product = products[number % products.length] ?? "AI_ASSISTANT";
  return {
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

/** Nearest-rank percentiles of calls made one after another, milliseconds. */
async function latency(call: (at: number) => Promise<unknown>): Promise<{ p50: number; p99: number }> {
  const times = new Float64Array(samples);
  for (let at = 0; at < samples; at++) {
    const begin = performance.now();
    await call(at);
    times[at] = performance.now() - begin;
  }
  times.sort();
  return { p50: nearestRank(times, 0.5), p99: nearestRank(times, 0.99) };
}

async function fill(ledger: DiskLedger, size: number): Promise<void> {
  while (ledger.size < size) {
    const count = Math.min(2_000, size - ledger.size);
    await ledger.append(Array.from({ length: count }, (_, at) => leafOf(at)));
  }
  await ledger.publish();
}

/** A ledger in a folder; closing it closes its database. */
async function openAt(dir: string): Promise<AsyncDisposable & { readonly ledger: DiskLedger }> {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await openDatabase({ kind: "sqlite", file: join(dir, "charter.db") }, silentLog));
  await database.migrate(ledgerMigrations);
  const options = { dir: join(dir, "ledger"), origin: "bench.example/ledger", clock: systemClock, log: silentLog };
  const ledger = opened.use(await openLedger({ ...options, database }));
  const parts = opened.move();
  return { ledger, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function withLedger<T>(work: (ledger: DiskLedger, dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "charter-bench-ledger-"));
  try {
    await using opened = await openAt(dir);
    return await work(opened.ledger, dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function* appends(): AsyncGenerator<Figure> {
  for (const writers of [1, 10, 100]) {
    const { plain, rate } = await withLedger(async (ledger, dir) => ({
      plain: syncPerLeaf(dir),
      rate: await appendRate(ledger, writers),
    }));
    yield rateFigure({
      name: `durable leaves from ${writers} ${writers === 1 ? "writer" : "writers"}`,
      value: rate,
      unit: "/s",
      against: "one fdatasync per leaf",
      base: plain,
    });
  }
}

/** What the ledger itself needs, without HTTP around it; the first size is the base of the others. */
async function* reads(sizes: readonly number[]): AsyncGenerator<Figure> {
  const dir = await mkdtemp(join(tmpdir(), "charter-bench-ledger-"));
  try {
    await using opened = await openAt(dir);
    const { ledger } = opened;
    const first = new Map<string, number>();
    for (const size of sizes) {
      await fill(ledger, size);
      await ledger.outcomeOf(0);
      const place = (at: number): number => Math.floor(((at * 7_919) % samples) * (size / samples));
      const calls: Record<string, (at: number) => Promise<unknown>> = {
        "inclusion proof": (at) => ledger.proof(place(at)),
        entry: (at) => ledger.entry(place(at)),
        "list of 20 entries": (at) => ledger.entries({ product: "GURUKUL", after: place(at), limit: 20 }),
      };
      for (const [what, call] of Object.entries(calls)) {
        const { p50, p99 } = await latency(call);
        const base = first.get(what);
        if (base === undefined) {
          first.set(what, p50);
          continue;
        }
        yield costFigure({
          name: `median ${what} at ${size} entries`,
          value: p50,
          unit: "ms",
          against: `at ${sizes[0]}, all in memory`,
          base,
          note: `p99 ${numberText(p99)} ms`,
        });
      }
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The ledger alone. */
export const ledger: Bench = {
  name: "ledger",
  question:
    "How many leaves per second become durable, and what do a proof, an entry and a list cost as the log grows?",
  options: { sizes: "1000,100000,1000000" },
  async *run(options) {
    yield* appends();
    yield* reads((options["sizes"] ?? "").split(",").map(Number));
  },
};

if (import.meta.main) await runAlone(ledger);
