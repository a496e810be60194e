// Does the cost of a read grow with the history behind it? Servers with histories of different lengths run side by side
// and are asked over HTTP in turns, so that a busy moment of the machine falls on all of them; the histories were filled
// through the domain's parts (load/history.ts). `--records` is the longest history.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "undici";
import { startThrowaway } from "../test/support/servers/throwaway.ts";
import { costFigure, nearestRank, numberText, runAlone } from "./bench.ts";
import type { Bench, BenchOptions, Figure } from "./bench.ts";
import { fillHistory } from "./load/history.ts";
import type { History } from "./load/history.ts";

/** Rounds of asking; each asks every server each question once. */
const rounds = 400;
/** Rounds before that, which are not counted. */
const warmRounds = 100;
const pageRows = 50;
/** Lengths of history below the longest. */
const shorter = [1000, 100_000];

const questions = [
  "point read",
  "first page of 50",
  "page of 50 deep in",
  "inclusion proof",
  "artifact's proof",
] as const;
type Question = (typeof questions)[number];

interface Asked extends AsyncDisposable {
  readonly records: number;
  /** Asks one question and gives the time until the whole answer was there, milliseconds. */
  ask(question: Question): Promise<number>;
  readonly times: ReadonlyMap<Question, number[]>;
}

async function serverWith(dir: string, records: number): Promise<Asked> {
  const dataDir = join(dir, String(records));
  const began = performance.now();
  await mkdir(dataDir);
  const history = await fillHistory(dataDir, records);
  const filled = performance.now();
  const server = await startThrowaway({ dataDir });
  const key = await server.keyFor("product", history.product);
  const seconds = (from: number, to: number): string => numberText((to - from) / 1000);
  console.error(
    `${records} records: filled in ${seconds(began, filled)} s, started in ${seconds(filled, performance.now())} s`,
  );

  const client = new Client(server.url);
  const headers = { authorization: `Bearer ${key}` };
  const get = async (path: string): Promise<string> => {
    const { statusCode, body } = await client.request({ method: "GET", path, headers });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`GET ${path} was answered ${statusCode}: ${text}`);
    return text;
  };
  const paths = await pathsOf(history, get);
  const times = new Map<Question, number[]>(questions.map((question) => [question, []]));
  return {
    records,
    times,
    async ask(question) {
      const path = paths[question]();
      const started = performance.now();
      await get(path);
      return performance.now() - started;
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The request of each question, about a place that differs from call to call. */
async function pathsOf(
  history: History,
  get: (path: string) => Promise<string>,
): Promise<Record<Question, () => string>> {
  const { ids, firstMs } = history;
  const place = (): number => Math.floor(Math.random() * ids.length);
  const oldMs = firstMs + (Date.now() - firstMs) / 10;
  const before = encodeURIComponent(new Date(oldMs).toISOString());
  const deep = `/v1/artifacts?limit=${pageRows}&created_before=${before}`;
  const { next } = JSON.parse(await get(deep)) as { next: string };
  return {
    "point read": () => `/v1/artifacts/${ids[place()] ?? ""}`,
    "first page of 50": () => `/v1/artifacts?limit=${pageRows}`,
    "page of 50 deep in": () => `${deep}&cursor=${encodeURIComponent(next)}`,
    "inclusion proof": () => `/ledger/proof/${2 * place()}`,
    "artifact's proof": () => `/v1/artifacts/${ids[place()] ?? ""}/proof`,
  };
}

async function* run(options: BenchOptions): AsyncGenerator<Figure> {
  const most = Number(options["records"]);
  const dir = await mkdtemp(join(tmpdir(), "charter-growth-"));
  try {
    await using opened = new AsyncDisposableStack();
    const servers: Asked[] = [];
    for (const records of [...shorter.filter((records) => records < most), most]) {
      servers.push(opened.use(await serverWith(dir, records)));
    }
    for (let round = -warmRounds; round < rounds; round++) {
      for (const question of questions) {
        for (const server of servers) {
          const time = await server.ask(question);
          if (round >= 0) server.times.get(question)?.push(time);
        }
      }
    }
    yield* figuresOf(servers);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function* figuresOf([first, ...longer]: readonly Asked[]): Generator<Figure> {
  if (first === undefined) return;
  for (const question of questions) {
    const ranked = (server: Asked, share: number): number =>
      nearestRank(Float64Array.from(server.times.get(question) ?? []).sort(), share);
    for (const server of longer) {
      yield costFigure({
        name: `median ${question} over HTTP at ${server.records} records`,
        value: ranked(server, 0.5),
        unit: "ms",
        against: `at ${first.records}`,
        base: ranked(first, 0.5),
        note: `p99 ${numberText(ranked(server, 0.99))} and ${numberText(ranked(first, 0.99))} ms`,
      });
    }
  }
}

/** Reads behind a growing history. */
export const growth: Bench = {
  name: "growth",
  question: "Do point reads, pages and proofs stay flat from 1 000 to 1 000 000 records?",
  options: { records: "1000000" },
  run,
};

if (import.meta.main) await runAlone(growth);
