// `npm test`: installs what the suites need where that is possible, starts a throwaway PostgreSQL, runs vitest with the
// given arguments and ends with one line of counts. Takes everything down again, however the run ends.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, packages } from "../test/support/servers/packages.ts";
import { startPostgres } from "../test/support/servers/servers.ts";
import type { PostgresServer } from "../test/support/servers/servers.ts";

/** The parts of vitest's json report that are counted. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/** Passes signals on to vitest; a signal that comes before vitest runs is remembered. */
class Interruption {
  #child: ChildProcess | undefined;
  #signal: NodeJS.Signals | undefined;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        this.#signal = signal;
        this.#child?.kill(signal);
      });
    }
  }

  /** The exit status of a run that was interrupted before it began. */
  get status(): number | undefined {
    return this.#signal === undefined ? undefined : signalStatus(this.#signal);
  }

  watch(child: ChildProcess): void {
    this.#child = child;
  }
}

/** What a shell reports for a program that a signal ended. */
function signalStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** Runs vitest with inherited output; resolves with its exit status. */
async function runVitest(
  args: readonly string[],
  reportFile: string,
  env: NodeJS.ProcessEnv,
  interruption: Interruption,
): Promise<number> {
  if (interruption.status !== undefined) return interruption.status;
  const vitest = join(createRequire(import.meta.url).resolve("vitest/package.json"), "../vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const child = spawn(process.execPath, [vitest, "run", ...reporters, ...args], { stdio: "inherit", env });
  interruption.watch(child);
  return await new Promise((resolve) => {
    child.once("error", (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once("exit", (status, signal) => resolve(status ?? (signal === null ? 1 : signalStatus(signal))));
  });
}

/** The last line: a file that could not even be loaded counts as one failure. */
function summary(reportFile: string): string {
  try {
    const report = JSON.parse(readFileSync(reportFile, "utf8")) as Report;
    const unloaded = report.testResults.filter(
      (file) => file.status === "failed" && file.assertionResults.length === 0,
    );
    const skipped = report.numPendingTests + report.numTodoTests;
    return `${report.numPassedTests} passed, ${report.numFailedTests + unloaded.length} failed, ${skipped} skipped`;
  } catch {
    return "0 passed, 1 failed, 0 skipped";
  }
}

async function postgresOrReason(): Promise<PostgresServer | undefined> {
  try {
    return await startPostgres();
  } catch (error) {
    console.error(`PostgreSQL was not started: ${(error as Error).message}`);
    return undefined;
  }
}

if (import.meta.main) {
  const interruption = new Interruption();
  const installation = aptInstall(packages);
  if (!installation.ok) console.error(`not installed: ${installation.reason}`);
  else if (installation.installed.length > 0) console.log(`installed: ${installation.installed.join(", ")}`);
  const folder = mkdtempSync(join(tmpdir(), "charter-test-"));
  const reportFile = join(folder, "report.json");
  try {
    await using postgres = await postgresOrReason();
    const url = postgres === undefined ? {} : { CHARTER_TEST_POSTGRES_URL: postgres.url };
    process.exitCode = await runVitest(process.argv.slice(2), reportFile, { ...process.env, ...url }, interruption);
  } finally {
    console.log(summary(reportFile));
    rmSync(folder, { recursive: true, force: true });
  }
}
