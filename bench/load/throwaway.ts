// A server to measure: a process of its own on a data folder of its own, both gone afterwards.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { plainEnv, startServer } from "../../test/support/charter.ts";

const launcher = resolve(import.meta.dirname, "../../bin/charter.cjs");

/** Resident memory of a process, bytes. */
export interface Memory {
  readonly nowBytes: number;
  readonly peakBytes: number;
}

/** A running server. */
export interface Throwaway extends AsyncDisposable {
  readonly url: string;
  readonly adminKey: string;
  readonly dataDir: string;
  /** A folder for the bench itself, on the same disk as the data. */
  readonly workDir: string;
  keyFor(product: string): Promise<string>;
  /** What `/proc` says the server uses. */
  memory(): Promise<Memory>;
  /** Starts counting the peak anew. */
  resetPeak(): Promise<void>;
}

/** Starts a server; `nodeOptions` go to its Node. */
export async function startThrowaway(nodeOptions: readonly string[] = []): Promise<Throwaway> {
  const workDir = await mkdtemp(join(tmpdir(), "charter-bench-"));
  const dataDir = join(workDir, "data");
  const args = [...nodeOptions, launcher, "serve", "--port", "0", "--data", dataDir, "--json", "--log-level", "warn"];
  const server = await startServer(process.execPath, args, { cwd: workDir, env: plainEnv() });
  const { url, adminKey = "" } = server.ready;
  const { pid } = server.process;
  return {
    url,
    adminKey,
    dataDir,
    workDir,
    async keyFor(product) {
      const answer = await fetch(`${url}/v1/keys`, {
        method: "POST",
        headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
        body: JSON.stringify({ kind: "product", product }),
      });
      if (answer.status !== 201) throw new Error(`the server made no key: ${await answer.text()}`);
      return ((await answer.json()) as { key: string }).key;
    },
    async memory() {
      const status = await readFile(`/proc/${pid}/status`, "utf8");
      const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
      return { nowBytes: of("VmRSS"), peakBytes: of("VmHWM") };
    },
    // Linux: writing 5 to clear_refs resets the peak (man 5 proc).
    resetPeak: () => writeFile(`/proc/${pid}/clear_refs`, "5"),
    async [Symbol.asyncDispose]() {
      if (server.process.exitCode === null) {
        const ended = new Promise((done) => server.process.once("exit", done));
        server.process.kill("SIGTERM");
        await ended;
      }
      await rm(workDir, { recursive: true, force: true });
    },
  };
}

/** Runs a file of this folder in a process of its own with one JSON argument; resolves with the JSON it prints. */
export async function inProcess<T>(file: string, asked: unknown): Promise<T> {
  const path = join(import.meta.dirname, file);
  const { stdout } = await promisify(execFile)(process.execPath, [path, JSON.stringify(asked)], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout) as T;
}
