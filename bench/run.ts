// `npm run bench [name...] [-- --save] [--option value]`: runs the benches in turn, each in its own process so that
// none inherits another's memory or compiled code, and ends with a table. `--save` keeps the figures in bench/results, or
// in the folder that `--to` names.
//
// `npm run bench compare [name...]` runs them and holds every figure to the saved one; with `-- --from FOLDER` it reads a
// run that was kept with `--to`. It exits 1 when a figure is worse than `leastKept` of what is saved.
import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { table } from "../src/cli/table.ts";
import { figureLine, numberText } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";
import { blobs } from "./blobs.ts";
import { claims } from "./claims.ts";
import { cli } from "./cli.ts";
import { comparisonCells, comparisonHeading, compareRuns, isWorse, leastKept, readRun } from "./compare.ts";
import type { Comparison } from "./compare.ts";
import { decisions } from "./decisions.ts";
import { depository } from "./depository.ts";
import { gateway } from "./gateway.ts";
import { growth } from "./growth.ts";
import { guardAccuracy } from "./guards.ts";
import { identity } from "./identity.ts";
import { inspection } from "./inspection.ts";
import { isolation } from "./isolation.ts";
import { ledger } from "./ledger.ts";
import { routing } from "./routing.ts";
import { streams } from "./streams.ts";

const benches: readonly Bench[] = [
  decisions,
  ledger,
  blobs,
  depository,
  streams,
  growth,
  isolation,
  identity,
  cli,
  claims,
  gateway,
  routing,
  guardAccuracy,
  inspection,
];

/** Where the figures lie that a run is held to. */
const savedFolder = join(import.meta.dirname, "results");

interface Result {
  readonly bench: Bench;
  readonly figures: readonly Figure[];
  readonly ok: boolean;
}

/** Runs one bench file and shows its figures as they come. */
async function runOne(bench: Bench, args: readonly string[]): Promise<Result> {
  console.log(`${bench.name}: ${bench.question}`);
  const file = join(import.meta.dirname, `${bench.name}.ts`);
  const child = spawn(process.execPath, [file, "--json", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const figures: Figure[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const figure = JSON.parse(line) as Figure;
    figures.push(figure);
    console.log(`  ${figureLine(bench.name, figure)}`);
  }
  return { bench, figures, ok: (await ended) === 0 && figures.length > 0 };
}

/** What the figures were taken on; a ratio travels, a figure does not. */
function machine(): object {
  const [cpu] = cpus();
  return {
    node: process.versions.node,
    kernel: release(),
    cpu: cpu?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
  };
}

async function save({ bench, figures }: Result, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const kept = { bench: bench.name, question: bench.question, at: new Date().toISOString(), on: machine(), figures };
  await writeFile(join(folder, `${bench.name}.json`), `${JSON.stringify(kept, null, 2)}\n`);
}

function rowsOf({ bench, figures }: Result): string[][] {
  return figures.map(({ name, value, unit, base, ratio, better }) => [
    bench.name,
    name,
    `${numberText(value)} ${unit}`,
    `${numberText(base)} ${unit}`,
    numberText(ratio),
    better,
  ]);
}

/** Runs benches in turn and keeps the figures of those that ended well, where a folder is named. */
async function runAll(chosen: readonly Bench[], options: Options, folder: string | undefined): Promise<Result[]> {
  const results: Result[] = [];
  for (const bench of chosen) {
    const args = Object.keys(bench.options).flatMap((name) => {
      const value = options[name];
      return typeof value === "string" ? [`--${name}`, value] : [];
    });
    const result = await runOne(bench, args);
    results.push(result);
    if (folder !== undefined && result.ok) await save(result, folder);
  }
  return results;
}

/** Shows figures next to the saved ones; false when one is worse, or there was nothing to compare. */
function showComparison(rows: readonly Comparison[]): boolean {
  for (const line of table(comparisonHeading, rows.map(comparisonCells), [3, 4, 5])) console.log(line);
  const worse = rows.filter(isWorse).length;
  console.log();
  console.log("now/saved is turned round where lower is better: below 1 is always worse");
  console.log(`${rows.length} figures, ${worse} below ${leastKept} of what is saved or not measured`);
  return rows.length > 0 && worse === 0;
}

type Options = Readonly<Record<string, unknown>>;

/** Runs the program; gives the exit status. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      save: { type: "boolean" },
      to: { type: "string" },
      from: { type: "string" },
      ...Object.fromEntries(
        benches.flatMap(({ options }) => Object.keys(options)).map((name) => [name, { type: "string" as const }]),
      ),
    },
  });
  const options: Options = values;
  const compares = positionals[0] === "compare";
  const names = compares ? positionals.slice(1) : positionals;
  const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    console.error(`no bench is called ${unknown.join(", ")}; there are ${benches.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  if (compares && options["save"] === true) {
    console.error("a comparison does not replace what it compares with; keep its figures with --to FOLDER");
    return 2;
  }
  const chosen = benches.filter(({ name }) => names.length === 0 || names.includes(name));
  const { from, to } = options;
  if (compares && typeof from === "string") {
    const rows: Comparison[] = [];
    for (const { name } of chosen)
      rows.push(...compareRuns(await readRun(savedFolder, name), await readRun(from, name)));
    return showComparison(rows) ? 0 : 1;
  }
  const folder = typeof to === "string" ? to : options["save"] === true ? savedFolder : undefined;
  const results = await runAll(chosen, options, folder);
  console.log();
  const failed = results.filter(({ ok }) => !ok).map(({ bench }) => bench.name);
  if (failed.length > 0) console.error(`failed: ${failed.join(", ")}`);
  if (!compares) {
    const heading = ["bench", "figure", "value", "compared with", "ratio", "better"];
    for (const line of table(heading, results.flatMap(rowsOf), [2, 3, 4])) console.log(line);
    return failed.length > 0 ? 1 : 0;
  }
  const rows: Comparison[] = [];
  for (const { bench, figures } of results) {
    rows.push(...compareRuns(await readRun(savedFolder, bench.name), { bench: bench.name, figures }));
  }
  return showComparison(rows) && failed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
