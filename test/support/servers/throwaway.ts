// A server to show or measure: a process of its own on a data folder of its own, both gone when it is disposed of.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { PrincipalKind, Role } from "../../../src/kernel/ctx.ts";
import { plainEnv, startServer } from "../app/charter.ts";

/** The launcher of this checkout. */
export const launcher = resolve(import.meta.dirname, "../../../bin/charter.cjs");

/** Resident memory of a process, bytes. */
export interface Memory {
  readonly nowBytes: number;
  readonly peakBytes: number;
}

/** A running server. */
export interface Throwaway extends AsyncDisposable {
  readonly url: string;
  readonly adminKey: string;
  readonly constitutionHash: string;
  readonly dataDir: string;
  /** A folder beside the data, on the same disk, that goes away with it. */
  readonly workDir: string;
  /** Makes a key. */
  keyFor(kind: PrincipalKind, product?: string, role?: Role): Promise<string>;
  /** What `/proc` says the server uses. */
  memory(): Promise<Memory>;
  /** Starts counting the peak anew. */
  resetPeak(): Promise<void>;
  /** Stops the server and leaves the folders. */
  stop(): Promise<void>;
}

/** What differs from an ordinary start. */
export interface ThrowawayOptions {
  /** For its Node. */
  readonly node?: readonly string[];
  /** For `charter serve`. */
  readonly serve?: readonly string[];
  /** Data that is there already and stays; a folder of its own when absent. */
  readonly dataDir?: string;
}

/** Starts a server. */
export async function startThrowaway(options: ThrowawayOptions = {}): Promise<Throwaway> {
  const workDir = await mkdtemp(join(tmpdir(), "charter-"));
  const dataDir = options.dataDir ?? join(workDir, "data");
  // What is measured is the work, not the limit.
  const ordinary = [
    "serve",
    "--port",
    "0",
    "--data",
    dataDir,
    "--log-level",
    "error",
    "--json",
    "--rate-factor",
    "10000",
    "--max-event-loop-delay-ms",
    "0",
  ];
  const serve = [...ordinary, ...(options.serve ?? [])];
  const server = await startServer(process.execPath, [...(options.node ?? []), launcher, ...serve], {
    cwd: workDir,
    env: plainEnv(),
  }).catch(async (error: unknown) => {
    await rm(workDir, { recursive: true, force: true });
    throw error;
  });
  const { url, admin_key: adminKey = "", constitution_hash: constitutionHash } = server.ready;
  const proc = `/proc/${server.process.pid}`;

  const stop = async (): Promise<void> => {
    if (server.process.exitCode !== null || server.process.signalCode !== null) return;
    const ended = new Promise((done) => server.process.once("exit", done));
    server.process.kill("SIGTERM");
    await ended;
  };

  return {
    url,
    adminKey,
    constitutionHash,
    dataDir,
    workDir,
    async keyFor(kind, product, role) {
      const answer = await fetch(`${url}/v1/keys`, {
        method: "POST",
        headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
        body: JSON.stringify({ kind, product, role }),
      });
      if (answer.status !== 201) throw new Error(`the server made no key: ${await answer.text()}`);
      return ((await answer.json()) as { key: string }).key;
    },
    async memory() {
      const status = await readFile(`${proc}/status`, "utf8");
      const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
      return { nowBytes: of("VmRSS"), peakBytes: of("VmHWM") };
    },
    // Linux: writing 5 to clear_refs sets the peak to the present (man 5 proc).
    resetPeak: () => writeFile(`${proc}/clear_refs`, "5"),
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}
