// One machine that Charter runs on: its disk and its database stay when a program ends, however it ends.
import { constants, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { startCharter } from "../../src/app/start.ts";
import type { Charter } from "../../src/app/start.ts";
import { loadConfig } from "../../src/config/index.ts";
import type { Log } from "../../src/kernel/ctx.ts";
import { Disk } from "./disk.ts";
import { enterDisk } from "./disk-work.ts";
import { enterDatabase } from "./doors-database.ts";
import { endDatabase, enterSqlite } from "./doors-sqlite.ts";
import type { Faults } from "./faults.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import { programOf } from "./timeline.ts";
import type { Program, Timeline } from "./timeline.ts";

/** Where Charter listens. */
export const charterPort = 8000;

/** The one clock of all connections to providers, which lives as long as this process: a program that is killed takes it along. */
const fromHere = createRequire(import.meta.url);
const connectionTimers = fromHere(join(fromHere.resolve("undici"), "../lib/util/timers.js")) as { reset(): void };

/** How a program ends: asked to, at once, or with the machine. */
export type Ending = "stop" | "kill" | "power cut";

/** What a machine is built of. */
export interface MachineParts {
  readonly timeline: Timeline;
  readonly chance: Random;
  readonly faults: Faults;
  readonly network: Network;
  readonly log: Log;
}

/** The machine. */
export class Machine implements Disposable {
  readonly disk: Disk;
  /** Charter's data folder: on the simulated disk, but for the database. */
  readonly dataDir: string;
  /** The key that the first start printed. */
  adminKey = "";
  /** Settings of the starts to come. */
  flags: Readonly<Record<string, string>> = {};
  readonly #root: string;
  readonly #parts: MachineParts;
  #running: { readonly charter: Charter } | undefined;
  #starts = 0;
  #program: Program | undefined;

  constructor(parts: MachineParts, folder: string) {
    this.#parts = parts;
    this.#root = mkdtempSync(join(folder, "charter-simulation-"));
    this.dataDir = join(this.#root, "data");
    mkdirSync(this.dataDir);
    this.disk = new Disk(this.#root);
    const { chance, faults } = parts;
    faults.disk = this.disk;
    enterDisk({
      disk: this.disk,
      chance,
      slowestMs: (work) => faults.slowestMs(work),
      fault: (work, path) => faults.ofDisk(work, path.slice(this.#root.length)),
      programs: () => (this.#program === undefined ? [] : [this.#program]),
    });
    enterDatabase(() => faults.ofUnit());
    enterSqlite({ fault: (sql) => faults.ofSqlite(sql) });
  }

  /** Puts a file of the operator's next to the data folder; gives its path. */
  keep(name: string, text: string): string {
    const path = join(this.#root, name);
    const file = this.disk.open(path, constants.O_CREAT, 0o600, 0);
    if (file.kind === "file") this.disk.write(file, Buffer.from(text), 0, 0);
    for (const node of [file, this.disk.folderAt(this.#root)]) this.disk.sync(node);
    return path;
  }

  /**
   * Starts Charter; resolves with why it refuses writes, if it does. Rejects when it does not start; what it had begun is then
   * killed. One that is ended before it has started never settles.
   */
  async start(): Promise<string | undefined> {
    const { timeline, log } = this.#parts;
    const program = programOf(`charter-${++this.#starts}`, 100 + this.#starts);
    this.#program = program;
    const ordinary = {
      port: String(charterPort),
      data: this.dataDir,
      "rate-factor": "10000",
      "max-event-loop-delay-ms": "0",
    };
    const settings = { flags: { ...ordinary, ...this.flags }, env: {}, cwd: this.#root, readFile: () => undefined };
    const { config } = loadConfig(settings);
    try {
      const charter = await timeline.run(program, () => startCharter(config, { version: "0.0.0-simulation", log }));
      this.adminKey = charter.adminKey ?? this.adminKey;
      this.#running = { charter };
      return charter.trouble;
    } catch (error) {
      this.#end(program, undefined);
      throw error;
    }
  }

  /** Ends the program that runs, or that is starting; resolves when it has ended. */
  async end(how: Ending): Promise<void> {
    const [program, running] = [this.#program, this.#running];
    if (program?.isAlive !== true) return;
    this.#running = undefined;
    const { timeline, chance } = this.#parts;
    // One that cannot write its last notes says so and ends all the same.
    if (how === "stop" && running) await timeline.run(program, () => running.charter.close()).catch(() => {});
    this.#end(program, how === "power cut" ? chance : undefined);
  }

  #end(program: Program, powerCut: Random | undefined): void {
    this.#parts.timeline.kill(program);
    connectionTimers.reset();
    endDatabase(join(this.dataDir, "charter.db"), powerCut);
    if (powerCut !== undefined) this.disk.cutPower(powerCut);
  }

  [Symbol.dispose](): void {
    if (this.#program !== undefined) this.#end(this.#program, undefined);
    rmSync(this.#root, { recursive: true, force: true });
  }
}
