// SQLite is the real one, on real files, with its failures made here and its power cuts made of what it had synced.
//
// After a power cut the database file is as it is: only checkpoints write to it, and they sync before and after. The log
// keeps what it held at the last durable commit, and of what came later as many bytes as the seed says. What happens inside one
// call of SQLite is SQLite's own, and is not simulated.
import { closeSync, copyFileSync, existsSync, fstatSync, openSync, readSync, rmSync, truncateSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import sqlite from "node:sqlite";
import workerThreads from "node:worker_threads";
import { now } from "./doors-time.ts";
import type { Random } from "./random.ts";

/** What befalls a statement: an error of SQLite's instead of it. */
export interface SqliteFault {
  readonly code: number;
}

/** What befalls SQLite. */
export interface SqliteFaults {
  fault(sql: string): SqliteFault | undefined;
}

let faults: SqliteFaults = { fault: () => undefined };

/** Lets the doors lead to faults. */
export function enterSqlite(simulated: SqliteFaults): void {
  faults = simulated;
}

const RealDatabase = sqlite.DatabaseSync;
const [commit, writes] = [/^commit$/, /^(insert|update|delete|begin|commit)/i];

/** The log of a database file, up to where it is durable. */
interface Durable {
  readonly salt: string;
  readonly bytes: number;
}

const nothing: Durable = { salt: "", bytes: 0 };

/** Where a log stands: a reset gives it new salts. */
function logOf(file: string): Durable {
  const log = `${file}-wal`;
  if (!existsSync(log)) return nothing;
  const descriptor = openSync(log, "r");
  const head = Buffer.alloc(8);
  readSync(descriptor, head, 0, 8, 16);
  const { size } = fstatSync(descriptor);
  closeSync(descriptor);
  return { salt: head.toString("hex"), bytes: size };
}

const durable = new Map<string, Durable>();
let durableAtMs = 0;

/** When the database was last made durable, milliseconds of the timeline. */
export function durableMs(): number {
  return durableAtMs;
}

/** A database whose statements may fail, and which is closed when its program is killed. */
class SimulatedDatabase extends RealDatabase {
  readonly #file: string;
  #isFull = true;

  constructor(file: string, options: sqlite.DatabaseSyncOptions = {}) {
    super(file, options);
    this.#file = file;
    const same = handles.get(file) ?? new Set();
    handles.set(file, same.add(this));
    const { current } = now().timeline;
    if (!current.isAlive) throw failure(14);
  }

  override exec(sql: string): void {
    const fault = writes.test(sql) ? faults.fault(sql) : undefined;
    if (fault !== undefined) throw failure(fault.code);
    super.exec(sql);
    if (sql.startsWith("pragma synchronous")) this.#isFull = sql.endsWith("full");
    if ((commit.test(sql) && this.#isFull) || sql.includes("checkpoint")) {
      durable.set(this.#file, logOf(this.#file));
      durableAtMs = now().timeline.nowMs;
    }
  }

  override close(): void {
    handles.get(this.#file)?.delete(this);
    super.close();
  }
}

/** What is open of each file. */
const handles = new Map<string, Set<SimulatedDatabase>>();

const failure = (code: number): Error =>
  Object.assign(new Error(`simulated failure ${code} of SQLite`), { code: "ERR_SQLITE_ERROR", errcode: code });

/** Ends every handle of a file as a kill does, or a power cut; the files are what is left. */
export function endDatabase(file: string, powerCut: Random | undefined): void {
  const names = [file, `${file}-wal`];
  const known = durable.get(file) ?? nothing;
  const log = logOf(file);
  for (const name of names) if (existsSync(name)) copyFileSync(name, `${name}.left`);
  // Closing tidies up, which nobody does who is killed.
  for (const handle of handles.get(file) ?? []) handle.close();
  for (const name of names) {
    rmSync(name, { force: true });
    if (existsSync(`${name}.left`)) copyFileSync(`${name}.left`, name);
    rmSync(`${name}.left`, { force: true });
  }
  rmSync(`${file}-shm`, { force: true });
  const kept = known.salt === log.salt ? known.bytes : 0;
  if (powerCut !== undefined && log.bytes > 0) truncateSync(`${file}-wal`, kept + powerCut.below(log.bytes - kept + 1));
  // A killed program's writes are the system's, and a power cut leaves what it leaves.
  if (powerCut !== undefined) durable.set(file, logOf(file));
  else durable.set(file, known);
}

type Listener = (message: unknown) => void;

/** A thread of Charter's, whose work is done here, as an event of its own. */
class SimulatedWorker {
  readonly #listeners = new Map<string, Listener[]>();
  readonly #file: string;
  #handle: SimulatedDatabase | undefined;

  constructor(_script: URL, { workerData }: { readonly workerData: { readonly file?: string } }) {
    if (workerData.file === undefined) throw new Error("only the thread of SQLite's checkpoints is simulated");
    this.#file = workerData.file;
  }

  on(name: string, listener: Listener): this {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    return this;
  }

  postMessage(): void {
    now().timeline.soon(1, 50, () => {
      this.#handle ??= new SimulatedDatabase(this.#file, { timeout: 0 });
      this.#handle.exec("pragma wal_checkpoint(passive)");
      for (const listener of this.#listeners.get("message") ?? []) listener("done");
    });
  }

  async terminate(): Promise<void> {
    this.#handle?.close();
    this.#handle = undefined;
  }

  ref(): void {}

  unref(): void {}
}

/** What src/db imports from `node:sqlite`; `hooks.ts` leads it here. */
export { SimulatedDatabase as DatabaseSync };

/** Gives everything in this process that is loaded after this the simulated threads. */
export function openSqliteDoors(): void {
  Object.assign(workerThreads, { Worker: SimulatedWorker });
  syncBuiltinESMExports();
}
