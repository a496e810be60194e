// Runs charter as its own process, as a user would.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

/** The line that `charter serve --json` prints when it is ready. */
export interface Ready {
  readonly url: string;
  readonly admin_key?: string;
  readonly admin_password?: string;
  readonly data_dir: string;
  readonly constitution_hash: string;
}

/** A server in a process of its own, with everything it wrote so far. */
export interface ServerProcess {
  readonly process: ChildProcess;
  readonly ready: Ready;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** The path without the folders of node packages, as it is outside npm scripts. */
export const plainPath = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);

/** A Node on the plain path that is too old to run Charter itself. */
export function olderNode(): string | undefined {
  const found = plainPath
    .split(delimiter)
    .map((folder) => join(folder, "node"))
    .find((node) => existsSync(node));
  const version = found === undefined ? "" : spawnSync(found, ["-v"], { encoding: "utf8" }).stdout;
  return Number(/^v(\d+)/.exec(version)?.[1] ?? 24) < 24 ? found : undefined;
}

/** The environment of this process without what is meant for Charter or set by npm. */
export function plainEnv(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(CHARTER_|npm_|NODE_(PATH|OPTIONS|ENV)$)/i.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

/** Starts a command that serves with --json, and resolves when its line is there. Its process leads a group of its own. */
export async function startServer(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<ServerProcess> {
  const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece) => (stdout += String(piece)));
  child.stderr.on("data", (piece) => (stderr += String(piece)));
  const { promise, resolve, reject } = Promise.withResolvers<Ready>();
  createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line) as Ready));
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${stderr}`)));
  return { process: child, ready: await promise, stdout: () => stdout, stderr: () => stderr };
}
