// One process owns a ledger's folder. The lock is a file that names its holder by process id, start time and boot, so
// that a killed holder, or another process that got the same process id, does not keep the folder locked.
import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { link, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { privateFileMode } from "../../kernel/file-modes.ts";
import { readIfThere, systemCode } from "../../durable-files/index.ts";
import { ledgerFault } from "../errors.ts";

/** How long to wait for a holder that may be dying, milliseconds. */
const defaultWaitMs = 5_000;
/** Pause between two looks at the lock, milliseconds. */
const lookAgainMs = 25;

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** Clock ticks since boot at which the process started, and the boot; empty where the system does not tell. */
  readonly started: string;
  /** Sets apart two openers in one process. */
  readonly token: string;
}

/** A held lock. */
export interface FolderLock {
  /** Whether the folder is still ours: a process that could not see this one, as from another container, may have taken it. */
  isHeld(): boolean;
  release(): Promise<void>;
}

/** Locks a folder. Rejects with `ledger.locked` when a living process still holds it after the wait. */
export async function lockFolder(dir: string, waitMs = defaultWaitMs): Promise<FolderLock> {
  const path = join(dir, "lock");
  const holder: Holder = { pid: process.pid, started: (await startOf(process.pid)) ?? "", token: randomUUID() };
  const mine = JSON.stringify(holder);
  const claim = join(dir, `lock.${holder.token}`);
  await writeFile(claim, mine, { mode: privateFileMode });
  try {
    for (let waitedMs = 0; !(await take(claim, path)); waitedMs += lookAgainMs) {
      await removeIfStale(path, `${claim}.stale`);
      if (waitedMs >= waitMs) {
        throw ledgerFault("ledger.locked", "Another process has this ledger open.", { remedy: "Stop it first." });
      }
      await sleep(lookAgainMs);
    }
  } finally {
    await rm(claim, { force: true });
  }
  // While it is open, no other file can have its number.
  const file = await open(path, "r");
  const { dev, ino, mtimeMs } = await file.stat();
  const isOurs = (await file.readFile("utf8")) === mine;
  return {
    // Synchronous on purpose: it is asked before every commit, and a look at a name takes two microseconds.
    isHeld: () => {
      const now = statSync(path, { throwIfNoEntry: false });
      return isOurs && now?.ino === ino && now.dev === dev && now.mtimeMs === mtimeMs;
    },
    release: async () => {
      await file.close();
      if ((await readIfThere(path))?.toString() === mine) await rm(path);
    },
  };
}

/** Links the claim to the lock's name, which fails when the name is taken. */
async function take(claim: string, path: string): Promise<boolean> {
  try {
    await link(claim, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Moves a dead holder's lock aside. If a living one was moved by mistake in a race, it is put back. */
async function removeIfStale(path: string, aside: string): Promise<void> {
  const seen = await readIfThere(path);
  if (seen === undefined || (await isAlive(seen))) return;
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  if (!(await readFile(aside)).equals(seen)) await take(aside, path);
  await rm(aside, { force: true });
}

async function isAlive(lock: Buffer): Promise<boolean> {
  let holder: Holder;
  try {
    holder = JSON.parse(lock.toString()) as Holder;
  } catch {
    return false;
  }
  return (await startOf(holder.pid)) === holder.started;
}

/** When a process started, as text that no other process shares; undefined when it is gone or only waits to be reaped. */
async function startOf(pid: number): Promise<string | undefined> {
  const [stat, boot] = await Promise.all([
    readIfThere(`/proc/${pid}/stat`).catch(() => undefined),
    readIfThere("/proc/sys/kernel/random/boot_id"),
  ]);
  if (boot === undefined) return isRunning(pid) ? "" : undefined;
  if (stat === undefined) return undefined;
  // proc(5): the second field is the command in parentheses; state is field 3 and start time field 22.
  const fields = stat
    .toString()
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ");
  const gone = fields[0] === "Z" || fields[0] === "X";
  return gone ? undefined : `${boot.toString().trim()}/${fields[19]}`;
}

/** Whether a process exists, for systems without /proc. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
