// `npm run bench [name...] [-- --save] [--option value]`: runs the benches in turn, each in a process of its own so that
// none inherits another's memory or compiled code, and ends with a table. `--save` keeps the figures in bench/results.
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
  gateway,
  routing,
  guardAccuracy,
  inspection,
];

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

async function save({ bench, figures }: Result): Promise<void> {
  const folder = join(import.meta.dirname, "results");
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

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    save: { type: "boolean" },
    ...Object.fromEntries(
      benches.flatMap(({ options }) => Object.keys(options)).map((name) => [name, { type: "string" as const }]),
    ),
  },
});
const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name));
if (unknown.length > 0) {
  console.error(`no bench is called ${unknown.join(", ")}; there are ${benches.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const results: Result[] = [];
for (const bench of benches.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  const args = Object.keys(bench.options).flatMap((name) => {
    const value = (values as Readonly<Record<string, unknown>>)[name];
    return typeof value === "string" ? [`--${name}`, value] : [];
  });
  const result = await runOne(bench, args);
  results.push(result);
  if (values["save"] === true && result.ok) await save(result);
}
console.log();
const heading = ["bench", "figure", "value", "compared with", "ratio", "better"];
for (const line of table(heading, results.flatMap(rowsOf), [2, 3, 4])) console.log(line);
const failed = results.filter(({ ok }) => !ok).map(({ bench }) => bench.name);
if (failed.length > 0) console.error(`failed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
