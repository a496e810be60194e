// What a command costs before it does anything: CPU seconds against those of Node that runs an empty file, with what the engine
// compiled kept from an earlier run, as on a machine where the command was used before. The commands that ask a server meet none.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { costFigure, runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";

const launcher = resolve(import.meta.dirname, "../bin/charter.cjs");
/** A port that nothing listens on: the discard service is long gone. */
const nowhere = "http://127.0.0.1:9";

/** Lines of the command line, and the share of bare Node that each may cost. */
const lines = ["--version", "--help", "ls", "keys list", "budget show", "status", "serve --help", "completion bash"];

/** What the comparison answers. */
export const cli: Bench = {
  name: "cli",
  question: "what does a command cost before it does anything?",
  options: { runs: "20" },
  run,
};

async function* run(options: Readonly<Record<string, string>>): AsyncGenerator<Figure> {
  const runs = Number(options["runs"]);
  const home = await mkdtemp(join(tmpdir(), "charter-bench-cli-"));
  try {
    const empty = join(home, "empty.cjs");
    await writeFile(empty, "");
    for (const line of lines) {
      const words = [launcher, ...line.split(" ")];
      // The first run keeps what was compiled.
      await cpuSeconds(words, 1, home);
      const value = await cpuSeconds(words, runs, home);
      const base = await cpuSeconds([empty], runs, home);
      yield costFigure({ name: `charter ${line}`, value, unit: "CPU s", against: "bare Node", base });
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Mean CPU seconds, user and system, of running Node with these words. */
async function cpuSeconds(words: readonly string[], runs: number, home: string): Promise<number> {
  // The second line of `times` (POSIX) is what the children of the shell took.
  const loop = `i=0; while [ $i -lt ${runs} ]; do "$@" > /dev/null 2>&1; i=$((i + 1)); done; times`;
  const env = { PATH: process.env["PATH"], HOME: home, CHARTER_URL: nowhere };
  const { stdout } = await promisify(execFile)("sh", ["-c", loop, "sh", process.execPath, ...words], { env });
  const children = stdout.trim().split("\n")[1] ?? "";
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => 60 * Number(minutes) + Number(rest),
  );
  return seconds.reduce((sum, each) => sum + each, 0) / runs;
}

if (import.meta.main) await runAlone(cli);
