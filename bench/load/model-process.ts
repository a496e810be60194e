// The processes that a comparison of gateways is made of: each is started alone, is known by its number, and goes when the
// bench goes. What the kernel says of a process is read from /proc, so it counts all of its threads.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { plainEnv } from "../../test/support/app/charter.ts";

/** Longest wait for a process to be ready or to go, milliseconds. */
const patienceMs = 60_000;
/** Clock ticks of `/proc/PID/stat` in a second: USER_HZ, 100 on every Linux that Node has binaries for (man 5 proc). */
const ticksPerSecond = 100;

/** A running process. */
export interface Spawned extends AsyncDisposable {
  readonly child: ChildProcess;
  /** The next object that it prints, one a line, in their order. @throws Error when it ends instead. */
  next<T>(): Promise<T>;
  /** Sends it an object on a line of its own. */
  say(what: object): void;
  /** How it ended; undefined while it runs. */
  ended(): string | undefined;
  /** User and system time of all its threads so far, seconds. */
  cpuSeconds(): Promise<number>;
  /** Resident memory, now and at its peak, bytes. */
  memory(): Promise<{ readonly nowBytes: number; readonly peakBytes: number }>;
  /** Starts counting the peak again. */
  resetPeak(): Promise<void>;
}

/** Starts Node with arguments. What it says on stderr is shown, unless no one wants to know. */
export function spawnNode(args: readonly string[], stderr: "inherit" | "ignore" = "inherit"): Spawned {
  const child = spawn(process.execPath, args, { env: plainEnv(), stdio: ["pipe", "pipe", stderr] });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const proc = `/proc/${child.pid}`;
  const objects = objectsOf(child.stdout);
  return {
    child,
    async next<T>() {
      const { value, done } = await objects.next();
      if (done === true) throw new Error(`a process of the bench ended: ${args.join(" ")}`);
      return value as T;
    },
    say(what) {
      child.stdin.write(`${JSON.stringify(what)}\n`);
    },
    ended() {
      const { exitCode, signalCode } = child;
      return exitCode === null && signalCode === null ? undefined : `it ended with ${signalCode ?? exitCode}`;
    },
    async cpuSeconds() {
      const stat = await readFile(`${proc}/stat`, "utf8");
      // The name in brackets may hold spaces; utime and stime are the 12th and 13th field after it.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    },
    async memory() {
      const status = await readFile(`${proc}/status`, "utf8");
      const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
      return { nowBytes: of("VmRSS"), peakBytes: of("VmHWM") };
    },
    // Linux: writing 5 to clear_refs sets the peak to the present (man 5 proc).
    resetPeak: () => writeFile(`${proc}/clear_refs`, "5"),
    async [Symbol.asyncDispose]() {
      process.off("exit", kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      const late = setTimeout(kill, patienceMs);
      await gone;
      clearTimeout(late);
    },
  };
}

/** What a process prints, as long as it is JSON; anything else is passed over. */
async function* objectsOf(stdout: Readable): AsyncGenerator<unknown, void> {
  for await (const line of createInterface({ input: stdout })) if (line.startsWith("{")) yield JSON.parse(line);
}
