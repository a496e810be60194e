// A Charter as its users run it: a process of its own, started through bin/charter.cjs, spoken to over HTTP, stopped by
// a signal or killed. Nothing of it runs in the process of the tests.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Pool } from "undici";
import type { PrincipalKind, Role } from "../../../src/kernel/ctx.ts";
import { expectConform, wayTo } from "../http/prism.ts";

/** The launcher that every process is started through. */
export const launcher = resolve("bin/charter.cjs");

/** Longest wait for a server to be ready or to go, milliseconds. */
const patienceMs = 60_000;
/** Most characters of a server's log that are kept. */
const maxLog = 200_000;

/** What a server says on its one line of JSON. */
export interface ReadyLine {
  readonly url: string;
  readonly admin_key?: string;
  readonly data_dir: string;
  readonly constitution_hash: string;
}

/** How a process is started. */
export interface ProcessOptions {
  readonly dataDir: string;
  /** The admin's key, for every start but the first. */
  readonly adminKey?: string;
  /** More arguments of `charter serve`. */
  readonly args?: readonly string[];
  /** The launcher; that of this tree when absent. */
  readonly launcher?: string;
  /** The Node that runs the launcher; that of the tests when absent. */
  readonly node?: string;
  /** The umask it is started under; that of the tests when absent. */
  readonly umask?: number;
  /** More variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Connections that `ask` may have open at once. */
  readonly connections?: number;
}

/** How one request is made. */
export interface ProcessAsk {
  readonly method?: string;
  /** The caller's key; the admin's when absent, none when null. */
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when bytes, text or an iterable of bytes, otherwise as JSON. */
  readonly body?: unknown;
}

/** An answer with its body read. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  /** The body as JSON; undefined when it is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly json: any;
}

/** A running server. */
export interface CharterProcess extends AsyncDisposable {
  readonly url: string;
  readonly adminKey: string;
  readonly pid: number;
  readonly ready: ReadyLine;
  ask(path: string, ask?: ProcessAsk): Promise<Reply>;
  /** A new key of a kind. */
  keyFor(kind: PrincipalKind, product?: string, role?: Role): Promise<string>;
  /** Number of leaves under the newest checkpoint. */
  ledgerSize(): Promise<number>;
  /** The end of what the server wrote to stderr. */
  log(): string;
  /** Whether the process has ended. */
  readonly ended: boolean;
  /** Resolves with the exit status when the process has ended by itself; null when a signal ended it. */
  readonly exit: Promise<number | null>;
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit status when the process is gone. */
  stop(): Promise<number | null>;
}

/** Starts a server and waits for its line. @throws Error with the server's log when it ends instead. */
export async function spawnCharter(options: ProcessOptions): Promise<CharterProcess> {
  // Tests ask faster than people; those of the limits choose a factor of their own, and the last one counts.
  // A busy machine is late for everything, and shedding is tested where it is meant.
  const patient = ["--rate-factor", "10000", "--max-event-loop-delay-ms", "0"];
  const args = ["serve", "--port", "0", "--data", options.dataDir, "--json", ...patient, ...(options.args ?? [])];
  const command = [options.node ?? process.execPath, options.launcher ?? launcher, ...args];
  const [program = "", ...words] =
    options.umask === undefined
      ? command
      : ["/bin/sh", "-c", `umask ${options.umask.toString(8)} && exec "$0" "$@"`, ...command];
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.env } });
  const exited = once(child, "exit");
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-maxLog)));
  const ready = await readyLine(child, () => log);
  const pool = new Pool(wayTo(ready.url).url, { connections: options.connections ?? 64, pipelining: 1 });
  const adminKey = ready.admin_key ?? options.adminKey ?? "";

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
    await pool.destroy();
    return child.exitCode;
  };
  const server: CharterProcess = {
    url: ready.url,
    adminKey,
    pid: child.pid ?? 0,
    ready,
    ask: (path, ask = {}) => askOver(pool, { url: ready.url, adminKey }, path, ask),
    async keyFor(kind, product, role) {
      const { status, json } = await server.ask("/v1/keys", { body: { kind, product, role } });
      if (status !== 201) throw new Error(`no key: ${JSON.stringify(json)}`);
      return json.key;
    },
    async ledgerSize() {
      const { bytes } = await server.ask("/ledger/checkpoint", { key: null });
      return Number(bytes.toString().split("\n")[1]);
    },
    log: () => log,
    get ended() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    exit: exited.then(() => child.exitCode),
    async kill() {
      await end("SIGKILL");
    },
    stop: () => end("SIGTERM"),
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
    },
  };
  return server;
}

async function readyLine(child: ChildProcess, log: () => string): Promise<ReadyLine> {
  const { promise, resolve, reject } = Promise.withResolvers<ReadyLine>();
  const late = setTimeout(() => {
    child.kill("SIGKILL");
    reject(new Error(`the server was not ready in time: ${log()}`));
  }, patienceMs);
  child.once("exit", () => reject(new Error(`the server ended before it was ready: ${log()}`)));
  if (child.stdout) {
    createInterface(child.stdout).once("line", (line) => {
      if (line.startsWith('{"url":')) resolve(JSON.parse(line) as ReadyLine);
      else reject(new Error(`the server said ${line}: ${log()}`));
    });
  }
  try {
    return await promise;
  } finally {
    clearTimeout(late);
  }
}

async function askOver(
  pool: Pool,
  { url, adminKey }: { url: string; adminKey: string },
  path: string,
  ask: ProcessAsk,
): Promise<Reply> {
  const { body } = ask;
  const isRaw = typeof body === "string" || body instanceof Uint8Array || isIterable(body);
  const credential = ask.key === undefined ? adminKey : ask.key;
  const answer = await pool.request({
    path,
    method: ask.method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(credential === null ? {} : { authorization: `Bearer ${credential}` }),
      ...(body === undefined || isRaw ? {} : { "content-type": "application/json" }),
      ...ask.headers,
      ...wayTo(url).headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? (body as string | Uint8Array) : JSON.stringify(body) }),
  });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  expectConform((name) => answer.headers[name]);
  return { status: answer.statusCode, headers: answer.headers, bytes, json: jsonOf(bytes) };
}

function isIterable(body: unknown): boolean {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

/** Numbers in [0, 1) that are the same in every run with the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a run: CHARTER_TEST_SEED, or a new one; printed, so that a failure can be run again. */
export function announcedSeed(suite: string): number {
  const seed = Number(process.env["CHARTER_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  process.stderr.write(`${suite}: seed ${seed} (set CHARTER_TEST_SEED to run it again)\n`);
  return seed;
}

/** Everything a paged listing holds, through its cursor. */
export async function everyPage<T>(server: CharterProcess, path: string, field: string, key?: string): Promise<T[]> {
  const rows: T[] = [];
  const ask = key === undefined ? {} : { key };
  const glue = path.includes("?") ? "&" : "?";
  for (let cursor: string | null = ""; cursor !== null;) {
    const after: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const { status, json } = await server.ask(`${path}${glue}limit=1000${after}`, ask);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
    rows.push(...(json[field] as T[]));
    cursor = json.next as string | null;
  }
  return rows;
}

/** Runs work over items, so many at a time. */
export async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>) {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
