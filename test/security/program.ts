// Programs of the distribution, run to an end that is theirs or ours: each leads a process group, and the whole group is
// killed when its time is over. They get no terminal, no input and nothing of this process's environment but the path.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainPath } from "../support/app/charter.ts";

/** How a program ended. */
export interface Ending {
  /** The exit status; null when it had to be killed. */
  readonly status: number | null;
  /** What it wrote to both of its outputs, without colours. */
  readonly said: string;
}

/** How a program is run. */
export interface ProgramOptions {
  /** Where it runs; its home as well. */
  readonly folder: string;
  /** Name of the file in the folder that keeps what it says. */
  readonly log: string;
  /** When it is killed, milliseconds. */
  readonly timeoutMs: number;
  /** Kills it too. */
  readonly signal?: AbortSignal;
}

/** Most characters of what a program says that are kept; the newest stay. */
const mostSaid = 8_000_000;

/** Runs a program. @throws Error when it cannot be started or is not done in time. */
export async function runProgram(name: string, args: readonly string[], options: ProgramOptions): Promise<Ending> {
  const child = spawn(name, args, {
    cwd: options.folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: plainPath, HOME: options.folder, LANG: "C.UTF-8", TERM: "dumb", PYTHONDONTWRITEBYTECODE: "1" },
  });
  let said = "";
  let late = false;
  const keep = (text: string): void => {
    said = (said + text).slice(-mostSaid);
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  const killGroup = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It ended between the look and the signal.
    }
  };
  const timer = setTimeout(() => {
    late = true;
    killGroup();
  }, options.timeoutMs);
  options.signal?.addEventListener("abort", killGroup, { once: true });
  process.once("exit", killGroup);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    writeFileSync(join(options.folder, options.log), plain(said));
    if (late) throw new Error(`${name} was not done after ${options.timeoutMs / 1000} s: ${said.slice(-500)}`);
    return { status, said: plain(said) };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", killGroup);
    process.off("exit", killGroup);
  }
}

/** Text without the sequences that steer a terminal (ECMA-48). */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with one
  return text.replaceAll(/\u001b(\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[@-Z\\-_=>])/g, "").replaceAll("\r", "");
}
